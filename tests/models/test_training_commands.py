"""simulate, train, evaluate: one after the other, as somebody would type them."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest
import torch

from elitscope_models.bundle import load_bundle
from elitscope_models.commands import evaluate, simulate, train
from elitscope_models.truth import read_truth


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    subparsers = parser.add_subparsers()
    for command in (simulate, train, evaluate):
        command.add_parser(subparsers)
    args = parser.parse_args(words)
    code: int = args.run(args)
    return code


def test_an_ensemble_is_trained_and_evaluated_on_simulated_frames(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    threads = torch.get_num_threads()
    bundle, truth = str(tmp_path / "small"), tmp_path / "truth.npz"
    assert run("train", "--members", "1", "--steps", "2", "--frames", "4", "--threads", "1", "--seed", "9", "--out", bundle) == 0
    torch.set_num_threads(threads)
    manifest = load_bundle(bundle).manifest
    assert (manifest.training.recipe, manifest.training.seed, len(manifest.members)) == ("graphene", 9, 1)

    assert run("simulate", str(truth), "--frames", "2", "--shape", "96", "80", "--sampling", "0.1") == 0
    assert [frame.pixels.shape for frame in read_truth(truth)] == [(96, 80), (96, 80)]

    capsys.readouterr()
    assert run("evaluate", bundle, "--truth", str(truth), "--plan", "fp32", "--json") == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["ensemble"]["frames"] == 2
    assert [member["name"] for member in figures["members"]] == ["member 0"]

    assert run("evaluate", bundle, "--truth", str(truth), "--plan", "fp32") == 0
    assert "member 0" in capsys.readouterr().out


def test_simulate_replaces_a_file_only_where_that_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("simulate", str(tmp_path / "truth.npz"), "--frames", "1", "--shape", "16", "16")
    assert [run(*words), run(*words), run(*words, "--overwrite")] == [0, 2, 0]
    assert "say --overwrite" in capsys.readouterr().err


def test_what_can_not_be_done_ends_with_2_and_a_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("simulate", str(tmp_path / "movie.avi"), "--frames", "1", "--shape", "16", "16") == 2
    assert run("train", "--recipe", "bronze", "--out", str(tmp_path / "x")) == 2
    assert run("train", "--members", "0", "--out", str(tmp_path / "x")) == 2
    assert run("evaluate", str(tmp_path / "nothing")) == 2
    said = capsys.readouterr().err
    for word in (".avi", "'bronze'", "0 members", "nothing"):
        assert word in said
    assert not list(tmp_path.iterdir())
