"""What is dropped lies under dirt, what is kept is lattice, and a lattice that is clean is left alone."""

from __future__ import annotations

import numpy as np
import pytest

from elitscope.simulator import Conditions, Specimen, expose, graphene, square
from elitscope_models.normalise import Local, normalise
from elitscope_models.training.iterate.lattice import Surroundings, descriptors, divide
from elitscope_models.truth import discs


def seen_by_a_naive_network(specimen: Specimen, sampling: float, contamination: float, seed: int) -> tuple[Surroundings, np.ndarray]:
    """A frame in which atoms were found where they are and, as by a network that never saw dirt, at bright specks of it; whether each is
    a lattice's that can be seen."""
    rng = np.random.default_rng(seed)
    conditions = Conditions(contamination=contamination, pattern=seed, thickness=25, electrons=25)
    frame = expose(specimen, (192, 192), sampling, conditions, rng)
    image, _ = normalise(frame.pixels, Local(), sampling)
    visible = frame.positions[frame.contamination <= 5.0]
    covered = frame.positions[frame.contamination > 5.0]
    specks = rng.uniform(-5.0, 5.0, covered.shape) + covered
    places = np.concatenate([visible, specks[np.all((specks > 2) & (specks < 189), axis=1)]])
    return Surroundings(image, discs(places, image.shape, 0.5 / sampling), places), np.arange(len(places)) < len(visible)


def sheets(contamination: float, count: int = 2) -> list[tuple[Surroundings, np.ndarray]]:
    specimens = (graphene((19.2, 19.2), np.random.default_rng(seed)) for seed in range(1, 1 + count))
    return [seen_by_a_naive_network(specimen, 0.1, contamination, seed) for seed, specimen in enumerate(specimens, 1)]


def test_what_was_found_in_dirt_is_dropped_and_the_lattice_kept() -> None:
    frames, truth = zip(*sheets(0.35), strict=True)
    division = divide(frames)
    kept, true = np.concatenate(division.kept), np.concatenate(truth)
    assert division.divided
    assert 0.1 < 1 - true.mean() < 0.7  # there was something to drop
    assert true[kept].mean() > 0.95
    assert kept[true].mean() > 0.6


def test_dopants_are_odd_and_no_dirt() -> None:
    specimen = graphene((19.2, 19.2), np.random.default_rng(8), dopants=0.03)
    doped, _ = seen_by_a_naive_network(specimen, 0.1, 0.0, 8)
    division = divide([*(frame for frame, _ in sheets(0.35)), doped])
    assert division.divided
    assert division.kept[2].all()
    assert not division.kept[0].all()


@pytest.mark.parametrize("lattice", ["graphene", "square"])
def test_a_clean_lattice_is_kept_whole(lattice: str) -> None:
    rng = np.random.default_rng(4)
    specimen, sampling = (graphene((19.2, 19.2), rng), 0.1) if lattice == "graphene" else (square((30.72, 30.72), rng), 0.16)
    frame, _ = seen_by_a_naive_network(specimen, sampling, 0.0, 4)
    division = divide([frame])
    assert np.concatenate(division.kept).mean() > 0.95


def test_the_same_seed_divides_the_same_way() -> None:
    frames = [each for each, _ in sheets(0.35, 1)]
    first, second = divide(frames, seed=3), divide(frames, seed=3)
    assert np.array_equal(first.kept[0], second.kept[0])


def test_a_lattice_that_is_turned_looks_the_same() -> None:
    frame, _ = sheets(0.0, 1)[0]
    side = frame.image.shape[0]
    places = np.stack([side - 1 - frame.positions[:, 1], frame.positions[:, 0]], 1)
    turned = Surroundings(np.rot90(frame.image), np.rot90(frame.mean), places)
    inner = np.all((frame.positions > 30) & (frame.positions < side - 30), axis=1) & np.all(
        np.abs(frame.positions - np.floor(frame.positions) - 0.5) > 1e-3, axis=1
    )
    assert np.allclose(descriptors(frame)[inner], descriptors(turned)[inner])


def test_too_few_atoms_are_all_kept() -> None:
    image = np.zeros((64, 64), np.float32)
    for places in (np.zeros((0, 2)), np.array([[10.0, 10.0]]), np.full((5, 2), 30.0)):
        division = divide([Surroundings(image, image, places)])
        assert not division.divided
        assert np.isnan(division.coherence)
        assert [each.all() for each in division.kept] == [True]
    assert divide([]).kept == ()
