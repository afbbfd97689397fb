"""Evaluation: good frames score well, what nobody could see does not count, every member has its own figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from elitscope.simulator import movie
from elitscope_models.bundle import load_bundle
from elitscope_models.ensemble import Ensemble
from elitscope_models.evaluate import evaluate
from elitscope_models.loading import open_ensemble
from elitscope_models.truth import KnownFrame, from_simulated

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
    figures = evaluate([replace(empty, class_ids=known.class_ids[:0], visible=known.visible[:0])], graphene).ensemble.as_dict()
    assert figures == {"name": "ensemble", "frames": 1, "iou": 1.0, "precision": 0.0, "recall": 0.0, "f1": 0.0, "rmse": None}


def test_nothing_to_evaluate_on_is_refused(graphene: Ensemble) -> None:
    with pytest.raises(ValueError, match="no frames"):
        evaluate([], graphene)
