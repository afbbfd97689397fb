"""The signals of a frame: each tells what it is for, and what is missing makes NaN."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from elitscope.simulator import Conditions
from elitscope_models.drift import SIGNAL, SIGNALS, Look, look
from tests.support.looks import SHAPE, drawn, graphene_manifest, result, sheet

MANIFEST = graphene_manifest()
FRAME = sheet()
GOOD = drawn(FRAME.positions)


def seen(*others: np.ndarray, pixels: np.ndarray | None = FRAME.pixels) -> Look:
    """Three good members, and others after them."""
    return look(pixels, result([GOOD, GOOD, GOOD, *others]), MANIFEST)


def test_every_figure_is_in_the_table_and_every_signal_of_the_table_is_there() -> None:
    one = seen()
    assert set(one.frame) == {signal.name for signal in SIGNALS if not signal.per_member}
    assert set(one.by_member[0]) == {signal.name for signal in SIGNALS if signal.per_member}
    assert len(SIGNAL) == len(SIGNALS)


def test_figures_lie_within_the_ranges_of_the_table() -> None:
    one = seen(drawn(FRAME.positions[::2], 0.6, fog=0.3))
    for name, value in [*one.frame.items(), *(item for values in one.by_member.values() for item in values.items())]:
        assert SIGNAL[name].low <= value <= SIGNAL[name].high, name


def test_members_that_see_the_atoms_have_clean_figures() -> None:
    own = seen().by_member[0]
    for name in ("short_pairs", "odd_blobs", "unlit", "on_dirt", "unseen_peaks"):
        assert own[name] < 0.04, name
    assert own["atom_f1"] == own["found_ratio"] == 1.0
    assert own["expected_f1"] > 0.95
    assert own["blob_size"] == pytest.approx(1.0, abs=0.2)


def test_a_member_that_sees_atoms_everywhere_stands_out() -> None:
    rng = np.random.default_rng(1)
    extra = np.concatenate([FRAME.positions, rng.uniform(15.0, SHAPE[0] - 15.0, (60, 2))])
    own = seen(drawn(extra)).by_member
    for name, factor in (("short_pairs", 1.0), ("odd_blobs", 1.0), ("unlit", 1.0)):
        assert own[3][name] > own[0][name] + 0.05 * factor, name
    assert own[3]["expected_f1"] < own[0]["expected_f1"] - 0.02
    assert own[3]["atom_f1"] < own[0]["atom_f1"]


def test_a_member_that_misses_atoms_stands_out() -> None:
    own = seen(drawn(FRAME.positions[::2])).by_member
    assert own[3]["unseen_peaks"] == pytest.approx(0.5, abs=0.1)
    assert own[3]["found_ratio"] == pytest.approx(0.5, abs=0.05)
    assert own[3]["expected_f1"] < 0.75


def test_fog_is_its_members_own() -> None:
    own = seen(drawn(FRAME.positions, fog=0.3)).by_member
    assert own[3]["fog"] > 0.35 > own[0]["fog"]


def test_atoms_in_a_hole_are_told_though_all_members_see_them() -> None:
    holed = sheet(4, hole=5.0)
    rng = np.random.default_rng(0)
    middle = rng.uniform(20.0, SHAPE[0] - 20.0, (4000, 2))
    apart = np.linalg.norm(middle[:, None] - holed.positions[None], axis=2).min(axis=1)
    inside = middle[apart > 15.0][:40]
    assert len(inside) > 10
    one = look(holed.pixels, result([drawn(np.concatenate([holed.positions, inside]))] * 3), MANIFEST)
    honest = look(holed.pixels, result([drawn(holed.positions)] * 3), MANIFEST)
    assert all(own["atom_f1"] == 1.0 for own in one.by_member.values())
    assert one.by_member[0]["unlit"] > honest.by_member[0]["unlit"] + 0.03
    assert one.by_member[0]["expected_f1"] < honest.by_member[0]["expected_f1"]


def test_atoms_on_thick_carbon_are_told() -> None:
    dirty = sheet(2, Conditions(contamination=0.3, thickness=40.0, pattern=3))
    one = look(dirty.pixels, result([drawn(dirty.positions)] * 3), MANIFEST)
    clean = look(dirty.pixels, result([drawn(dirty.positions[dirty.contamination < 1.0])] * 3), MANIFEST)
    assert one.by_member[0]["on_dirt"] > clean.by_member[0]["on_dirt"] + 0.1


def test_the_dose_shows_in_signal_to_noise_whatever_gain_and_dark_level_are() -> None:
    values = [
        look(sheet(0, Conditions(electrons=electrons, gain=gain, offset=offset)).pixels, result([GOOD] * 2), MANIFEST).frame[
            "signal_to_noise"
        ]
        for electrons, gain, offset in ((11.0, 8.0, 60.0), (11.0, 16.0, 300.0), (2.75, 8.0, 60.0))
    ]
    assert values[0] == pytest.approx(values[1], abs=0.5)
    assert values[0] - values[2] == pytest.approx(6.0, abs=1.5)


def test_line_noise_shows() -> None:
    values = [
        look(sheet(0, Conditions(row_jitter=jitter, line_noise=lines)).pixels, result([GOOD] * 2), MANIFEST).frame["line_noise"]
        for jitter, lines in ((0.1, 0.0), (3.0, 0.1))
    ]
    assert values[0] == pytest.approx(1.0, abs=0.1)
    assert values[1] > 1.08


def test_what_is_missing_makes_nan_and_no_error() -> None:
    whole = result([GOOD] * 3)
    bare = look(None, replace(whole, mean=None, std=None, atoms=None, member_maps=None, sampling=None), MANIFEST)
    assert all(math.isnan(value) for value in bare.frame.values())
    assert bare.by_member == {}
    assert math.isnan(bare.rate)
    blind = look(None, whole, MANIFEST)
    assert math.isnan(blind.by_member[0]["unlit"])
    assert blind.by_member[0]["atom_f1"] == 1.0


@pytest.mark.parametrize("pixels", [np.full(SHAPE, 7.0), np.full(SHAPE, np.nan), np.where(np.eye(192) > 0, np.nan, FRAME.pixels)])
def test_flat_and_broken_frames_are_no_error(pixels: np.ndarray) -> None:
    assert look(pixels, result([GOOD] * 2), MANIFEST).by_member[1]["atom_f1"] == 1.0


def test_members_that_see_nothing_are_no_error() -> None:
    empty = drawn(np.zeros((0, 2)))
    own = look(FRAME.pixels, result([empty, empty]), MANIFEST).by_member[0]
    assert math.isnan(own["short_pairs"])
    assert own["unseen_peaks"] > 0.5


def test_inactive_members_are_looked_at_where_their_maps_are_at_hand() -> None:
    one = look(FRAME.pixels, result([GOOD] * 2, members=(0, 5)), MANIFEST, inactive={2: GOOD, 5: GOOD})
    assert set(one.by_member) == {0, 5, 2}
    assert one.members == (0, 5)
    assert one.by_member[2]["atom_f1"] == 1.0


def test_a_single_member_has_nobody_to_agree_with() -> None:
    own = look(FRAME.pixels, result([GOOD]), MANIFEST).by_member[0]
    assert math.isnan(own["pixel_agreement"])
    assert math.isnan(own["atom_f1"])
