"""Normalisation: exact where it imitates, robust where it does not, never NaN."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pydantic import TypeAdapter, ValidationError

from elitscope.simulator import Conditions, expose, graphene
from elitscope_models.normalise import (
    FRAME_FLAT,
    Local,
    LocalParameters,
    MinMax,
    Normalisation,
    Percentile,
    PercentileParameters,
    normalise,
)

KINDS = (MinMax(), Percentile(), Local())
SHAPES = st.tuples(st.integers(1, 40), st.integers(1, 40))
DTYPES = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32", "float64", ">f4", ">u2", "bool"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [0, 7, 255])
def test_a_flat_frame_becomes_zeros_with_a_warning(kind: MinMax | Percentile | Local, value: int) -> None:
    image, warnings = normalise(np.full((9, 7), value, np.uint8), kind)
    assert warnings == (FRAME_FLAT,)
    assert not image.any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 2), (3, 5), (65, 33), (127, 255)])
def test_any_shape_keeps_its_shape_and_stays_finite(kind: MinMax | Percentile | Local, shape: tuple[int, int]) -> None:
    image, _ = normalise(np.random.default_rng(0).poisson(4.0, shape).astype(np.uint16), kind, 0.1)
    assert image.shape == shape
    assert image.dtype == np.float32
    assert np.isfinite(image).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_a_contrast_too_small_to_divide_by_is_none(kind: MinMax | Percentile | Local, dtype: str) -> None:
    pixels = np.zeros((40, 40), dtype)
    pixels[::3] = 1e-42
    pixels[0, 0] = 1.0
    image, _ = normalise(pixels, kind, 0.1)
    assert np.isfinite(image).all()


@given(data=st.data(), dtype=st.sampled_from(DTYPES), kind=st.sampled_from(KINDS))
@settings(max_examples=150, deadline=None)
def test_any_real_dtype_gives_finite_values_within_bounds(data: st.DataObject, dtype: str, kind: MinMax | Percentile | Local) -> None:
    kinds = np.dtype(dtype)
    elements = {"allow_nan": False, "allow_infinity": False} if kinds.kind == "f" else {}
    pixels = data.draw(hnp.arrays(kinds, SHAPES, elements=hnp.from_dtype(kinds, **elements)))
    if kinds.kind == "f":
        pixels = (np.clip(pixels, -1e30, 1e30) if kinds.itemsize > 2 else pixels).astype(kinds)
    before = pixels.copy()
    image, _ = normalise(pixels, kind)
    assert np.isfinite(image).all()
    assert image.min() >= -1.0
    assert image.max() <= 2.0
    assert np.array_equal(pixels, before)
    assert np.array_equal(image, normalise(pixels, kind)[0])


def test_min_max_is_atomais_arithmetic_in_float32() -> None:
    pixels = np.random.default_rng(0).integers(3, 900, (40, 50)).astype(np.float32)
    expected = (pixels - pixels.min()) / (pixels.max() - pixels.min())
    image, warnings = normalise(pixels, MinMax())
    assert np.array_equal(image, expected)
    assert warnings == ()


def test_wide_types_lose_no_step_of_a_small_signal_on_a_large_offset() -> None:
    signal = np.random.default_rng(0).integers(0, 50, (64, 64))
    plain = normalise(signal.astype(np.uint16), Local(), 0.1)[0]
    for pixels in (signal + 2**40, signal.astype(np.float64) + 2.0**40, (signal + 2**31).astype(np.uint32)):
        assert normalise(pixels, Local(), 0.1)[0] == pytest.approx(plain, abs=1e-4)


def test_percentiles_become_0_and_1_and_the_rest_is_clipped() -> None:
    pixels = np.arange(1001, dtype=np.float32).reshape(7, 143)
    image, _ = normalise(pixels, Percentile(parameters=PercentileParameters(low=10, high=90)))
    assert image.ravel()[[0, 100, 500, 900, 1000]].tolist() == pytest.approx([0, 0, 0.5, 1, 1])


def test_a_frame_whose_percentiles_coincide_is_scaled_by_its_extremes() -> None:
    pixels = np.zeros((50, 50), np.uint8)
    pixels[3, 4] = 9
    image, warnings = normalise(pixels, Percentile())
    assert (image[3, 4], image.sum(), warnings) == (1.0, 1.0, ())


@pytest.mark.parametrize("scale", [0.01, 1.0, 300.0])
def test_local_does_not_depend_on_gain_and_dark_level(scale: float) -> None:
    pixels = _sheet(Conditions()).astype(np.float32)
    assert normalise(scale * pixels + 17.0, Local(), 0.1)[0] == pytest.approx(normalise(pixels, Local(), 0.1)[0], abs=2e-3)


def test_local_keeps_the_lattice_where_a_bright_blob_would_squeeze_it() -> None:
    clean = _sheet(Conditions(pattern=2)).astype(np.float32)
    blotted = clean.copy()
    blotted[:60, :60] += 20.0 * clean.max()
    far = (slice(128, None), slice(128, None))
    contrasts = {kind.kind: float(np.ptp(np.percentile(normalise(blotted, kind, 0.1)[0][far], (5, 95)))) for kind in KINDS}
    assert contrasts["local"] > 0.7
    assert contrasts["minmax"] < 0.1
    assert contrasts["percentile"] < 0.1


def test_local_leaves_vacuum_empty() -> None:
    sheet = graphene((25.6, 25.6), np.random.default_rng(1), vacancies=0.0, dopants=0.0)
    half = replace(
        sheet,
        positions=sheet.positions[sheet.positions[:, 1] < 11.0],
        class_ids=sheet.class_ids[sheet.positions[:, 1] < 11.0],
        weights=sheet.weights[sheet.positions[:, 1] < 11.0],
    )
    image = normalise(expose(half, (256, 256), 0.1, Conditions(electrons=100.0), np.random.default_rng(0)).pixels, Local(), 0.1)[0]
    assert image[:, 170:].std() < 0.5 * image[:, :90].std()
    assert image[:, 170:].max() < 1.0


def test_local_shows_a_heavier_atom_as_brighter_but_bounded() -> None:
    rng = np.random.default_rng(3)
    sheet = graphene((25.6, 25.6), rng, vacancies=0.0, dopants=0.02)
    frame = expose(sheet, (256, 256), 0.1, Conditions(electrons=200.0, row_jitter=0.0), rng)
    image = normalise(frame.pixels, Local(), 0.1)[0]
    rows, columns = np.rint(frame.positions).astype(int).clip(0, 255).T
    heights = image[rows, columns]
    assert heights[frame.class_ids == 1].mean() > 1.25 * heights[frame.class_ids == 0].mean()
    assert image.max() < 2.0


def test_local_blocks_follow_the_sampling() -> None:
    pixels = _sheet(Conditions())
    assert np.array_equal(normalise(pixels, Local(), 6.0 / 64.0)[0], normalise(pixels, Local(), None)[0])
    assert np.array_equal(normalise(pixels, Local(), (0.1, 0.1))[0], normalise(pixels, Local(), 0.1)[0])
    assert not np.array_equal(normalise(pixels, Local(), 0.03)[0], normalise(pixels, Local(), 0.1)[0])


@pytest.mark.parametrize("shape", [(0, 4), (3,), (2, 3, 4)])
def test_what_is_no_frame_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="frame of shape"):
        normalise(np.zeros(shape), MinMax())


@pytest.mark.parametrize(
    "text",
    [
        '{"kind": "sigmoid"}',
        '{"kind": "minmax", "parameters": {"low": 1}}',
        '{"kind": "percentile", "parameters": {"low": 60, "high": 50}}',
        '{"kind": "local", "parameters": {"block": 0}}',
        '{"kind": "local", "extra": 1}',
    ],
)
def test_a_manifest_s_mistakes_are_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Normalisation).validate_json(text)


def test_a_manifest_s_normalisation_survives_the_round_trip() -> None:
    adapter: TypeAdapter[MinMax | Percentile | Local] = TypeAdapter(Normalisation)
    for kind in (*KINDS, Local(parameters=LocalParameters(block=4.5, floor=0.3))):
        assert adapter.validate_json(adapter.dump_json(kind)) == kind


def _sheet(conditions: Conditions) -> np.ndarray:
    rng = np.random.default_rng(0)
    return expose(graphene((25.6, 25.6), rng, dopants=0.0), (256, 256), 0.1, conditions, rng).pixels
