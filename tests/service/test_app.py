"""The command line: help, refusals in words, `--check`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from elitscope_service.app import main
from tests.support.bundles import make_bundle


@pytest.fixture(autouse=True)
def logs_of_its_own() -> Iterator[None]:
    """The command takes all logs to its own stderr, which later tests would find closed."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    root.handlers.clear()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_help_shows_every_flag_and_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    text = capsys.readouterr().out
    assert caught.value.code == 0
    for flag in ("--bundles", "--ensemble", "--bind", "--publish", "--http", "--data-dir", "--device", "--config", "--check"):
        assert flag in text
    assert "examples:" in text
    assert "tcp://127.0.0.1:5555" in text


def test_an_unknown_flag_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--colour", "red"])
    assert caught.value.code == 2
    assert "--colour" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--bind", "tcp://box:5555"], ["--device", "tpu"], ["--config", "/none.toml"], ["--http", "x"]])
def test_what_can_not_work_is_quoted_and_ends_with_1(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert arguments[1] in captured.err
    assert captured.out == ""


def check(tmp_path: Path, *arguments: object) -> int:
    return main(["--check", "--data-dir", str(tmp_path / "data"), "--device", "cpu", *map(str, arguments)])


def test_a_check_loads_every_bundle_and_reports(toy_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tmp_path, "--bundles", toy_folder) == 0
    report = capsys.readouterr().out
    assert "ensemble toy 1: ready" in report
    assert "3 members, classes C, 0.1 Å/px, plan openvino-cpu" in report
    assert "everything holds up" in report


def test_a_check_names_every_bundle_that_does_not_hold_up(toy_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_bundle(tmp_path / "bundles" / "bad", members=1, name="bad")
    (tmp_path / "bundles" / "bad" / "member-00.onnx").write_bytes(b"?")
    assert check(tmp_path, "--bundles", toy_folder, tmp_path / "bundles") == 1
    report = capsys.readouterr().out
    assert "ensemble toy 1: ready" in report
    assert "problem: ensemble bad: " in report
    assert "sha256" in report


def test_a_check_notices_an_ensemble_that_is_not_there(toy_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tmp_path, "--bundles", toy_folder, "--ensemble", "gold") == 1
    assert "problem: --ensemble gold: there is no such ensemble, there are toy" in capsys.readouterr().out


def test_a_check_without_bundles_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tmp_path, "--bundles", tmp_path) == 1
    assert "no bundle was found" in capsys.readouterr().out


def test_a_check_says_that_keys_are_missing_where_others_could_come_in(
    toy_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(tmp_path, "--bundles", toy_folder, "--bind", "tcp://0.0.0.0:5555") == 1
    report = capsys.readouterr().out
    assert "problem: listening beyond this computer (tcp://0.0.0.0:5555" in report
    assert "elitscope-server keys create" in report
