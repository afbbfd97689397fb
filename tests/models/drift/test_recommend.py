"""Recommendations: what speaks for them, and when there is none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from elitscope_models.bundle import read_manifest
from elitscope_models.drift import Look, Recommendation, look, recommend
from elitscope_models.zoo import find_bundle
from tests.support.looks import SHAPE, drawn, graphene_manifest, result, sheet

MANIFEST = graphene_manifest()
FRAMES = [sheet(seed) for seed in range(4)]


def hallucinating(positions: np.ndarray, seed: int) -> np.ndarray:
    """Half as many atoms again, in random places."""
    rng = np.random.default_rng(seed)
    return np.concatenate([positions, rng.uniform(15.0, SHAPE[0] - 15.0, (len(positions) // 2, 2))])


def looks(bad: int, active: Sequence[int] = range(4), probability: float = 0.99) -> list[Look]:
    """Frames where the last `bad` of four members all see the same atoms that are not there."""
    each = []
    for index, frame in enumerate(FRAMES):
        good, wrong = drawn(frame.positions, 0.8), drawn(hallucinating(frame.positions, index), probability)
        maps = [good] * (4 - bad) + [wrong] * bad
        others = {m: maps[m] for m in range(4) if m not in active}
        each.append(look(frame.pixels, result([maps[m] for m in active], index, tuple(active)), MANIFEST, others))
    return each


def advised(bad: int, active: Sequence[int] = range(4), min_members: int = 1) -> Recommendation:
    return recommend(looks(bad, active), active, range(4), min_members, [MANIFEST])


def test_where_all_members_agree_with_the_image_nothing_is_changed() -> None:
    found = advised(0)
    assert (found.kind, found.members, found.frames) == ("no_change", None, ())
    assert "expected F1 0.9" in found.reasons[0]
    assert found.confidence > 0.5


def test_members_that_see_what_is_not_there_are_left_out_even_where_they_are_most() -> None:
    found = advised(3)
    assert found.kind == "members"
    assert found.members == (0,)
    assert found.reasons[0].startswith("expected F1 0.9")
    assert any(reason.startswith("without network 3: expected F1 alone 0.") for reason in found.reasons)
    assert found.confidence > 0.9


def test_members_that_do_no_harm_stay() -> None:
    found = advised(1)
    assert found.kind == "no_change"


def test_members_that_draw_atoms_twice_are_left_out_though_all_see_the_same_atoms() -> None:
    seen = []
    for index, frame in enumerate(FRAMES):
        aside = np.array([0.0, 5.5])
        twice = np.concatenate([frame.positions[::2] - aside, frame.positions[::2] + aside, frame.positions[1::2]])
        maps = [drawn(frame.positions)] + [drawn(twice, 0.99)] * 3
        seen.append(look(frame.pixels, result(maps, index), MANIFEST))
    found = recommend(seen, range(4), range(4), 1, [MANIFEST])
    assert (found.kind, found.members) == ("members", (0,))


def test_what_recent_looks_speak_for_adds_up_and_what_is_long_past_fades() -> None:
    bad, good = looks(3), looks(0)
    assert recommend([*good, *good, *bad[:1]], range(4), range(4), 1).kind == "members"
    assert recommend([*bad[:1], *good, *good, *good, *good, *good], range(4), range(4), 1).kind == "no_change"


def test_no_fewer_members_are_advised_than_are_allowed() -> None:
    found = advised(3, min_members=2)
    assert found.members is None or len(found.members) >= 2


def test_better_members_that_are_not_active_are_taken_in() -> None:
    found = advised(2, active=(2, 3))
    assert found.kind == "members"
    assert found.members is not None
    assert {0, 1} <= set(found.members)
    assert any(reason.startswith("with network 0") for reason in found.reasons)


def test_without_looks_at_members_nothing_is_said() -> None:
    found = recommend([], range(4), range(4), 1)
    assert (found.kind, found.confidence) == ("no_change", 0.0)
    assert "no look" in found.reasons[0]


def test_looks_that_do_not_know_an_active_network_do_not_count() -> None:
    seen = looks(3, active=(0, 1))
    known = [look(frame.pixels, result([drawn(frame.positions)] * 2, 9, (0, 1)), MANIFEST) for frame in FRAMES]
    assert recommend(known, (0, 1, 2), range(4), 1).reasons == ("no look with maps of all active networks yet",)
    assert recommend([*known, *seen], (0, 1), range(4), 1).kind in ("members", "no_change")


def test_empty_vacuum_is_no_reason_to_change_anything() -> None:
    empty = drawn(np.zeros((0, 2)))
    noise = np.random.default_rng(0).normal(100.0, 5.0, SHAPE).astype(np.float32)
    seen = [look(noise, result([empty, empty, empty], index), MANIFEST) for index in range(3)]
    assert recommend(seen, range(3), range(3), 1).kind == "no_change"


def test_of_many_networks_the_worst_are_left_out() -> None:
    seen = []
    for index, frame in enumerate(FRAMES):
        wrong = drawn(hallucinating(frame.positions, index), 0.99)
        seen.append(look(frame.pixels, result([drawn(frame.positions, 0.6)] * 4 + [wrong] * 8, index), MANIFEST))
    found = recommend(seen, range(12), range(12), 2)
    assert found.kind == "members"
    assert found.members is not None
    assert {0, 1, 2, 3} <= set(found.members)
    assert len(found.members) <= 8  # fewer than half of them wrong, so that none of theirs is found


def test_where_no_selection_helps_the_good_frames_are_offered_for_training() -> None:
    blind = [
        look(frame.pixels, result([drawn(frame.positions[::4], 0.7)] * 4, 10 + index), MANIFEST)
        for index, frame in enumerate(FRAMES * 3)
    ]  # fmt: skip
    found = recommend([*looks(0), *blind], range(4), range(4), 1, [MANIFEST])
    assert found.kind == "retrain"
    assert found.frames == (0, 1, 2, 3)
    only_bad = recommend(blind, range(4), range(4), 1, [MANIFEST])
    assert only_bad.kind == "no_change"
    assert "mend the imaging" in only_bad.reasons[0]


def test_another_ensemble_is_advised_where_its_lattice_is_the_one_in_the_frames() -> None:
    square = read_manifest(find_bundle("square-lattice"))
    seen = [
        look(frame.pixels, result([drawn(frame.positions)] * 4, index, ensemble="square-lattice"), square)
        for index, frame in enumerate(FRAMES)
    ]  # fmt: skip
    found = recommend(seen, range(4), range(4), 1, [MANIFEST, square])
    assert (found.kind, found.ensemble) == ("ensemble", "graphene")
    assert "2.1" in found.reasons[0]
    assert recommend(seen, range(4), range(4), 1, [square]).kind != "ensemble"
