"""Tables of an evaluation: the same text for terminals, model cards and documents."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from elitscope_models.bundle import Bundle
from elitscope_models.ensemble import Ensemble
from elitscope_models.evaluate import Evaluation, evaluate
from elitscope_models.loading import open_ensemble
from elitscope_models.sheets import sheets
from elitscope_models.truth import KnownFrame
from tests.support.frames import dots, lattice


def frame(segment: str = "") -> KnownFrame:
    places = lattice((96, 80))
    return KnownFrame(dots((96, 80), places), 0.1, places, np.zeros(len(places), int), np.ones(len(places), bool), segment)


@pytest.fixture(scope="module")
def result(ensemble: Ensemble) -> Evaluation:
    flat = replace(frame("flat"), pixels=np.full((96, 80), 3.0))
    return evaluate([frame("lattice"), frame("lattice"), flat], ensemble)


def test_one_class_has_segments_and_members(result: Evaluation) -> None:
    segments, members = sheets(result)
    assert [row[0] for row in segments.rows] == ["lattice", "flat", "all, toy 1"]
    assert [row[0] for row in members.rows] == ["member 0", "member 1", "member 2", "average", "farthest from it", "ensemble"]
    assert all(len(row) == len(sheet.headers) for sheet in (segments, members) for row in sheet.rows)


def test_figures_that_could_not_be_computed_are_dashes_and_warnings_are_counted(result: Evaluation) -> None:
    segments, _ = sheets(result)
    flat = dict(zip(segments.headers, segments.rows[1], strict=True))
    assert (flat["F1"], flat["RMSE, Å"], flat["found per true"], flat["support"]) == ("0.0000", "–", "0.000", "–")
    assert flat["warnings"] == "frame_flat 1/1, segmentation_foggy 1/1"


def test_a_single_segment_needs_no_row_of_its_own(ensemble: Ensemble) -> None:
    segments, _ = sheets(evaluate([frame(), frame()], ensemble))
    assert [row[0] for row in segments.rows] == ["toy 1"]


def test_several_classes_are_told_apart(two_class_bundle: Bundle) -> None:
    pair = open_ensemble(two_class_bundle, device="cpu", precision="fp32", threads=1)
    _, _, classes, confusion = sheets(evaluate([replace(frame(), classes=("light", "heavy"))], pair))
    assert [row[0] for row in classes.rows] == ["C", "Si"]
    assert confusion.headers == ("true", "C", "Si", "missed")
    assert [row[0] for row in confusion.rows] == ["light", "heavy", "not there"]


def test_markdown_has_a_line_a_row(result: Evaluation) -> None:
    segments, _ = sheets(result)
    lines = segments.markdown.splitlines()
    assert len(lines) == 2 + len(segments.rows)
    assert all(line.count("|") == len(segments.headers) + 1 for line in lines)
