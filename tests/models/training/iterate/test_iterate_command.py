"""`elitscope-models iterate` and what `inspect` says of its bundles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from elitscope_models.bundle import Bundle, load_bundle
from elitscope_models.cli import main
from elitscope_models.training.iterate.experiment import Frame


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--size", "0"], "0 size are too few"),
        (["--device", "gpu"], "sees no GPU"),
        (["--learn-from", "4", "--look-only"], "not among the 1 given"),
        (["--members", "9", "--look-only"], "can't be selected"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(
    parent: Bundle,
    frames: list[Frame],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    reason: str,
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    np.save(tmp_path / "scan.npy", frames[0].pixels)
    arguments = ["iterate", str(tmp_path / "scan.npy"), "--bundle", str(parent.path), "--out", str(tmp_path / "out"), "--threads", "1"]
    assert main([*arguments, *options]) == 2
    assert reason in capsys.readouterr().err


def test_a_loop_runs_is_not_begun_twice_and_its_bundles_show_their_tree(
    parent: Bundle, frames: list[Frame], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "movie.npy", np.stack([frame.pixels for frame in frames]))
    out = tmp_path / "out"
    arguments = ["iterate", str(tmp_path / "movie.npy"), "--sampling", "0.1", "--bundle", str(parent.path), "--out", str(out)]
    arguments += ["--rounds", "1", "--size", "1", "--steps", "2", "--crop", "64", "--device", "cpu", "--threads", "1", "--workers", "1"]
    assert main(arguments) == 0
    assert capsys.readouterr().out.split() == [str(out / "round-1"), str(out / "report" / "index.html")]
    assert main(arguments) == 2
    assert "--resume" in capsys.readouterr().err
    assert main([*arguments, "--resume"]) == 0
    bundle = load_bundle(out / "round-1")
    assert bundle.manifest.name == f"{parent.manifest.name}-iterated"
    capsys.readouterr()
    assert main(["inspect", str(out / "round-1")]) == 0
    tree = capsys.readouterr().out.partition("lineage")[2]
    assert parent.digest[:12] in tree
    assert bundle.digest[:12] in tree
    assert tree.index(parent.digest[:12]) < tree.index(bundle.digest[:12])
