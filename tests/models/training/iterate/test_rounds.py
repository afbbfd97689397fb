"""The loop leaves a bundle a round, says what decided it, ends where nothing more is found, and goes on where it was stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from elitscope_models.bundle import Bundle, load_bundle
from elitscope_models.ensemble import MembersInvalid
from elitscope_models.training.iterate.experiment import Frame
from elitscope_models.training.iterate.lineage import lineage_of
from elitscope_models.training.iterate.region import Region
from elitscope_models.training.iterate.report import Report
from elitscope_models.training.iterate.rounds import iterate
from elitscope_models.training.iterate.settings import Settings

SETTINGS = Settings(name="mine", rounds=2, size=2, steps=6, filter="both", crop=64, enough=2.0, least_rise=-1.0)


def run(
    frames: list[Frame], parent: Bundle, out: Path, trainer: Any, witness: Any, watch: Any, settings: Settings = SETTINGS
) -> list[Bundle]:
    return iterate(frames, parent, out, settings, trainer, witness, watch, threads=1)


def test_every_round_leaves_a_bundle_that_says_what_it_descends_from(
    frames: list[Frame], parent: Bundle, tmp_path: Path, trainer: Any, witness: Any, watch: Any
) -> None:
    written = run(frames, parent, tmp_path, trainer, witness, watch)
    assert [bundle.path.name for bundle in written] == ["round-1", "round-2"]
    first, second = (load_bundle(bundle.path) for bundle in written)
    assert (second.manifest.name, second.manifest.version, second.manifest.class_names) == ("mine", "2", parent.manifest.class_names)
    training = second.manifest.training
    assert (training.domain, training.recipe) == ("experiment", "experiment")
    assert [each["digest"] for each in lineage_of(second)] == [parent.digest, first.digest]
    assert lineage_of(second)[0]["selected"] == list(witness.choice.members)
    assert set(training.parameters["frames"].values()) == {frame.digest for frame in frames}  # type: ignore[union-attr]
    assert training.parameters["settings"]["filter"] == "both"  # type: ignore[index,call-overload]
    assert "specimens" not in training.parameters
    assert "squares" in training.data
    assert trainer.steps == 2 * 2 * 6
    assert [number for number, _, _ in witness.rounds] == [0, 1, 2]
    assert witness.rounds[0][1].total > 0

    again = type(trainer)()
    assert [bundle.digest for bundle in run(frames, parent, tmp_path, again, witness, watch)] == [first.digest, second.digest]
    assert again.steps == 0  # what is there is gone on with, not done again

    other = Settings(**{**vars(SETTINGS), "patch": 40})
    with pytest.raises(ValueError, match="made by another"):
        run(frames, parent, tmp_path, again, witness, watch, other)


def test_the_loop_ends_where_no_more_is_found(
    frames: list[Frame], parent: Bundle, tmp_path: Path, trainer: Any, witness: Any, watch: Any
) -> None:
    settings = Settings(
        **{**vars(SETTINGS), "steps": 1, "size": 1, "filter": "none", "least_rise": 9.0, "train_on": (1,), "start": "scratch"}
    )
    written = run(frames, parent, tmp_path, trainer, witness, watch, settings)
    assert len(written) == 1
    assert "rises no more" in witness.notes[-1]
    assert list(written[0].manifest.training.parameters["frames"]) == ["movie 1"]  # type: ignore[arg-type]
    assert "parent" not in written[0].manifest.training.parameters


def test_a_last_round_tells_classes_apart_and_the_report_shows_it_all(
    frames: list[Frame], parent: Bundle, tmp_path: Path, trainer: Any, witness: Any, watch: Any
) -> None:
    said: list[str] = []
    settings = Settings(**{**vars(SETTINGS), "rounds": 0, "filter": "none", "classes": ("C", "Si"), "members": (1,)})
    written = run(frames, parent, tmp_path / "out", trainer, Report(tmp_path / "report", said.append), watch, settings)
    manifest = load_bundle(written[0].path).manifest
    assert (manifest.name, manifest.class_names) == ("mine-classes", ("C", "Si"))
    assert manifest.training.parameters["parent"]["member"] == 1  # type: ignore[index,call-overload]
    assert any(line.startswith("classes C, Si: divided at") for line in said)
    assert any("selected by the expert" in line for line in said)
    assert {path.name for path in (tmp_path / "report").iterdir()} >= {"index.html", "members.png", "rates.png", "round-0-frame-0.png"}
    page = (tmp_path / "report" / "index.html").read_text()
    assert page.count("data:image/png;base64,") == page.count("<img")
    assert "Round 1" in page
    assert "round-1-spread.png" in page

    # its two classes are one again for whoever goes on from it, and an atom that is both is one atom
    settings = Settings(**{**vars(SETTINGS), "rounds": 1, "filter": "variance", "regions": (Region(1, 0, 0, 64, 96),)})
    (after,) = run(frames, written[0], tmp_path / "after", trainer, witness, watch, settings)
    assert after.manifest.class_names == ("atom",)
    seen = witness.rounds[0][1]
    assert (seen.names(0), len(seen.sights[0].mean), set(seen.sights[0].class_ids)) == (("atom",), 1, {0})
    assert witness.rounds[0][2] == (1,)
    assert list(after.manifest.training.parameters["frames"]) == ["movie 1"]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"members": (7,)}, r"members \[7\] can't be selected"),
        ({"train_on": (3,)}, r"frames \[3\] are not among the 3"),
        ({"regions": (Region(4, 0, 0, 9, 9),)}, r"frames \[4\] are not among the 3"),
        ({"classes": ("C",)}, "needs no multi-class round"),
        ({"size": 1}, "no variance to filter by"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    frames: list[Frame], parent: Bundle, tmp_path: Path, trainer: Any, witness: Any, watch: Any, changed: dict[str, Any], reason: str
) -> None:
    with pytest.raises((ValueError, MembersInvalid), match=reason):
        run(frames, parent, tmp_path / "out", trainer, witness, watch, Settings(**{**vars(SETTINGS), **changed}))
    assert not (tmp_path / "out").exists()
