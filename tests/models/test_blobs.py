from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from elitscope_models.blobs import connected_blobs, group
from elitscope_models.kernels.runs import runs

MASKS = hnp.arrays(np.bool_, st.tuples(st.integers(1, 24), st.integers(1, 24)))


@given(mask=MASKS)
def test_blobs_are_those_of_scipy_in_reading_order(mask: np.ndarray) -> None:
    expected, count = ndimage.label(mask)
    blobs = connected_blobs(mask)
    assert len(blobs) == count
    found = np.zeros(mask.shape, int)
    found.ravel()[blobs.pixels] = blobs.labels + 1
    first = {label: np.flatnonzero(expected.ravel() == label)[0] for label in range(1, count + 1)}
    for place, label in enumerate(sorted(first, key=first.__getitem__)):
        np.testing.assert_array_equal(expected == label, found == place + 1)


@given(mask=MASKS)
def test_sums_and_extremes_are_taken_blob_by_blob(mask: np.ndarray) -> None:
    values = np.random.default_rng(0).random(mask.shape)
    blobs = connected_blobs(mask)
    if not len(blobs):
        return
    own = values.ravel()[blobs.pixels]
    index = range(len(blobs))
    np.testing.assert_allclose(blobs.sums(own), ndimage.sum_labels(own, blobs.labels, index))
    np.testing.assert_array_equal(blobs.largest(own), ndimage.maximum(own, blobs.labels, index))
    np.testing.assert_array_equal(blobs.rows * mask.shape[1] + blobs.columns, blobs.pixels)
    assert blobs.areas.sum() == mask.sum()


@given(mask=MASKS)
def test_runs_that_blobs_were_found_from_are_those_of_their_pixels(mask: np.ndarray) -> None:
    blobs = connected_blobs(mask)
    np.testing.assert_array_equal(blobs.runs, runs(blobs.pixels, blobs.starts, *mask.shape))


def test_the_numbering_does_not_depend_on_the_labels_that_were_given() -> None:
    pixels = np.array([0, 1, 5, 6, 9])
    plain, odd = group(pixels, np.array([0, 0, 1, 1, 0]), (2, 5)), group(pixels, np.array([70000, 70000, -3, -3, 70000]), (2, 5))
    for blobs in (plain, odd):
        assert blobs.pixels.tolist() == [0, 1, 9, 5, 6]
        assert blobs.starts.tolist() == [0, 3]


def test_an_empty_map_has_no_blobs() -> None:
    blobs = connected_blobs(np.zeros((4, 5), bool))
    assert len(blobs) == 0
    assert blobs.areas.size == 0


def test_the_first_blobs_are_the_same_on_a_shorter_map() -> None:
    mask = np.random.default_rng(0).random((40, 30)) < 0.3
    blobs = connected_blobs(mask)
    some = blobs.first(10)
    assert len(some) == 10
    np.testing.assert_array_equal(some.areas, blobs.areas[:10])
    np.testing.assert_array_equal(some.pixels, blobs.pixels[: blobs.areas[:10].sum()])
    assert some.rows.max() == some.shape[0] - 1
    assert blobs.first(len(blobs)) is blobs


def test_the_entries_of_some_blobs_are_their_pixels() -> None:
    blobs = connected_blobs(np.random.default_rng(0).random((40, 30)) < 0.3)
    which = np.array([0, 5, 6, len(blobs) - 1])
    expected = np.flatnonzero(np.isin(blobs.labels, which))
    np.testing.assert_array_equal(blobs.entries(which), expected)
