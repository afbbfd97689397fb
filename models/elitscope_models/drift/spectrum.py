"""What the power spectrum says: how sharp an image is, and which lattice planes it shows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.fft import rfft2

Array = np.ndarray[Any, np.dtype[Any]]

COARSEST, FINEST = 6.0, 0.8
"""Å: periods between which an image's power counts as that of a lattice."""
_VISIBLE = 12.0
"""Times the median power of its ring from which a spot is one of a lattice."""
_SCALES = np.exp(np.arange(math.log(0.55), math.log(1.8), 0.01))
"""Factors by which a stated sampling may be wrong, in steps of 1 %."""


@dataclass(frozen=True)
class Spectrum:
    """Power over spatial frequency, ring by ring.

    `frequency`: 1/px, of each ring, ascending; `power`: mean of the ring, noise taken out; `peak`: its largest value over its median.
    """

    frequency: Array
    power: Array
    peak: Array


def spectrum(image: Array) -> Spectrum:
    """Rings one frequency step of the shorter side wide, up to half a period per px.

    Args:
        image: float32 [row, column].
    """
    rows, columns = image.shape
    window = np.outer(np.hanning(rows), np.hanning(columns)).astype(np.float32)
    power = np.abs(rfft2((image - image.mean()) * window)) ** 2
    down, across = np.fft.fftfreq(rows), np.fft.rfftfreq(columns)
    ring = np.rint(np.hypot(down[:, None], across[None, :]) * min(rows, columns)).astype(np.intp)
    last = min(rows, columns) // 2
    ring, power = ring.ravel(), power.ravel()
    inside = ring <= last
    ring, power = ring[inside], power[inside]
    counts = np.bincount(ring, minlength=last + 1)
    mean = np.bincount(ring, power, minlength=last + 1) / np.maximum(counts, 1)
    largest = np.zeros(last + 1)
    np.maximum.at(largest, ring, power)
    order = np.lexsort((power, ring))
    middle = power[order][np.cumsum(counts) - counts + (counts - 1) // 2] if counts.all() else mean
    floor = float(np.median(mean[int(0.8 * last) :]))
    return Spectrum(np.arange(last + 1) / min(rows, columns), (mean - floor).clip(0.0), largest / np.maximum(middle, 1e-12))


def sharpness(found: Spectrum, sampling: float) -> float:
    """Mean spatial frequency of the power between 1/`COARSEST` and 1/`FINEST`, 1/Å; NaN where there is none.

    Args:
        found: of the image.
        sampling: Å/px.
    """
    at = found.frequency / sampling
    band = (at >= 1.0 / COARSEST) & (at <= 1.0 / FINEST)
    weight = (found.power * found.frequency)[band]
    return float((weight * at[band]).sum() / weight.sum()) if weight.sum() > 0 else float("nan")


def lattice_spacing(found: Spectrum, sampling: float) -> float:
    """Å, at this sampling (Å/px), of the planes with the strongest spot; NaN where no spot stands out of its ring.

    The strongest is that with the most amplitude, so that higher orders do not pass for it.
    """
    strength = _strength(found, sampling)
    if not strength.any():
        return float("nan")
    return float(sampling / _refined(found.frequency, strength, int(strength.argmax())))


def sampling_error(found: Spectrum, sampling: float, expected: tuple[float, ...]) -> float:
    """By which share the stated sampling is too large (negative: too small), −0.45 to 0.8; NaN where no lattice can be seen.

    Args:
        found: of the image.
        sampling: Å/px, as stated.
        expected: Å, spacings of the lattice's planes, the strongest first.
    """
    strength = _strength(found, sampling)
    if not strength.any() or not expected:
        return float("nan")
    weights = 1.0 / np.arange(1, len(expected) + 1)
    at = _SCALES[:, None] * (sampling / np.array(expected))  # where the rings would be if the true sampling were smaller by the scale
    fit = (np.interp(at, found.frequency, strength, right=0.0) * weights).sum(axis=1)
    best = int(fit.argmax())
    if not fit[best] > 0:
        return float("nan")
    return float(1.0 / _SCALES[best] - 1.0)


def _strength(found: Spectrum, sampling: float) -> Array:
    """Of the lattice's spots in each ring: root of the power that stands out; 0 in rings without any. The band is wide, since the
    sampling may be wrong."""
    at = found.frequency / sampling
    usable = (at > 0.5 / COARSEST) & (at < 2.0 / FINEST) & (found.peak > _VISIBLE)
    return np.where(usable, np.sqrt(found.power), 0.0)


def _refined(frequency: Array, strength: Array, index: int) -> float:
    """Mean frequency of a ring and its neighbours."""
    near = slice(max(1, index - 1), index + 2)
    return float((frequency[near] * strength[near]).sum() / strength[near].sum())
