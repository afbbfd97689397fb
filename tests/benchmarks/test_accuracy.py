"""The document of figures: what stands between its marks is replaced, and a better F1 is set in bold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.accuracy import BEGIN, DOCUMENT, END, beside_atomai, defocus, replaced, section
from elitscope_models.evaluate import Evaluation, evaluate
from elitscope_models.loading import open_ensemble
from elitscope_models.truth import KnownFrame
from tests.support.bundles import make_bundle
from tests.support.frames import dots, lattice

SHAPE = (96, 80)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    """Dots that are all found, and eight frames out of focus of which the last is blank."""
    places = lattice(SHAPE)
    good = KnownFrame(dots(SHAPE, places), 0.1, places, np.zeros(len(places), int), np.ones(len(places), bool), "nominal")
    blurred = [replace(good, segment="defocus")] * 7 + [replace(good, segment="defocus", pixels=np.full(SHAPE, 3.0))]
    toy = make_bundle(tmp_path_factory.mktemp("accuracy") / "toy")
    return evaluate([good, *blurred], open_ensemble(toy, device="cpu", precision="fp32", threads=1))


def test_a_segment_is_bold_where_it_is_better_than_both_ways_of_running_atomai(result: Evaluation) -> None:
    nominal, out_of_focus = beside_atomai(result).rows
    assert nominal[1].startswith("**1.000 (0.")
    assert nominal[2:] == ("0.772 (0.046)", "0.996 (0.033)")
    assert out_of_focus[1].startswith("**0.9")
    poor = replace(result.segments[0], atoms=replace(result.segments[0].atoms, false_negatives=9))
    assert not beside_atomai(replace(result, segments=(poor,))).rows[0][1].startswith("**")


def test_every_frame_out_of_focus_has_a_row(result: Evaluation) -> None:
    rows = defocus(result).rows
    assert [row[1] for row in rows] == ["1.000"] * 7 + ["0.000"]
    assert rows[-1][4:] == ("0.00", "–", "frame_flat, segmentation_foggy")


def test_only_what_is_between_the_marks_changes(result: Evaluation) -> None:
    once = replaced(f"before\n{BEGIN}\nold\n{END}\nafter\n", section("graphene_drift.npz", result))
    assert once.startswith(f"before\n{BEGIN}\n\n## toy 1 on `graphene_drift.npz`")
    assert once.endswith(f"{END}\nafter\n")
    assert "old" not in once
    assert replaced(once, section("graphene_drift.npz", result)) == once


def test_a_document_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks"):
        replaced("no marks", "figures")


def test_the_document_in_the_docs_has_its_marks() -> None:
    replaced(DOCUMENT.read_text(), "")
