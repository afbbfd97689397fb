"""Pixels that a detector or a scan engine got wrong, replaced before anything is measured on the frame.

Three kinds: not finite; hot (one pixel far above all around it); blanked (single pixels, and lines or columns, at the frame's lowest value
in the middle of brighter ones). Atoms are never touched: an image formed by a probe can't rise from one pixel to the next as a hot pixel
does, since what lights up a pixel lights up its neighbours too. Where so many pixels stand out that they must be the picture itself (single
electrons at a very low dose), nothing is replaced.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from elitscope.errors import FrameInvalid

Frame = np.ndarray[Any, np.dtype[np.float32]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]

MOST_NOT_FINITE = 0.25
"""Share of pixels that may be NaN or infinite; with more, too much of the result would be made up."""

_CEILING = np.float32(1e30)  # squares of what is left stay finite in float32
_HOT_SHARE = 0.0005  # of all pixels, at most: detectors have few hot pixels, sharp lattices have many peaks
_DARK_SHARE = 0.01
_HOT_OVER_NOISE = 3.5  # times the 99.8th percentile of |pixel - 3×3 median|: 11 sigma of Gaussian noise
_DARK_OVER_NOISE = 1.5
_ISOLATION = 0.2  # a probe of 0.6 px sigma, sharper than any scan, gives an atom's neighbours 0.25 of its height
_NOISE_QUANTILE = 0.998
_SAMPLE = 13  # every 13th pixel says enough about the noise, and beats with no lattice
_LINES_IN_A_ROW = 3  # more can't be filled from their surroundings


def repair(pixels: np.ndarray[Any, Any]) -> tuple[Frame, tuple[str, ...]]:
    """The frame as contiguous finite float32, and warnings about what was filled in.

    Args:
        pixels: [row, column], any real dtype. Types that hold more than float32 are centred on their median first, so that a small signal
            on a large offset survives.

    Returns:
        The repaired frame (never `pixels` itself) and warnings `frame_not_finite: N px filled`, `hot_pixels_filled: N px`,
        `dark_pixels_filled: N px`.

    Raises:
        FrameInvalid: more than `MOST_NOT_FINITE` of the frame is NaN or infinite.
    """
    frame = _as_float32(pixels)
    warnings = []
    if pixels.dtype.kind == "f" and not (sound := np.isfinite(frame)).all():
        holes = ~sound
        lost = int(np.count_nonzero(holes))
        _check_share(lost, frame.size)
        frame = _fill(frame, holes)
        warnings.append(f"frame_not_finite: {lost} px filled")
    low, high, _, _ = cv2.minMaxLoc(frame)
    if max(-low, high) > _CEILING:
        np.clip(frame, -_CEILING, _CEILING, out=frame)
        low, high, _, _ = cv2.minMaxLoc(frame)
    deviation = cv2.medianBlur(frame, 3)
    cv2.subtract(frame, deviation, dst=deviation)
    noise = _high(np.abs(deviation.ravel()[::_SAMPLE]))
    hot = _hot(frame, deviation, max(_HOT_OVER_NOISE * noise, 1e-6 * (high - low)))
    dark = _dark(frame, deviation, max(_DARK_OVER_NOISE * noise, 1e-6 * (high - low)), low)
    bad = np.zeros(frame.shape, np.bool_)
    for mask, name in ((hot, "hot_pixels_filled"), (dark, "dark_pixels_filled")):
        if mask is not None and (count := np.count_nonzero(mask)):
            warnings.append(f"{name}: {count} px")
            bad |= mask
    return _fill(frame, bad) if bad.any() else frame, tuple(warnings)


def _as_float32(pixels: np.ndarray[Any, Any]) -> Frame:
    """A copy; values beyond float32's range become infinite only where they already were."""
    if pixels.dtype.kind == "b" or pixels.dtype.itemsize <= 2 or (pixels.dtype.kind == "f" and pixels.dtype.itemsize == 4):
        return np.array(pixels, np.float32, order="C")
    wide = np.array(pixels, np.float64, order="C")
    sample = wide[::4, ::4]
    sample = sample[np.isfinite(sample)]
    middle = np.quantile(sample, 0.5, method="nearest") if sample.size else 0.0
    finite = np.isfinite(wide)
    with np.errstate(over="ignore"):
        np.subtract(wide, middle, out=wide, where=finite)
    np.clip(wide, -float(_CEILING), float(_CEILING), out=wide, where=finite)
    return wide.astype(np.float32)


