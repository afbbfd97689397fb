"""CUSUM charts: quiet where nothing changes, quick where something does."""

from __future__ import annotations

import math

import numpy as np
import pytest

from elitscope_models.drift.change import THRESHOLD, Chart, average_run_length, usual_and_scale


def fed(chart: Chart, values: np.ndarray, first: int = 0) -> list[int]:
    """Frames with the alarm on."""
    return [first + index for index, value in enumerate(values.tolist()) if chart.update(value, first + index)]


def learned(rng: np.random.Generator, least: float = 0.0) -> Chart:
    chart = Chart(least)
    assert not fed(chart, rng.normal(5.0, 0.2, chart.learn))
    assert chart.state == "watching"
    return chart


@pytest.mark.parametrize("noise", ["normal", "heavy tails", "values that hang together"])
def test_stationary_noise_raises_no_alarm(noise: str) -> None:
    rng = np.random.default_rng(3)
    values = rng.standard_normal(6000) if noise == "normal" else rng.standard_t(3, 6000)
    if noise == "values that hang together":
        values = np.convolve(rng.standard_normal(6002), [0.5, 0.7, 0.5], "valid")
    assert not fed(Chart(0.0), 5.0 + 0.2 * values)


def test_an_abrupt_change_is_announced_within_three_frames_with_the_frame_where_it_began() -> None:
    chart = learned(np.random.default_rng(0))
    assert fed(chart, np.full(5, 9.0), first=100) == [102, 103, 104]
    assert chart.began == 100


def test_a_shift_by_two_scales_is_announced_and_so_is_one_downwards() -> None:
    for sign in (1, -1):
        chart = learned(np.random.default_rng(1))
        alarms = fed(chart, np.full(40, 5.0 + sign * 2.5 * chart.scale), first=100)
        assert alarms[0] <= 112
        assert chart.began == 100


def test_a_slow_ramp_is_announced_too() -> None:
    chart = learned(np.random.default_rng(2))
    rng = np.random.default_rng(4)
    alarms = fed(chart, 5.0 + np.arange(100) * 0.05 + rng.normal(0.0, 0.2, 100), first=60)
    assert alarms
    assert 60 < alarms[0] < 60 + 40


def test_a_single_wild_value_is_none() -> None:
    chart = learned(np.random.default_rng(0))
    assert not fed(chart, np.array([5.0, 1e9, 5.0, -1e9, 5.0]))


def test_changes_smaller_than_those_that_matter_are_none() -> None:
    chart = learned(np.random.default_rng(0), least=1.0)
    assert not fed(chart, np.full(500, 5.9))


def test_an_alarm_ends_when_all_is_as_it_was() -> None:
    chart = learned(np.random.default_rng(0))
    fed(chart, np.full(50, 9.0), first=100)
    assert chart.alarmed
    fed(chart, np.full(20, 5.0), first=150)
    assert not chart.alarmed
    assert chart.began is None


def test_what_is_not_a_number_is_left_out() -> None:
    chart = learned(np.random.default_rng(0))
    assert not fed(chart, np.array([math.nan, math.inf, -math.inf, 5.0]))
    assert chart.score < 0.5


def test_a_level_that_starts_anew_keeps_its_scale() -> None:
    chart = learned(np.random.default_rng(0))
    scale = chart.scale
    chart.start_level_anew(5)
    assert chart.state == "learning"
    assert not fed(chart, np.full(5, 7.0), first=200)
    assert (chart.usual, chart.scale) == (7.0, scale)
    assert fed(chart, np.full(5, 9.0), first=205)


def test_outliers_do_not_widen_what_is_usual() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(1.0, 0.1, 60)
    values[::20] = 50.0
    usual, scale = usual_and_scale(values, 0.0)
    assert usual == pytest.approx(1.0, abs=0.05)
    assert 0.1 < scale < 0.2


def test_the_formula_for_false_alarms_agrees_with_what_is_counted() -> None:
    rng = np.random.default_rng(0)
    lengths = []
    for _ in range(300):
        up = down = 0.0
        count = 0
        while max(up, down) < 4.0:
            z = rng.standard_normal()
            up, down, count = max(0.0, up + z - 0.5), max(0.0, down - z - 0.5), count + 1
        lengths.append(count)
    assert average_run_length(0.5, 4.0) == pytest.approx(np.mean(lengths), rel=0.2)


def test_a_level_half_a_scale_off_and_a_scale_a_quarter_too_small_still_leave_an_hour_for_a_hundred_charts() -> None:
    assert average_run_length((1.0 - 0.4) / 1.25, THRESHOLD / 1.25) > 100 * 14_400 / 25
