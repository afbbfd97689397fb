"""From atoms and conditions to detector counts.

    atoms -> scan (drift) -> sum of Gaussians -> + contamination, background -> line jitter and line noise -> electrons -> counts

Each atom is a Gaussian with a skirt at its exact sub-pixel place. Gaussians are separable, so a tile of the image is one matrix product
(rows x atoms) (atoms x columns), and a 512 x 512 frame of 1,500 atoms takes some tens of milliseconds, most of them for its noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from elitscope.simulator.conditions import REFERENCE_WIDTH, SIGMA, Conditions
from elitscope.simulator.contamination import amorphous_signal, contamination_map
from elitscope.simulator.scan import drift, line_jitter, seen_jitter, shift_rows
from elitscope.simulator.specimen import Specimen

TILE = 128
"""px, side of one matrix product: small enough that far atoms are left out, large enough that the product is efficient."""
REACH = 5.0
"""Standard deviations at which a Gaussian is taken to end (4e-6 of its height)."""


@dataclass(frozen=True)
class SimulatedFrame:
    """One frame and the truth about it."""

    pixels: np.ndarray
    """uint16 [row, column], detector counts."""
    sampling: float
    """Å per pixel."""
    positions: np.ndarray
    """float64 [atom, 2]: (row, column) in px, of the atoms inside the frame, where the scan shows them."""
    class_ids: np.ndarray
    """int32 [atom]: index into `classes`."""
    contamination: np.ndarray
    """float32 [atom]: thickness of amorphous carbon over the atom, Å."""
    classes: tuple[str, ...]
    conditions: Conditions
    segment: str = ""
    """Which part of a movie it belongs to: the name of what drifts there."""


def expose(specimen: Specimen, shape: tuple[int, int], sampling: float, conditions: Conditions, rng: np.random.Generator) -> SimulatedFrame:
    """One frame of a specimen. `sampling` in Å/px; `rng` draws everything that differs from exposure to exposure."""
    jitter = line_jitter(shape[0], conditions, rng)
    pixels, scanned = _image(specimen.positions, specimen.weights, shape, sampling, conditions, jitter, rng)
    inside = ((scanned >= -0.5) & (scanned < np.asarray(shape) - 0.5)).all(axis=1)
    positions = scanned[inside]
    nearest = np.rint(positions).astype(int).clip(0, np.asarray(shape) - 1)
    return SimulatedFrame(
        pixels=np.rint(pixels.clip(0, 65535)).astype(np.uint16),
        sampling=sampling,
        positions=positions,
        class_ids=specimen.class_ids[inside],
        contamination=contamination_map(shape, sampling, conditions)[nearest[:, 0], nearest[:, 1]],
        classes=specimen.classes,
        conditions=conditions,
    )


def render(
    positions: np.ndarray, weights: np.ndarray, shape: tuple[int, int], sampling: float, conditions: Conditions, rng: np.random.Generator
) -> np.ndarray:
    """Detector counts, noise included, float32 [row, column].

    Args:
        positions: float [atom, 2], (row, column) in Å, origin at the centre of the first pixel.
        weights: float [atom], brightness relative to carbon.
        shape: (rows, columns).
        sampling: Å/px.
        conditions: how the frame is acquired.
        rng: source of noise and jitter.

    Example:
        >>> quiet = Conditions(electrons=1e4, row_jitter=0.0, tails=0.0)
        >>> counts = render(np.array([[1.5, 1.0]]), np.ones(1), (32, 32), 0.1, quiet, np.random.default_rng(0))
        >>> bool(abs(counts - counts.max()).argmin() in range(14 * 32, 17 * 32))
        True
    """
    return _image(positions, weights, shape, sampling, conditions, line_jitter(shape[0], conditions, rng), rng)[0]


def _image(
    positions: np.ndarray,
    weights: np.ndarray,
    shape: tuple[int, int],
    sampling: float,
    conditions: Conditions,
    jitter: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Counts [row, column], and where the scan shows each atom (px)."""
    drifted = drift(np.asarray(positions, float).reshape(-1, 2) / sampling, conditions)
    signal = _atoms(drifted, np.asarray(weights, float), shape, sampling, conditions)
    if conditions.contamination > 0:
        signal += amorphous_signal(shape, sampling, conditions)
    signal = shift_rows(signal, jitter) + _background(shape, conditions)
    scanned = drifted.copy()
    scanned[:, 1] += seen_jitter(drifted[:, 0], jitter, conditions.width * SIGMA / sampling)
    return detect(signal, conditions, rng), scanned


def detect(signal: np.ndarray, conditions: Conditions, rng: np.random.Generator) -> np.ndarray:
    """Counts of a detector that sees `signal` (1 = a carbon atom's peak): electrons, pulse heights, readout, dark level, hot pixels."""
    lines = 1.0 + conditions.line_noise * rng.standard_normal((signal.shape[0], 1))
    electrons = rng.poisson((signal * lines * conditions.electrons).clip(0.0, 1e6)).astype(np.float32)
    spread = np.sqrt(conditions.gain_spread * electrons * conditions.gain**2 + conditions.readout**2)
    counts = electrons * conditions.gain + conditions.offset + spread * rng.standard_normal(signal.shape, dtype=np.float32)
    if conditions.hot_pixels > 0:
        hot = rng.random(signal.shape) < conditions.hot_pixels
        counts[hot] += rng.uniform(10.0, 60.0, int(hot.sum())) * conditions.gain * max(conditions.electrons, 1.0)
    return np.asarray(counts, np.float32)


def _atoms(points: np.ndarray, weights: np.ndarray, shape: tuple[int, int], sampling: float, conditions: Conditions) -> np.ndarray:
    """Sum of all atoms' Gaussians and skirts, float32 [row, column], in units of a carbon atom's peak."""
    parts = ((conditions.width, 1.0 - conditions.tails), (conditions.tail_width, conditions.tails))
    signal = np.zeros(shape, np.float32)
    for width, fraction in parts:
        if fraction > 0:
            height = weights * fraction * (REFERENCE_WIDTH / width) ** 2
            signal += _gaussians(points, height, shape, width * SIGMA / sampling)
    return signal


def _gaussians(points: np.ndarray, heights: np.ndarray, shape: tuple[int, int], sigma: float) -> np.ndarray:
    """Sum of Gaussians of one width (px), float32 [row, column]."""
    image = np.zeros(shape, np.float32)
    reach = REACH * sigma
    for top in range(0, shape[0], TILE):
        bottom = min(top + TILE, shape[0])
        level = (points[:, 0] > top - reach) & (points[:, 0] < bottom + reach)
        here, strong = points[level], heights[level].astype(np.float32)
        for left in range(0, shape[1], TILE):
            right = min(left + TILE, shape[1])
            near = (here[:, 1] > left - reach) & (here[:, 1] < right + reach)
            down = _profiles(here[near, 0] - top, bottom - top, sigma) * strong[near, None]
            image[top:bottom, left:right] = down.T @ _profiles(here[near, 1] - left, right - left, sigma)
    return image


def _profiles(centres: np.ndarray, length: int, sigma: float) -> np.ndarray:
    """Gaussians of height 1, float32 [centre, pixel]."""
    distance = (np.arange(length) - centres[:, None]).astype(np.float32) / np.float32(sigma)
    return np.asarray(np.exp(-0.5 * distance**2))


def _background(shape: tuple[int, int], conditions: Conditions) -> np.ndarray:
    down, across = (slope * np.linspace(-0.5, 0.5, side) for slope, side in zip(conditions.gradient, shape))
    return np.asarray((conditions.background + down[:, None] + across[None, :]).clip(0.0), np.float32)