def _check_share(lost: int, size: int) -> None:
    if lost == size:
        raise FrameInvalid("every pixel of the frame is NaN or infinite: there is nothing to analyse")
    if lost > MOST_NOT_FINITE * size:
        raise FrameInvalid(f"{lost} of {size} pixels are NaN or infinite: at most {MOST_NOT_FINITE:.0%} can be filled in")


def _high(values: Frame) -> float:
    """The 99.8th percentile of some values, which are overwritten."""
    place = _NOISE_QUANTILE * (values.size - 1)
    rank = int(place)
    values.partition(rank)
    above = values[rank + 1 :].min() if rank + 1 < values.size else values[rank]
    return float(values[rank] + (place - rank) * (float(above) - float(values[rank])))


def _hot(frame: Frame, deviation: Frame, least: float) -> Mask | None:
    """Pixels that stand out by more than `least`, by themselves."""
    if not cv2.minMaxLoc(deviation)[1] > least:
        return None
    mask = np.zeros(frame.shape, np.bool_)
    rows, columns = np.nonzero(deviation > least)
    if rows.size <= max(1, _HOT_SHARE * frame.size):
        around = _neighbourhoods(frame, rows, columns)
        base, peak = np.median(around, axis=1), around[:, 12]
        ring = around[:, [6, 7, 8, 11, 13, 16, 17, 18]].max(axis=1)
        alone = ring - base < _ISOLATION * (peak - base)
        mask[rows[alone], columns[alone]] = True
    return mask


def _neighbourhoods(frame: Frame, rows: np.ndarray[Any, Any], columns: np.ndarray[Any, Any]) -> Frame:
    """The 5 × 5 pixels around each place, [place, 25], mirrored at the frame's edges."""
    padded = cv2.copyMakeBorder(frame, 2, 2, 2, 2, cv2.BORDER_REFLECT_101)
    steps = np.arange(5)
    around = padded[rows[:, None, None] + steps[:, None], columns[:, None, None] + steps[None, :]]
    return np.asarray(around.reshape(-1, 25))


def _dark(frame: Frame, deviation: Frame, least: float, lowest: float) -> Mask | None:
    """Pixels at the frame's minimum amid much brighter ones: blanked one by one, or whole lines."""
    mask = None
    if cv2.minMaxLoc(deviation)[0] < -least:
        mask = (deviation < -least) & (frame == np.float32(lowest))
        if np.count_nonzero(mask) > _DARK_SHARE * frame.size:
            mask[:] = False
    rows, columns = _blanked(frame), _blanked(frame.T)
    if rows.size or columns.size:
        mask = np.zeros(frame.shape, np.bool_) if mask is None else mask
        mask[rows, :] = True
        mask[:, columns] = True
    return mask


def _blanked(lines: Frame) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Indices of lines of one single value that nearly all pixels of the lines beside them exceed; runs of a few lines only."""
    level = lines[:, 0]
    constant = (lines[:, -1] == level) & (lines[:, lines.shape[1] // 2] == level)  # rules out nearly all at once
    candidates = np.flatnonzero(constant)
    candidates = candidates[(lines[candidates] == level[candidates, None]).all(axis=1)]
    if candidates.size == 0 or candidates.size == len(lines):
        return np.zeros(0, np.intp)
    found: list[np.ndarray[Any, np.dtype[np.intp]]] = []
    for run in np.split(candidates, np.flatnonzero(np.diff(candidates) > 1) + 1):
        beside = [i for i in (run[0] - 1, run[-1] + 1) if 0 <= i < len(lines)]
        if len(run) <= _LINES_IN_A_ROW and np.mean(lines[beside] > level[run[0]]) > 0.95:
            found.append(run)
    return np.concatenate(found) if found else np.zeros(0, np.intp)


def _fill(frame: Frame, holes: Mask) -> Frame:
    """Holes replaced by the mean of the good pixels around them, in windows that grow until they hold one."""
    good = np.where(holes, np.float32(0), np.float32(1))
    known = np.where(holes, np.float32(0), frame)
    filled, left, side = known.copy(), holes.copy(), 3
    while left.any():
        weight = cv2.blur(good, (side, side), borderType=cv2.BORDER_REFLECT_101)
        total = cv2.blur(known, (side, side), borderType=cv2.BORDER_REFLECT_101)
        ready = left & (weight > 0.5 / side**2)
        filled[ready] = total[ready] / weight[ready]
        left &= ~ready
        side = min(2 * side + 1, 2 * max(frame.shape) + 1)
    return np.asarray(filled, np.float32)
