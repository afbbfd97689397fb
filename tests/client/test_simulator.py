"""The simulator: atoms where it says, noise as it says, the same movie from the same seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from elitscope.simulator import DRIFTS, Conditions, SimulatedFrame, Specimen, expose, graphene, movie, render, square
from elitscope.simulator.contamination import contamination_map

QUIET = Conditions(electrons=1e5, row_jitter=0.0, tails=0.0, background=0.0, readout=0.0, gain=1.0, gain_spread=0.0, offset=0.0)


def centroid(image: np.ndarray) -> tuple[float, float]:
    rows, columns = np.indices(image.shape)
    return float((rows * image).sum() / image.sum()), float((columns * image).sum() / image.sum())


@pytest.mark.parametrize("place", [(20.0, 30.0), (20.25, 30.5), (19.6, 31.9)])
def test_an_atom_appears_at_its_sub_pixel_place_counted_from_the_centre_of_the_first_pixel(place: tuple[float, float]) -> None:
    sampling = 0.1
    counts = render(np.array([place]) * sampling, np.ones(1), (48, 64), sampling, QUIET, np.random.default_rng(0))
    assert centroid(counts) == pytest.approx(place, abs=0.02)


def test_an_atom_of_weight_one_gives_the_stated_electrons_at_its_centre() -> None:
    counts = render(np.array([[2.0, 2.0]]), np.ones(1), (41, 41), 0.1, QUIET, np.random.default_rng(0))
    assert counts[20, 20] == pytest.approx(1e5, rel=0.02)


def test_a_wider_probe_spreads_the_same_signal() -> None:
    sums = [
        render(np.array([[4.0, 4.0]]), np.ones(1), (81, 81), 0.1, replace(QUIET, width=width), np.random.default_rng(0)).sum()
        for width in (0.9, 1.8)
    ]
    assert sums[1] == pytest.approx(sums[0], rel=0.01)


def test_brightness_adds_up_and_follows_the_weights() -> None:
    both = render(np.array([[2.0, 2.0], [2.0, 5.0]]), np.array([1.0, 4.0]), (41, 71), 0.1, QUIET, np.random.default_rng(0))
    assert both[20, 50] / both[20, 20] == pytest.approx(4.0, rel=0.03)


def test_an_empty_specimen_gives_dark_level_and_background_only() -> None:
    conditions = replace(QUIET, offset=50.0, background=0.0)
    assert render(np.zeros((0, 2)), np.zeros(0), (8, 9), 0.1, conditions, np.random.default_rng(0)).tolist() == [[50.0] * 9] * 8


def test_noise_is_that_of_electrons() -> None:
    conditions = replace(QUIET, electrons=20.0, background=1.0, gain=5.0)
    counts = render(np.zeros((0, 2)), np.zeros(0), (200, 200), 0.1, conditions, np.random.default_rng(0))
    assert counts.mean() == pytest.approx(100.0, rel=0.01)
    assert counts.var() == pytest.approx(500.0, rel=0.05)


def test_truth_follows_line_jitter_and_drift() -> None:
    conditions = replace(QUIET, row_jitter=1.5, shear=(0.03, 0.05))
    specimen = Specimen(np.array([[3.0, 4.0]]), np.zeros(1, np.int32), np.ones(1), ("C",))
    frame = expose(specimen, (80, 96), 0.1, replace(conditions, electrons=2e4), np.random.default_rng(4))
    assert frame.positions[0] == pytest.approx(centroid(frame.pixels.astype(float)), abs=0.25)
    assert abs(frame.positions[0, 1] - 40.0) > 0.5


def test_only_atoms_inside_the_frame_are_listed_though_those_outside_shine_in() -> None:
    specimen = Specimen(np.array([[1.0, -0.3], [1.0, 1.0]]), np.array([0, 1], np.int32), np.ones(2), ("C", "Si"))
    frame = expose(specimen, (21, 21), 0.1, QUIET, np.random.default_rng(0))
    assert frame.positions.tolist() == [[10.0, 10.0]]
    assert frame.class_ids.tolist() == [1]
    assert frame.pixels[10, 0] > 10 * frame.pixels[0, 20]


def test_graphene_has_its_density_its_bonds_and_the_asked_for_defects() -> None:
    rng = np.random.default_rng(1)
    whole = graphene((40.0, 40.0), rng, vacancies=0.0, dopants=0.0, strain=0.0, displacement=0.0)
    distances = np.linalg.norm(whole.positions[:, None] - whole.positions[None], axis=-1)
    np.fill_diagonal(distances, np.inf)
    inner = ((whole.positions > 0) & (whole.positions < 40)).all(axis=1)
    assert distances[inner].min(axis=1) == pytest.approx(1.42, abs=1e-9)
    assert inner.sum() / 1600.0 == pytest.approx(0.382, rel=0.03)

    doped = graphene((60.0, 60.0), rng, vacancies=0.0, dopants=0.05, strain=0.0)
    assert doped.class_ids.mean() == pytest.approx(0.05, abs=0.02)
    assert np.unique(doped.weights[doped.class_ids == 1]) == pytest.approx([(14 / 6) ** 1.7])
    assert len(graphene((40.0, 40.0), rng, vacancies=0.0, hole=10.0)) < len(whole) - 60


def test_a_hole_larger_than_the_field_leaves_nothing() -> None:
    assert len(graphene((10.0, 10.0), np.random.default_rng(0), hole=100.0)) == 0


def test_the_square_lattice_has_two_sublattices_of_different_brightness() -> None:
    lattice = square((40.0, 40.0), np.random.default_rng(0), ratio=0.5)
    bright, dim = (lattice.weights[lattice.class_ids == kind].mean() for kind in (0, 1))
    assert dim / bright == pytest.approx(0.5, rel=0.1)
    assert abs((lattice.class_ids == 0).sum() - (lattice.class_ids == 1).sum()) < 30


def test_contamination_covers_the_asked_for_share_and_grows_in_place() -> None:
    some, more = (contamination_map((256, 256), 0.1, Conditions(contamination=part, pattern=3)) for part in (0.2, 0.4))
    assert [(some > 0).mean(), (more > 0).mean()] == pytest.approx([0.2, 0.4], abs=0.02)
    assert ((more > 0) | (some == 0)).all()
    assert not contamination_map((16, 16), 0.1, Conditions()).any()


@pytest.mark.parametrize("drift", DRIFTS)
@pytest.mark.parametrize("lattice", ["graphene", "square", "hexagonal"])
def test_a_movie_repeats_from_its_seed_and_differs_from_another(lattice: str, drift: str) -> None:
    def run(seed: int) -> list[SimulatedFrame]:
        return list(movie(lattice, (72, 64), frames=7, seed=seed, drift=drift))

    first, again, other = run(5), run(5), run(6)
    assert [f.pixels.tobytes() for f in first] == [f.pixels.tobytes() for f in again]
    assert [f.positions.tobytes() for f in first] == [f.positions.tobytes() for f in again]
    assert first[0].pixels.tobytes() != other[0].pixels.tobytes()
    assert first[0].pixels.tobytes() != first[1].pixels.tobytes()
    assert all(f.pixels.dtype == np.uint16 and f.pixels.shape == (72, 64) and len(f.positions) == len(f.class_ids) for f in first)


@pytest.mark.parametrize(
    ("drift", "quantity", "first", "last"),
    [
        ("dose", lambda f: f.conditions.electrons, 11.0, 1.1),
        ("contamination", lambda f: f.conditions.contamination, 0.0, 0.4),
        ("scan", lambda f: f.conditions.row_jitter, 0.15, 1.65),
        ("magnification", lambda f: f.sampling, 0.056, 0.112),
        ("none", lambda f: f.sampling, 0.08, 0.08),
    ],
)
def test_a_drift_runs_from_good_to_bad(drift: str, quantity: object, first: float, last: float) -> None:
    assert callable(quantity)
    values = [quantity(frame) for frame in movie(shape=(32, 32), frames=4, drift=drift)]
    assert values[0] == pytest.approx(first)
    assert values[-1] == pytest.approx(last)


def test_all_drifts_come_one_after_the_other() -> None:
    frames = list(movie(shape=(32, 32), frames=12, drift="all"))
    assert [frame.segment for frame in frames[::2]] == [name for name in DRIFTS if name != "all"]
    assert frames[0].conditions == frames[1].conditions
    assert frames[3].conditions.electrons < frames[2].conditions.electrons
    assert frames[5].conditions.width > frames[4].conditions.width
    assert frames[7].conditions.contamination > 0
    assert frames[11].sampling > frames[10].sampling


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"lattice": "cubic"}, "cubic"),
        ({"drift": "age"}, "age"),
        ({"frames": 0}, "0 frames"),
        ({"sampling": -1.0}, "-1.0"),
        ({"shape": (0, 4)}, r"\(0, 4\)"),
    ],
)
def test_a_movie_that_can_not_be_made_is_refused_with_the_offending_value(arguments: dict[str, object], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        movie(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "value"), [("width", 0.0), ("gain", -1.0), ("contamination", 1.5), ("electrons", float("nan"))])
def test_conditions_that_make_no_sense_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        Conditions(**{name: value})  # type: ignore[arg-type]
