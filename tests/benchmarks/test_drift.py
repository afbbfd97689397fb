"""What drift is measured with: selections judged by the truth, alarms counted, and a document that knows every signal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.drift import BEGIN, DOCUMENT, END
from benchmarks.drift_sheets import segments_sheet, signals_sheet
from benchmarks.drift_subsets import Segment, all_subsets, f1, follow, looks_at, segments, subset_counts
from benchmarks.drift_watch import announced, quiet
from benchmarks.recorded import Recorded
from elitscope_models.drift import SIGNALS
from elitscope_models.truth import from_simulated
from tests.support.looks import SAMPLING, SHAPE, drawn, graphene_manifest, sheet

MANIFEST = graphene_manifest()
THREE = MANIFEST.model_copy(update={"members": MANIFEST.members[:3]})


@pytest.fixture(scope="module")
def movie() -> list[Recorded]:
    """Two good networks and one that sees half as many atoms again, on six frames."""
    frames = []
    for index in range(6):
        known = replace(from_simulated(sheet(index)), segment="part")
        rng = np.random.default_rng(index)
        wrong = np.concatenate([known.positions, rng.uniform(15.0, SHAPE[0] - 15.0, (len(known.positions) // 2, 2))])
        maps = np.stack([drawn(known.positions, 0.45), drawn(known.positions, 0.7), drawn(wrong, 0.99)]).astype(np.float16)
        frames.append(Recorded(index, known, SAMPLING, maps, THREE))
    return frames


def test_every_subset_is_judged_and_the_best_one_is_found(movie: list[Recorded], tmp_path: Path) -> None:
    counts = subset_counts(tmp_path, movie)
    assert counts.shape == (6, 7, 3)
    assert np.array_equal(counts, subset_counts(tmp_path, []))
    by_subset = dict(zip(all_subsets(movie[0].members), f1(counts.sum(axis=0)), strict=True))
    assert by_subset[1,] > 0.99 > by_subset[2,]
    one = movie[0].score(movie[0].atoms((2,)))
    assert counts[0, 2].tolist() == [one.true_positives, one.false_positives, one.false_negatives]


def test_recommendations_are_followed_and_compared_with_the_best_subset(movie: list[Recorded], tmp_path: Path) -> None:
    course = follow(movie, looks_at(movie))
    (part,) = segments(movie, subset_counts(tmp_path, movie), course)
    assert part.oracle >= part.recommended >= part.everyone
    assert part.reached
    assert (part.name, part.frames) == ("part", 6)


@pytest.mark.parametrize(
    ("everyone", "recommended", "oracle", "reached"),
    [(0.9, 0.9, 0.91, True), (0.9, 0.9, 0.95, False), (0.9, 0.925, 0.95, True), (0.9, 0.889, 0.9, False), (0.9, 0.891, 0.9, True)],
)
def test_half_of_a_gap_is_due_and_no_loss(everyone: float, recommended: float, oracle: float, reached: bool) -> None:
    part = Segment("x", 1, everyone, recommended, oracle, (0,), 0, ())
    assert part.reached == reached
    assert ("**no**" in segments_sheet("", [("m", [part])]).markdown) == (not reached)


def test_a_ramp_is_announced_after_it_began_and_steady_looks_are_quiet(movie: list[Recorded]) -> None:
    looks = [replace(one, by_member={}) for one in looks_at(movie)]  # one of the members is out of order all the time
    steady = [replace(looks[index % 6], frame_id=index) for index in range(100)]
    dim = [
        replace(one, frame_id=100 + index, frame={**one.frame, "signal_to_noise": one.frame["signal_to_noise"] - 20.0})
        for index, one in enumerate(steady[:10])
    ]
    told = announced("dose", [*steady, *dim], np.r_[np.ones(104), np.full(6, 0.5)], start=100)
    assert (told.fell, told.told, told.began, told.early, told.in_time) == (104, 102, 100, 0, True)
    assert quiet("steady", looks, 200, np.random.default_rng(0)).alarms == 0


def test_the_document_has_every_signal_and_both_marks() -> None:
    text = DOCUMENT.read_text()
    assert text.index(BEGIN) < text.index(END)
    for signal in SIGNALS:
        assert f"`{signal.name}`" in text
    assert len(signals_sheet().rows) == len(SIGNALS)
