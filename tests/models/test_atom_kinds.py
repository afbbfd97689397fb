"""AtomAI's kind of place, against its definition: thresholded blobs, unweighted centres, nothing near the border."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from elitscope_models.analyse import analyse
from elitscope_models.bundle import Bundle
from elitscope_models.loading import open_plan
from elitscope_models.manifest import Manifest
from elitscope_models.resample import Grid
from tests.support.atoms import find_atoms
from tests.support.frames import dots, lattice

SHAPE = (40, 48)
GRID = Grid(SHAPE, SHAPE)


def locate(maps: np.ndarray) -> np.ndarray:
    """AtomAI's Locator(threshold=0.5, dist_edge=5), in its order, [row, column, class]."""
    found = []
    for class_id, channel in enumerate(maps):
        labels, count = ndimage.label(channel > 0.5)
        for row, column in ndimage.center_of_mass(channel > 0.5, labels, np.arange(count) + 1):
            if 5 <= row <= channel.shape[0] - 5 and 5 <= column <= channel.shape[1] - 5:
                found.append((row, column, class_id))
    return np.array(found).reshape(-1, 3)


@given(seed=st.integers(0, 2**32 - 1), classes=st.integers(1, 3), smoothing=st.sampled_from([0.0, 1.0, 2.0]))
def test_places_are_atomai_s_in_atomai_s_order(seed: int, classes: int, smoothing: float) -> None:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).random((classes, *SHAPE)), (0, smoothing, smoothing))
    maps = noise.astype(np.float32)
    atoms = find_atoms(maps, maps[None], GRID, kind="atomai")
    np.testing.assert_array_equal(np.column_stack([atoms["row"], atoms["column"], atoms["class_id"]]), locate(maps).astype(np.float32))


@pytest.mark.parametrize(("place", "kept"), [(4, False), (5, True), (35, True), (36, False)])
def test_the_border_is_5_px_and_itself_belongs_inside(place: int, kept: bool) -> None:
    maps = np.zeros((1, *SHAPE), np.float32)
    maps[0, place, 24] = 1.0
    assert len(find_atoms(maps, maps[None], GRID, kind="atomai")) == kept
    assert len(find_atoms(maps, maps[None], GRID)) == 1


def test_what_touches_is_one_atom_as_in_atomai() -> None:
    maps = dots(SHAPE, [(20.0, 20.0), (20.0, 28.0)], 3.0).clip(0, 1).astype(np.float32)[None]
    assert len(find_atoms(maps, maps[None], GRID)) == 2
    (atom,) = find_atoms(maps, maps[None], GRID, kind="atomai")
    assert atom["column"] == pytest.approx(24.0, abs=0.01)


def test_the_manifest_decides_and_the_plan_s_name_tells(bundle: Bundle) -> None:
    frame = dots((64, 72), lattice((64, 72)))
    weighted = open_plan(bundle, "fp32")
    theirs = open_plan(replace(bundle, manifest=bundle.manifest.with_atoms("atomai")), "fp32")
    one, other = analyse(frame, 0.1, weighted), analyse(frame, 0.1, theirs)
    np.testing.assert_array_equal(one.mean, other.mean)
    np.testing.assert_array_equal(np.column_stack([other.atoms["row"], other.atoms["column"]]), locate(one.mean)[:, :2].astype(np.float32))
    assert one.plan != other.plan


def test_manifests_from_before_there_was_a_choice_mean_weighted(bundle: Bundle) -> None:
    content = bundle.manifest.model_dump(mode="json")
    del content["atoms"]
    assert Manifest.model_validate(content).atoms.kind == "weighted"
