"""Hotspots: where the members' doubt is out of line, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from elitscope.hotspots import HotspotTable
from elitscope.simulator import SimulatedFrame, movie
from elitscope.types import Sampling
from elitscope_models import hotspots as searching
from elitscope_models.analyse import analyse
from elitscope_models.bundle import load_bundle
from elitscope_models.drift.selection import answer
from elitscope_models.ensemble import Ensemble
from elitscope_models.hotspots import MOST, disc_radius, hotspot_steps
from elitscope_models.loading import open_ensemble
from elitscope_models.steps import finish
from elitscope_models.zoo import find_bundle
from tests.support.looks import RADIUS, SAMPLING, SHAPE, drawn, graphene_manifest, sheet

PLACES = sheet().positions
MIDDLE = PLACES[np.linalg.norm(PLACES - np.array(SHAPE) / 2, axis=1).argmin()]


def spots(*maps: np.ndarray) -> HotspotTable:
    stack = np.stack(maps)
    found = answer(stack, range(len(stack)), (SAMPLING, SAMPLING))
    return finish(hotspot_steps(found.std, found.atoms, SHAPE, RADIUS))


def near(found: np.ndarray, place: np.ndarray) -> bool:
    return bool((np.hypot(found["row"] - place[0], found["column"] - place[1]) < 2 * RADIUS).any())


def test_members_that_agree_have_no_hotspots() -> None:
    assert spots(*[drawn(PLACES, probability) for probability in (0.85, 0.9, 0.95)]).kinds == ()


def test_an_atom_that_only_some_members_see_is_one() -> None:
    without = PLACES[(PLACES != MIDDLE).any(axis=1)]
    found = spots(drawn(PLACES, 0.99), drawn(PLACES, 0.99), drawn(PLACES, 0.99), drawn(without))
    assert near(found, MIDDLE)
    assert found.kinds == ("spread",)
    assert found["strength"][0] > 1
    assert found["radius"][0] == 2 * RADIUS


def test_an_atom_that_members_see_in_different_places_is_one() -> None:
    moved = [np.where((PLACES == MIDDLE).all(axis=1)[:, None], PLACES + shift, PLACES) for shift in (-2.5, 0.0, 2.5)]
    found = spots(*[drawn(places) for places in moved])
    assert near(found, MIDDLE)
    assert len(found) <= 2


def test_an_atom_of_half_the_size_is_one_though_all_members_agree() -> None:
    cut = drawn(PLACES)
    cut[0, int(MIDDLE[0]) - 6 : int(MIDDLE[0]), int(MIDDLE[1]) - 6 : int(MIDDLE[1]) + 7] = 0.0
    found = spots(cut, cut)
    assert (found.kinds, near(found, MIDDLE)) == (("shape",), True)


def test_a_frame_full_of_doubt_is_not_one_large_hotspot() -> None:
    rng = np.random.default_rng(0)
    doubtful = [np.clip(drawn(PLACES) * rng.uniform(0.4, 1.1, SHAPE), 0, 1).astype(np.float32) for _ in range(4)]
    assert len(spots(*doubtful)) <= 3


def test_the_strongest_come_first_and_there_are_never_too_many() -> None:
    halves = [drawn(PLACES[index::2], 0.99) for index in (0, 1)]
    found = spots(drawn(PLACES, 0.99), *halves)
    assert len(found) <= MOST
    assert found["strength"].tolist() == sorted(found["strength"].tolist(), reverse=True)


@pytest.mark.parametrize(
    ("stated", "sampling", "radius"),
    [(0.27, (0.1, 0.1), 2.7), (0.4, (0.1, 0.4), 2.0), (None, (0.1, 0.1), 5.0), (0, None, 5.0), ("wide", None, 5.0), (0.5, (1e9, 1e9), 0.5)],
)
def test_a_disc_is_as_large_as_members_were_trained_to_draw_it(stated: Any, sampling: Sampling | None, radius: float) -> None:
    manifest = graphene_manifest()
    training = manifest.training.model_copy(update={"parameters": {"mask_radius": stated}})
    changed = manifest.model_copy(update={"training": training, "sampling": 0.1})
    assert disc_radius(changed, sampling) == pytest.approx(radius)


def test_an_empty_frame_has_none() -> None:
    assert len(spots(drawn(PLACES[:0]), drawn(PLACES[:0]))) == 0


def test_one_member_has_hotspots_of_shape_alone() -> None:
    cut = drawn(PLACES)
    cut[0, int(MIDDLE[0]) - 6 : int(MIDDLE[0]), int(MIDDLE[1]) - 6 : int(MIDDLE[1]) + 7] = 0.0
    assert spots(cut).kinds == ("shape",)


def test_places_at_the_edge_are_not_told() -> None:
    corner = PLACES[PLACES.max(axis=1).argmin()]
    assert corner.max() < 1.5 * RADIUS
    without = PLACES[(corner != PLACES).any(axis=1)]
    assert len(spots(drawn(PLACES), drawn(without))) == 0


def test_members_that_give_no_numbers_hide_nothing_elsewhere() -> None:
    without = drawn(PLACES[(PLACES != MIDDLE).any(axis=1)])
    found = answer(np.stack([drawn(PLACES), without]), (0, 1), (SAMPLING, SAMPLING))
    assert found.std is not None
    found.std[0, :9] = np.nan
    assert near(finish(hotspot_steps(found.std, found.atoms, SHAPE, RADIUS)), MIDDLE)


def test_a_large_frame_is_searched_in_parts_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    without = drawn(PLACES[(PLACES != MIDDLE).any(axis=1)])
    found = answer(np.stack([drawn(PLACES), without]), (0, 1), (SAMPLING, SAMPLING))
    whole = finish(hotspot_steps(found.std, found.atoms, SHAPE, RADIUS))
    monkeypatch.setattr(searching, "_LARGE", 7 * SHAPE[1])
    steps = hotspot_steps(found.std, found.atoms, SHAPE, RADIUS)
    assert sum(1 for _ in steps) > 10
    assert len(whole) == 1
    assert finish(hotspot_steps(found.std, found.atoms, SHAPE, RADIUS)).tobytes() == whole.tobytes()


@pytest.fixture(scope="module")
def silicon() -> Ensemble:
    return open_ensemble(load_bundle(find_bundle("graphene-si")), device="cpu", precision="fp32", threads=1)


def frames(hops: int) -> Iterator[SimulatedFrame]:
    return movie(shape=(192, 192), frames=5, seed=71, hops=hops)


def told(frame: SimulatedFrame, ensemble: Ensemble) -> HotspotTable:
    found = analyse(frame.pixels, frame.sampling, ensemble, keep_members=False).hotspots
    assert found is not None
    return found


def test_atoms_that_hop_during_the_scan_are_hotspots_and_hardly_anything_else_is(silicon: Ensemble) -> None:
    seen = total = elsewhere = 0
    for frame in frames(hops=4):
        spots = told(frame, silicon)
        for ends in frame.hops:
            total += 1
            seen += any(near(spots, np.array(end)) for end in ends)
        elsewhere += sum(not any(near(spots[i : i + 1], np.array(end)) for ends in frame.hops for end in ends) for i in range(len(spots)))
    assert seen >= 0.4 * total
    assert elsewhere <= 5
    assert sum(len(told(frame, silicon)) for frame in frames(hops=0)) <= 3
