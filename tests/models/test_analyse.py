from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from elitscope.errors import FrameInvalid
from elitscope_models.analyse import Analysis, analyse, analyse_steps
from elitscope_models.bundle import Bundle, write_bundle
from elitscope_models.ensemble import Ensemble, load_ensemble
from elitscope_models.runtimes.openvino import OpenVinoRuntime
from tests.support.bundles import dot_network, make_bundle, network_file, toy_manifest
from tests.support.frames import dots, lattice

DTYPES = ["u1", "i1", "<u2", ">u2", "<i2", "<i4", ">i4", "<u4", "<i8", "<u8", "<f2", "<f4", ">f4", "<f8", ">f8", "?"]


def frame(shape: tuple[int, int] = (96, 128), seed: int = 0, spacing: float = 14.0) -> np.ndarray:
    """Dots with a little noise, float32 counts up to about 110."""
    return dots(shape, lattice(shape, spacing), peak=100.0, floor=5.0) + np.random.default_rng(seed).random(shape, dtype=np.float32)


def matched(found: Analysis, places: np.ndarray, within: float) -> bool:
    """Whether the atoms found and the places are the same, one to one."""
    distance = np.linalg.norm(found.atoms.positions()[:, None] - places[None], axis=2)
    return distance.shape[0] == distance.shape[1] and bool((distance.min(axis=0) < within).all() and (distance.min(axis=1) < within).all())


def assert_same_bits(first: Analysis, second: Analysis) -> None:
    np.testing.assert_array_equal(first.mean, second.mean)
    np.testing.assert_array_equal(first.atoms.view(np.uint8), second.atoms.view(np.uint8))
    for ours, theirs in ((first.std, second.std), (first.member_maps, second.member_maps)):
        assert (ours is None) == (theirs is None)
        if ours is not None and theirs is not None:
            np.testing.assert_array_equal(ours, theirs)
    assert (first.plan, first.members, first.warnings) == (second.plan, second.members, second.warnings)


def test_the_dots_of_a_frame_are_its_atoms(ensemble: Ensemble) -> None:
    found = analyse(frame(), 0.1, ensemble)
    assert matched(found, lattice((96, 128)), within=0.3)
    assert found.mean.shape == (1, 96, 128)
    assert found.std is not None
    assert found.std.shape == (1, 96, 128)
    assert found.member_maps is not None
    assert found.member_maps.shape == (3, 1, 96, 128)
    assert found.atoms.sampling == found.sampling == (0.1, 0.1)
    assert (found.atoms["support"] == 1).all()
    assert found.classes == ("C",)
    assert found.members == (0, 1, 2)
    assert found.plan == ensemble.plan()
    assert found.warnings == ("spread_uncalibrated",)


