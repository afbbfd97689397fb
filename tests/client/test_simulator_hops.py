"""Atoms that change places while the frame is scanned."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from elitscope.simulator import Conditions, Hop, Probe, Specimen, expose, movie

QUIET = Conditions(electrons=1e5, row_jitter=0.0, tails=0.0, background=0.0, readout=0.0, gain=1.0, gain_spread=0.0, offset=0.0)
LONE = Specimen(np.array([[3.0, 3.0]]), np.zeros(1, np.int32), np.ones(1), ("C",))
SHAPE, SAMPLING = (80, 80), 0.1


def counts(specimen: Specimen, hops: tuple[Hop, ...], conditions: Conditions = QUIET) -> np.ndarray:
    return expose(specimen, SHAPE, SAMPLING, conditions, np.random.default_rng(0), hops=hops).pixels.astype(float)


@pytest.mark.parametrize("conditions", [QUIET, replace(QUIET, probe=Probe(), width=0.6)], ids=["gaussian", "probe"])
def test_lines_before_a_hop_show_the_atom_where_it_was_and_later_ones_where_it_went(conditions: Conditions) -> None:
    hopped = counts(LONE, (Hop(0, (3.0, 5.0), 3.05),), conditions)
    still = counts(LONE, (), conditions)
    gone = counts(replace(LONE, positions=np.array([[3.0, 5.0]])), (), conditions)
    noise = 6.0 * np.sqrt(still.max())
    assert np.abs(hopped[:31] - still[:31]).max() < noise
    assert np.abs(hopped[31:] - gone[31:]).max() < noise
    assert np.abs(hopped[31:] - still[31:]).max() > 10 * noise


@pytest.mark.parametrize(("row", "seen_at"), [(2.0, [30.0, 50.0]), (4.0, [30.0, 30.0])])
def test_the_truth_has_an_atom_where_more_of_it_was_seen(row: float, seen_at: list[float]) -> None:
    frame = expose(LONE, SHAPE, SAMPLING, QUIET, np.random.default_rng(0), hops=(Hop(0, (3.0, 5.0), row),))
    assert frame.positions.tolist() == [pytest.approx(seen_at)]
    assert frame.hops == (((pytest.approx(30.0), pytest.approx(30.0)), (pytest.approx(30.0), pytest.approx(50.0))),)


def test_a_hop_after_the_last_line_changes_nothing() -> None:
    assert np.array_equal(counts(LONE, (Hop(0, (3.0, 5.0), 9.0),)), counts(LONE, ()))


def test_a_movie_without_hops_is_the_movie_that_it_was_and_one_with_them_differs_at_those_places_only() -> None:
    still, hopping = (next(movie(shape=(128, 128), frames=1, conditions=QUIET, hops=hops)) for hops in (0, 2))
    assert still.hops == ()
    assert len(hopping.hops) == 2
    away = np.ones(still.pixels.shape, bool)
    for place in np.array(hopping.hops).reshape(-1, 2).round().astype(int):
        away[max(0, place[0] - 25) : place[0] + 25, max(0, place[1] - 25) : place[1] + 25] = False
    apart = np.abs(still.pixels.astype(float) - hopping.pixels.astype(float))
    assert apart[away].max() < 0.02 * still.pixels.max() < apart.max()


def test_fewer_than_no_hops_are_refused() -> None:
    with pytest.raises(ValueError, match="-1 hops"):
        next(movie(hops=-1))
