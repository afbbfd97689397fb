"""`elitscope-models train`: what it refuses before any work is done, and what its options make of a recipe."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from elitscope_models.commands import train
from elitscope_models.training.workshop import Workshop


@pytest.fixture
def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    train.add_parser(parser.add_subparsers())
    return parser


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--workers", "0"), "0 workers are too few"),
        (("--recipe", "bronze"), "recipe 'bronze' is unknown"),
        (("--device", "gpu"), "sees no GPU"),
        (("--baseline", "nowhere"), "no bundle 'nowhere'"),
        (("--baseline", "graphene:99"), "no member 99"),
        (("--baseline", "absent.onnx"), "no such file"),
    ],
)
def test_what_makes_no_sense_is_refused_before_any_work(
    parser: argparse.ArgumentParser,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    reason: str,
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    args = parser.parse_args(["train", "--out", str(tmp_path / "g"), *options])
    assert args.run(args) == 2
    assert reason in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_training_that_has_not_ended_is_not_thrown_away(
    parser: argparse.ArgumentParser, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workshop = Workshop.beside(tmp_path / "g")
    workshop.folder.mkdir()
    workshop.open({"name": "something"}, None)
    workshop.checkpoint(0).touch()
    for options, reason in (([], "--resume"), (["--resume"], "made by another recipe")):
        args = parser.parse_args(["train", "--out", str(tmp_path / "g"), "--device", "cpu", *options])
        assert args.run(args) == 2
        assert reason in capsys.readouterr().err
    assert workshop.identity() == {"name": "something"}


def test_the_help_has_examples(parser: argparse.ArgumentParser, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser.parse_args(["train", "--help"])
    said = capsys.readouterr().out
    assert "--members 8 --out ./graphene --resume" in said
    assert "--baseline graphene:2" in said