def test_mean_and_spread_are_those_of_the_members_maps(ensemble: Ensemble) -> None:
    found = analyse(frame(), 0.1, ensemble)
    assert found.member_maps is not None
    np.testing.assert_allclose(found.mean, found.member_maps.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(found.std, found.member_maps.std(axis=0), atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(dtype=st.sampled_from(DTYPES), rows=st.integers(8, 90), columns=st.integers(8, 90), seed=st.integers(0, 99))
def test_every_real_dtype_and_odd_shape_gives_maps_of_its_shape_and_repeats(
    ensemble: Ensemble, dtype: str, rows: int, columns: int, seed: int
) -> None:
    pixels = frame((rows, columns), seed).astype(dtype)
    found = analyse(pixels, None, ensemble)
    assert found.mean.shape == (1, rows, columns)
    for maps in (found.mean, found.std, found.member_maps):
        assert maps is not None
        assert maps.dtype == np.float32
        assert 0 <= maps.min() <= maps.max() <= 1
    assert ((found.atoms.positions() >= 0) & (found.atoms.positions() <= (rows - 1, columns - 1))).all()
    assert_same_bits(found, analyse(pixels, None, ensemble))


@pytest.mark.parametrize(
    "layout", [np.asfortranarray, lambda x: np.repeat(x, 2, axis=1)[:, ::2], lambda x: x[::-1][::-1], lambda x: x.astype(">f4")]
)
def test_the_layout_in_memory_changes_no_bit(ensemble: Ensemble, layout: Callable[[np.ndarray], np.ndarray]) -> None:
    assert_same_bits(analyse(layout(frame()), 0.1, ensemble), analyse(frame(), 0.1, ensemble))


@pytest.mark.parametrize(
    "turn",
    [np.flipud, np.fliplr, np.rot90, np.transpose, lambda x: np.rot90(x, 2)],
    ids=["upside down", "mirrored", "rotated", "transposed", "half a turn"],
)
def test_a_flipped_or_rotated_frame_gives_flipped_or_rotated_maps_and_atoms(
    ensemble: Ensemble, turn: Callable[[np.ndarray], np.ndarray]
) -> None:
    plain, turned = analyse(frame(), 0.1, ensemble), analyse(turn(frame()), 0.1, ensemble)
    np.testing.assert_allclose(turned.mean[0], turn(plain.mean[0]), atol=1e-4)
    where = np.zeros((96, 128), int) - 1
    np.put(where, np.arange(where.size), np.arange(where.size))
    moved = {int(index): place for place, index in np.ndenumerate(turn(where))}
    places = plain.atoms.positions()
    corners = np.floor(places).astype(int)
    expected = []
    for (row, column), place in zip(corners, places, strict=True):
        here, below, right = (np.array(moved[int(where[r, c])]) for r, c in ((row, column), (row + 1, column), (row, column + 1)))
        expected.append(here + (place[0] - row) * (below - here) + (place[1] - column) * (right - here))
    assert matched(turned, np.array(expected), within=0.02)


@pytest.mark.parametrize("shape", [(200, 300), (203, 297), (64, 500), (500, 61)])
@pytest.mark.parametrize("stride", [1, 8])
def test_tiles_stitched_together_equal_one_pass(tmp_path: Path, shape: tuple[int, int], stride: int) -> None:
    bundle = make_bundle(tmp_path / "toy", members=2, stride=stride)
    whole, cut = (load_ensemble(bundle, OpenVinoRuntime(), max_tile) for max_tile in (768, 128))
    assert len(cut.tiling.tiles(cut.tiling.padded(shape))) > 1
    one, many = analyse(frame(shape), 0.1, whole), analyse(frame(shape), 0.1, cut)
    np.testing.assert_allclose(many.mean, one.mean, atol=2e-6)
    np.testing.assert_allclose(many.std, one.std, atol=2e-6)
    assert len(many.atoms) == len(one.atoms)
    np.testing.assert_allclose(many.atoms.positions(), one.atoms.positions(), atol=1e-4)


def test_both_runtimes_come_to_the_same_numbers(ensemble: Ensemble, second_opinion: Ensemble) -> None:
    ours, theirs = analyse(frame(), 0.1, ensemble), analyse(frame(), 0.1, second_opinion)
    np.testing.assert_allclose(ours.mean, theirs.mean, atol=1e-4)
    np.testing.assert_allclose(ours.atoms.positions(), theirs.atoms.positions(), atol=1e-3)
    assert ours.plan != theirs.plan


@pytest.mark.parametrize("sampling", [(0.04, 0.04), (0.25, 0.25), (0.04, 0.25), (0.1, 0.25)])
def test_atoms_of_a_resampled_frame_are_where_they_are_in_the_frame(ensemble: Ensemble, sampling: tuple[float, float]) -> None:
    sigma = 0.2 / np.array(sampling)  # px: the same dots, in Å, at every sampling
    spacing = 1.5 / np.array(sampling)
    shape = (int(12 * spacing[0]), int(14 * spacing[1]))
    places = np.array([((i + 0.6) * spacing[0], (j + 0.6) * spacing[1]) for i in range(11) for j in range(13)])
    rows, columns = np.indices(shape)
    pixels = np.zeros(shape)
    for row, column in places:
        pixels += np.exp(-0.5 * ((rows - row) / sigma[0]) ** 2 - 0.5 * ((columns - column) / sigma[1]) ** 2)
    found = analyse(pixels, sampling, ensemble)
    assert found.mean.shape == (1, *shape)
    assert found.std is not None
    assert found.std.shape == (1, *shape)
    assert found.member_maps is not None
    assert found.member_maps.shape == (3, 1, *shape)
    assert found.warnings[0].startswith("sampling_outside_range: ")
    offsets = (found.atoms.positions("angstrom")[:, None] - places * sampling)[None]
    distance = np.linalg.norm(offsets[0], axis=2)
    assert distance.shape == (143, 143)
    assert distance.min(axis=0).max() < 0.03  # Å
    brightest = np.argwhere(found.mean[0] > 0.99 * found.mean.max())
    assert np.linalg.norm((brightest[:, None] - places) * sampling, axis=2).min(axis=1).max() < 0.25


def test_areas_of_a_resampled_frame_count_the_frames_own_pixels(ensemble: Ensemble) -> None:
    pixels = dots((96, 128), lattice((96, 128)), sigma=2.0)
    fine = np.kron(pixels, np.ones((4, 3), np.float32))
    plain, zoomed = analyse(pixels, (0.1, 0.1), ensemble), analyse(fine, (0.025, 0.1 / 3), ensemble)
    assert len(plain.atoms) == len(zoomed.atoms)
    assert zoomed.atoms["area"].mean() == pytest.approx(12 * plain.atoms["area"].mean(), rel=0.05)


@pytest.mark.parametrize("members", [(0,), (1, 2), (2, 0)])
def test_only_the_selected_members_are_run(ensemble: Ensemble, members: tuple[int, ...]) -> None:
    everyone, some = analyse(frame(), 0.1, ensemble), analyse(frame(), 0.1, ensemble, members)
    assert some.members == tuple(sorted(members))
    assert some.plan == ensemble.plan(members)
    assert everyone.member_maps is not None
    assert some.member_maps is not None
    np.testing.assert_array_equal(some.member_maps, everyone.member_maps[sorted(members)])


def test_one_member_has_no_spread_and_says_so(ensemble: Ensemble) -> None:
    found = analyse(frame(), 0.1, ensemble, [1])
    assert found.std is None
    assert np.isnan(found.atoms["sigma_row"]).all()
    assert found.warnings == ("single_member",)


@pytest.mark.parametrize(
    ("training", "warned"),
    [
        ({"domain": "simulation"}, True),
        ({"domain": "simulation", "calibrated": True}, False),
        ({"domain": "experiment"}, False),
    ],
)
def test_the_spread_of_a_simulated_uncalibrated_ensemble_is_not_taken_at_its_word(
    tmp_path: Path, training: dict[str, object], warned: bool
) -> None:
    loaded = load_ensemble(make_bundle(tmp_path / "toy", members=2, training=training), OpenVinoRuntime())
    assert ("spread_uncalibrated" in analyse(frame(), 0.1, loaded).warnings) is warned


@pytest.mark.parametrize("members", [[], [5]])
def test_a_selection_that_can_not_be_run_is_refused(ensemble: Ensemble, members: list[int]) -> None:
    with pytest.raises(ValueError, match="member"):
        analyse(frame(), 0.1, ensemble, members)


@pytest.mark.parametrize("sampling", [0, -0.1, np.nan, (0.1, 0.1, 0.1), "fine"])
def test_a_sampling_that_is_none_is_the_frames_fault(ensemble: Ensemble, sampling: object) -> None:
    with pytest.raises(FrameInvalid, match="sampling"):
        analyse(frame(), sampling, ensemble)  # type: ignore[arg-type]


def test_a_flat_frame_has_a_warning_and_finite_numbers(ensemble: Ensemble) -> None:
    found = analyse(np.full((64, 64), 3, np.uint16), 0.1, ensemble)
    assert "frame_flat" in found.warnings
    assert np.isfinite(found.mean).all()
    assert len(found.atoms) == 0


def test_a_member_that_gives_no_numbers_is_named(tmp_path: Path) -> None:
    kernel = {"wide": np.full((1, 1, 31, 31), 1 / 31**2, np.float32)}
    nodes = [
        helper.make_node("Conv", ["image", "wide"], ["around"], kernel_shape=[31, 31], pads=[15] * 4),
        helper.make_node("Div", ["image", "around"], ["ratio"]),  # 0 / 0 in a frame of zeros
        helper.make_node("Sigmoid", ["ratio"], ["probabilities"]),
    ]
    files = {0: dot_network(), 4: network_file(nodes, kernel)}
    fragile = load_ensemble(write_bundle(tmp_path / "toy", toy_manifest(files), files), OpenVinoRuntime())
    assert not any(warning.startswith("members_not_finite") for warning in analyse(frame(), 0.1, fragile).warnings)
    found = analyse(np.full((64, 64), 3, np.uint16), 0.1, fragile)
    assert found.warnings == ("frame_flat", "spread_uncalibrated", "members_not_finite: 4")
    assert np.isfinite(analyse(np.full((64, 64), 3, np.uint16), 0.1, fragile, [0]).mean).all()


def test_missing_and_hot_pixels_move_no_atom(ensemble: Ensemble) -> None:
    pixels = frame()
    pixels[40, 40:43], pixels[10, 90], pixels[70] = np.nan, 1e6, 0
    found = analyse(pixels, 0.1, ensemble)
    assert matched(found, lattice((96, 128)), within=0.6)
    assert found.warnings[:3] == ("frame_not_finite: 3 px filled", "hot_pixels_filled: 1 px", "dark_pixels_filled: 128 px")


def test_it_stops_after_every_pass_and_tells_how_far_it_is(bundle: Bundle) -> None:
    ensemble = load_ensemble(bundle, OpenVinoRuntime(), max_tile=128)
    shape = (200, 300)
    passes = 3 * len(ensemble.tiling.tiles(ensemble.tiling.padded(shape)))
    fractions = list(analyse_steps(frame(shape), 0.1, ensemble))
    assert fractions[: passes + 1] == [i / passes for i in range(passes + 1)]
    assert set(fractions[passes:]) == {1.0}
    assert all(earlier <= later for earlier, later in pairwise(fractions))


def run(steps: Iterator[float]) -> tuple[int, Analysis]:
    stops = 0
    while True:
        try:
            next(steps)
            stops += 1
        except StopIteration as end:
            return stops, end.value


def test_frames_analysed_in_turns_come_out_as_if_alone(bundle: Bundle) -> None:
    ensemble = load_ensemble(bundle, OpenVinoRuntime(), max_tile=128)
    frames = [frame((200, 300), seed=1), frame((90, 70), seed=2), frame((200, 300), seed=3)]
    alone = [analyse(pixels, 0.1, ensemble) for pixels in frames]
    steps = [analyse_steps(pixels, 0.1, ensemble) for pixels in frames]
    found: dict[int, Analysis] = {}
    while len(found) < len(frames):
        for index, own in enumerate(steps):
            if index not in found:
                try:
                    next(own)
                except StopIteration as end:
                    found[index] = end.value
    for index, expected in enumerate(alone):
        assert_same_bits(found[index], expected)


def test_stages_are_timed_by_the_clock_that_was_given_and_pauses_do_not_count(ensemble: Ensemble) -> None:
    ticks = count()
    steps = analyse_steps(frame(), 0.1, ensemble, clock=lambda: float(next(ticks)))
    stops, found = run(iter(steps))
    assert found.preprocess_ms == 1000
    assert found.inference_ms == 3000
    ends = 2  # of the way back to the frame's grid, and of hotspots
    assert found.atoms_ms == (stops - 1 - 3 + ends) * 1000  # every stop after the frame was prepared and the passes were made


def test_members_own_maps_are_left_out_where_nobody_asks(ensemble: Ensemble) -> None:
    full, lean = analyse(frame(), 0.1, ensemble), analyse(frame(), 0.1, ensemble, keep_members=False)
    assert lean.member_maps is None
    np.testing.assert_array_equal(full.mean, lean.mean)
    np.testing.assert_array_equal(full.atoms.view(np.uint8), lean.atoms.view(np.uint8))


def test_hotspots_are_not_looked_for_where_nobody_asks(ensemble: Ensemble) -> None:
    assert analyse(frame(), 0.1, ensemble).hotspots is not None
    assert analyse(frame(), 0.1, ensemble, find_hotspots=False).hotspots is None


def test_two_classes_come_out_in_order(two_class_bundle: Bundle) -> None:
    ensemble = load_ensemble(two_class_bundle, OpenVinoRuntime())
    places = lattice((96, 128))
    faint, bright = places[:20], places[20:]
    pixels = dots((96, 128), faint, peak=40.0) + dots((96, 128), bright, peak=100.0)
    found = analyse(pixels, 0.1, ensemble)
    assert found.classes == ("C", "Si")
    assert found.mean.shape == (2, 96, 128)
    assert np.isin(found.atoms["class_id"], (0, 1)).all()
    assert (np.diff(found.atoms["class_id"]) >= 0).all()
    silicon = found.atoms[found.atoms["class_id"] == 1].positions()
    assert len(silicon) == len(bright)
