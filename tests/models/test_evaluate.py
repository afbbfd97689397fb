"""Evaluation: good frames score well, what nobody could see does not count, every member has its own figures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from elitscope.simulator import movie
from elitscope_models.bundle import Bundle, load_bundle
from elitscope_models.ensemble import Ensemble
from elitscope_models.evaluate import evaluate
from elitscope_models.figures import confusion_table
from elitscope_models.loading import open_ensemble
from elitscope_models.truth import KnownFrame, from_simulated
from tests.support.frames import dots, lattice

ZOO = Path(__file__).resolve().parents[2] / "models" / "zoo"


@pytest.fixture(scope="module")
def graphene() -> Ensemble:
    return open_ensemble(load_bundle(ZOO / "graphene"), device="cpu", precision="fp32", threads=1)


def frames(drift: str = "none", count: int = 1) -> Iterator[KnownFrame]:
    return map(from_simulated, movie(shape=(160, 144), frames=count, seed=8, sampling=0.1, drift=drift))


def test_the_shipped_ensemble_finds_every_atom_of_a_clean_frame(graphene: Ensemble) -> None:
    result = evaluate(frames(), graphene)
    assert result.ensemble.atoms.f1 > 0.99
    assert result.ensemble.atoms.rmse < 0.1
    assert 0.85 < result.ensemble.iou < 1.0
    assert result.plan == graphene.plan()


def test_every_member_and_every_segment_has_its_own_figures(graphene: Ensemble) -> None:
    result = evaluate(frames("all", 6), graphene)
    assert [figures.name for figures in result.segments] == ["none", "dose", "defocus", "contamination", "scan", "magnification"]
    assert [figures.name for figures in result.members] == [f"member {member}" for member in graphene.members]
    assert all(figures.frames == 6 for figures in result.members)
    assert sum(figures.atoms.true_positives for figures in result.segments) == result.ensemble.atoms.true_positives
    assert len({figures.iou for figures in result.members}) == len(graphene.members)


def test_atoms_that_are_not_visible_count_neither_for_nor_against(graphene: Ensemble) -> None:
    (known,) = frames()
    hidden = replace(known, visible=np.arange(len(known.positions)) % 2 == 0)
    assert evaluate([hidden], graphene).ensemble.atoms.precision > 0.99
    moved = replace(known, positions=known.positions + 7.0)
    assert evaluate([moved], graphene).ensemble.iou < 0.6


def test_figures_are_plain_json_values(graphene: Ensemble) -> None:
    (known,) = frames()
    empty = replace(known, pixels=np.full((64, 64), 7, np.uint16), positions=known.positions[:0])
    result = evaluate([replace(empty, class_ids=known.class_ids[:0], visible=known.visible[:0])], graphene)
    assert json.loads(json.dumps(result.ensemble.as_dict())) == {
        "name": "ensemble",
        "frames": 1,
        "iou": 1.0,
        "precision": 0.0,
        "recall": 0.0,
        "f1": 0.0,
        "rmse": None,
        "found_per_true": None,
        "support": None,
        "warnings": {"frame_flat": 1, "spread_uncalibrated": 1},
        "classes": [{"name": "atom", "iou": 1.0, "precision": 0.0, "recall": 0.0, "f1": 0.0}],
    }
    assert result.worst.index == 0


def test_the_spread_of_members_is_that_of_their_iou(graphene: Ensemble) -> None:
    result = evaluate(frames(), graphene)
    each = np.array([member.iou for member in result.members])
    assert result.member_iou == (pytest.approx(each.mean()), pytest.approx(each.std()))
    assert result.member_spread == pytest.approx(max(each.max() - each.mean(), each.mean() - each.min()))


def test_what_an_ensemble_abstains_from_shows_segment_by_segment(graphene: Ensemble) -> None:
    (good,) = frames()
    blank = np.random.default_rng(0).poisson(3.0, good.pixels.shape).astype(np.uint16)
    parts = [replace(good, segment="lattice"), replace(good, segment="noise", pixels=blank)]
    lattice, noise = evaluate(parts, graphene).segments
    assert lattice.found_per_true == pytest.approx(1.0, abs=0.02)
    assert noise.found_per_true < 0.1
    assert lattice.support > 0.99
    assert "segmentation_foggy" not in lattice.warnings
    assert evaluate(parts, graphene).worst.frame.segment == "noise"


def dotted(*peaks: float) -> KnownFrame:
    """Dots of these heights in turn on a grid, each height a class."""
    places = lattice((128, 128), 16.0)
    ids = np.arange(len(places)) % len(peaks)
    pixels = sum(dots((128, 128), places[ids == index], peak=peak) for index, peak in enumerate(peaks))
    return KnownFrame(np.asarray(pixels), 0.1, places, ids, np.ones(len(places), bool), classes=("light", "heavy"))


def test_which_class_atoms_were_given_is_counted(two_class_bundle: Bundle) -> None:
    ensemble = open_ensemble(two_class_bundle, device="cpu", precision="fp32", threads=1)
    result = evaluate([dotted(0.55, 1.0)], ensemble)
    rows = dict(confusion_table(result.ensemble.confusion, result.true_classes, result.classes))
    assert list(rows) == ["light", "heavy", "not there"]
    assert rows["light"][0] > 0
    assert rows["light"][1] == 0
    assert rows["heavy"][1] > 0
    assert sum(sum(row[:2]) for row in rows.values()) == result.ensemble.atoms.true_positives + result.ensemble.atoms.false_positives
    light, heavy = result.ensemble.classes
    assert light.recall == rows["light"][0] / sum(rows["light"])
    assert heavy.precision == rows["heavy"][1] / sum(row[1] for row in rows.values())


def test_kinds_that_the_ensemble_has_no_class_for_are_found_all_the_same(graphene: Ensemble, two_class_bundle: Bundle) -> None:
    (known,) = frames()
    kinds = replace(known, class_ids=np.arange(len(known.positions)) % 3, classes=("A", "B", "Ni"))
    result = evaluate([kinds], graphene)
    assert result.ensemble.atoms.f1 == evaluate([known], graphene).ensemble.atoms.f1
    assert [name for name, _ in confusion_table(result.ensemble.confusion, kinds.classes, result.classes)] == ["A", "B", "Ni", "not there"]
    pair = open_ensemble(two_class_bundle, device="cpu", precision="fp32", threads=1)
    third = replace(dotted(1.0), class_ids=np.full(len(dotted(1.0).positions), 2))
    assert evaluate([third], pair).ensemble.iou > 0.95  # nothing of what has no class is held against the maps


def test_nothing_to_evaluate_on_is_refused(graphene: Ensemble) -> None:
    with pytest.raises(ValueError, match="no frames"):
        evaluate([], graphene)
