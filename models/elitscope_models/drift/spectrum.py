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
_GEOMETRIC = 0.56
"""Geometric over arithmetic mean of the power of noise."""
_OUT = 2.2
"""Times what is to be expected of noise by which a lattice's spots exceed it: in a ring of 60 values noise does in 1 of 140."""
_PERIODS = 5
"""Periods over the frame that make a lattice: what is coarser is dirt."""
_CLEAR = 30.0
"""Times the power of noise from which there is a lattice at all."""
_SCALES = np.exp(np.arange(math.log(0.55), math.log(1.8), 0.01))
"""Factors by which a stated sampling may be wrong, in steps of 1 %."""


@dataclass(frozen=True)
class Spectrum:
    """Power over spatial frequency, ring by ring.

    `frequency`: 1/px, of each ring, ascending; `power`: mean of the ring, noise taken out; `spots`: how far its largest value stands out
    of its geometric mean (which a few spots hardly raise), 1 where noise hardly ever does, and 0 where it does not stand out of the noise.
    """

    frequency: Array
    power: Array
    spots: Array


def spectrum(image: Array) -> Spectrum:
    """Rings one frequency step of the shorter side wide, up to half a period per px.

    Args:
        image: float32 [row, column].
    """
    rows, columns = image.shape
    window = np.outer(np.hanning(rows), np.hanning(columns)).astype(np.float32)
    waves = rfft2((image - image.mean()) * window)
    power = waves.real**2 + waves.imag**2
    down, across = np.fft.fftfreq(rows).astype(np.float32), np.fft.rfftfreq(columns).astype(np.float32)
    side = min(rows, columns)
    ring = (np.hypot(down[:, None], across[None, :]) * side + 0.5).astype(np.int32).ravel()
    order = np.argsort(ring.astype(np.uint16) if side < 1 << 15 else ring, kind="stable")  # 16 bits are sorted by radix
    counts = np.bincount(ring)
    starts = np.cumsum(counts) - counts
    last = side // 2
    ordered = power.ravel()[order]
    mean = np.add.reduceat(ordered, starts)[: last + 1] / counts[: last + 1]
    largest = np.maximum.reduceat(ordered, starts)[: last + 1]
    floor = float(np.median(mean[int(0.8 * last) :]))
    counts = counts[: last + 1]
    usual = np.exp(np.add.reduceat(np.log(ordered + np.float32(1e-30)), starts)[: last + 1] / counts)
    noise = np.maximum(np.log(np.maximum(counts, 2)), 1.0) / _GEOMETRIC  # what the largest of so many values of noise is to be expected
    spots = np.where(largest > _CLEAR * floor, largest / np.maximum(usual * noise * _OUT, 1e-30), 0.0)
    return Spectrum(np.arange(last + 1) / side, (mean - floor).clip(0.0), spots)


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
    strength = _strength(found, sampling) * (found.spots > 1.0)
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
    """Of the lattice's spots in each ring: root of the power, less where they hardly stand out, 0 in rings without any. The band is wide,
    since the sampling may be wrong."""
    at = found.frequency / sampling
    usable = (at > 0.5 / COARSEST) & (at < 2.0 / FINEST) & (np.arange(len(at)) >= _PERIODS)
    return np.where(usable, np.sqrt(found.power) * (2.0 * found.spots - 1.0).clip(0.0, 1.0), 0.0)


def _refined(frequency: Array, strength: Array, index: int) -> float:
    """Mean frequency of a ring and its neighbours."""
    near = slice(max(1, index - 1), index + 2)
    return float((frequency[near] * strength[near]).sum() / strength[near].sum())
