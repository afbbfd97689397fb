"""From atoms and conditions to detector counts.

    atoms -> scan (drift) -> sum of Gaussians -> + contamination, background -> line jitter and line noise -> electrons -> counts

Each atom is a Gaussian with a skirt at its exact sub-pixel place. Gaussians are separable, so a tile of the image is one matrix product
(rows x atoms) (atoms x columns), and a 512 x 512 frame of 1,500 atoms takes some tens of milliseconds, most of them for its noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Optional, Protocol

import numpy as np

from elitscope.simulator.conditions import REFERENCE_WIDTH, SIGMA, Conditions
from elitscope.simulator.contamination import amorphous_signal, contamination_map
from elitscope.simulator.hops import Hop, mostly_at, stages
from elitscope.simulator.lattice import MARGIN
from elitscope.simulator.probe import convolve
from elitscope.simulator.scan import drift, line_jitter, seen_jitter, shift_rows
from elitscope.simulator.specimen import Specimen

TILE = 128
"""px, side of one matrix product: small enough that far atoms are left out, large enough that the product is efficient."""
ASIDE = 1.0
"""Å from an atom at which the signal is compared with the atom's own."""
FFT_STEP = 32
"""px: images that are convolved have sides that are multiples of this."""
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
    signal: np.ndarray
    """float32 [atom]: electrons per pixel on the atom that come from the lattice, without noise, dirt or background."""
    contrast: np.ndarray
    """float32 [atom]: the lattice's signal on the atom over that `ASIDE` from it, without noise, dirt or background. Where it is not above
    1 the atom can't be told from its surroundings, or lies in a dark place of a lattice whose contrast is reversed."""
    classes: tuple[str, ...]
    conditions: Conditions
    segment: str = ""
    """Which part of a movie it belongs to: the name of what drifts there."""
    hops: tuple[tuple[tuple[float, float], tuple[float, float]], ...] = ()
    """Atoms that changed places during the scan: from and to, (row, column) in px each, drift included; `positions` has the one of the two
    where more of the atom was seen."""


class Imager(Protocol):
    """Another way to make an image of atoms than Gaussians."""

    def __call__(self, specimen: Specimen, shape: tuple[int, int], sampling: float, conditions: Conditions) -> np.ndarray:
        """Signal of a specimen, float32 [row, column], in units of a carbon atom's peak, without background, dirt or noise."""


def expose(
    specimen: Specimen,
    shape: tuple[int, int],
    sampling: float,
    conditions: Conditions,
    rng: np.random.Generator,
    imager: Optional[Imager] = None,
    hops: Sequence[Hop] = (),
) -> SimulatedFrame:
    """One frame of a specimen. `sampling` in Å/px; `rng` draws everything that differs from exposure to exposure.

    `imager` makes the image of the atoms instead of Gaussians; scan, dirt, detector and truth are the same. `hops` are atoms that change
    places during the scan; each takes one more image.
    """
    jitter = line_jitter(shape[0], conditions, rng)
    lattice = _scanned(specimen, shape, sampling, conditions, imager, hops)
    before, specimen = specimen, mostly_at(specimen, hops)
    drifted = drift(specimen.positions / sampling, conditions)
    pixels = _counts(lattice, sampling, conditions, jitter, rng)
    scanned = _seen(drifted, jitter, sampling, conditions)
    inside = ((scanned >= -0.5) & (scanned < np.asarray(shape) - 0.5)).all(axis=1)
    positions = scanned[inside]
    return SimulatedFrame(
        pixels=np.rint(pixels.clip(0, 65535)).astype(np.uint16),
        sampling=sampling,
        positions=positions,
        class_ids=specimen.class_ids[inside],
        contamination=_nearest(contamination_map(shape, sampling, conditions), positions),
        signal=conditions.electrons * _nearest(lattice, drifted[inside]),
        contrast=_contrast(lattice, drifted[inside], sampling),
        classes=specimen.classes,
        conditions=conditions,
        hops=_ways(before, hops, sampling, conditions),
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
    jitter = line_jitter(shape[0], conditions, rng)
    drifted = drift(np.asarray(positions, float).reshape(-1, 2) / sampling, conditions)
    return _counts(_lattice(drifted, np.asarray(weights, float), shape, sampling, conditions), sampling, conditions, jitter, rng)


def _scanned(
    specimen: Specimen, shape: tuple[int, int], sampling: float, conditions: Conditions, imager: Optional[Imager], hops: Sequence[Hop]
) -> np.ndarray:
    """Signal of the atoms, float32 [row, column]; from a hop's line on that of the specimen after it."""
    image = np.zeros(shape, np.float32)
    for start, stage in stages(specimen, hops):
        drifted = drift(stage.positions / sampling, conditions)
        first = 0 if math.isinf(start) else max(0, math.ceil(start / sampling * (1.0 + conditions.shear[0])))
        if first >= shape[0]:
            continue
        if imager is None:
            lattice = _lattice(drifted, stage.weights, shape, sampling, conditions)
        else:
            lattice = imager(replace(stage, positions=drifted * sampling), shape, sampling, conditions)
        image = lattice if first == 0 else np.concatenate([image[:first], lattice[first:]])
    return image


def _ways(
    specimen: Specimen, hops: Sequence[Hop], sampling: float, conditions: Conditions
) -> tuple[tuple[tuple[float, float], tuple[float, float]], ...]:
    """From and to of every hop, px of the frame."""
    pairs = [drift(np.array([specimen.positions[hop.atom], hop.to]) / sampling, conditions) for hop in hops]
    return tuple(((float(a[0]), float(a[1])), (float(b[0]), float(b[1]))) for a, b in pairs)


def _counts(lattice: np.ndarray, sampling: float, conditions: Conditions, jitter: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Counts [row, column] of a lattice's signal, with all that lies on it and that scan and detector add."""
    signal = lattice + _dirt(lattice.shape, sampling, conditions) if conditions.contamination > 0 else lattice
    return detect(shift_rows(signal, jitter) + _background(lattice.shape, conditions), conditions, rng)


def _seen(drifted: np.ndarray, jitter: np.ndarray, sampling: float, conditions: Conditions) -> np.ndarray:
    """Where a scan with this jitter shows atoms (px)."""
    scanned = drifted.copy()
    scanned[:, 1] += seen_jitter(drifted[:, 0], jitter, conditions.width * SIGMA / sampling)
    return scanned


def _contrast(lattice: np.ndarray, points: np.ndarray, sampling: float) -> np.ndarray:
    """float32 [atom]: see `SimulatedFrame.contrast`."""
    angles = np.arange(12) * (np.pi / 6.0)
    ring = np.stack([np.sin(angles), np.cos(angles)], axis=1) * (ASIDE / sampling)
    around = _nearest(lattice, points[:, None] + ring).mean(axis=1)
    return np.asarray((_nearest(lattice, points) + 1e-6) / (around + 1e-6), np.float32)


def _nearest(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The image at the pixels nearest to `points` (px) [..., 2], or at the border where they lie outside."""
    at = np.rint(points).astype(int).clip(0, np.asarray(image.shape) - 1)
    return np.asarray(image[at[..., 0], at[..., 1]], np.float32)


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


def _lattice(points: np.ndarray, weights: np.ndarray, shape: tuple[int, int], sampling: float, conditions: Conditions) -> np.ndarray:
    """Signal of atoms at `points` (px), float32 [row, column], in units of a carbon atom's peak."""
    if conditions.probe is None:
        return _atoms(points, weights, shape, sampling, conditions)
    (top, bottom), (left, right) = margins = _margins(shape, sampling)
    wide = (shape[0] + top + bottom, shape[1] + left + right)
    sharp = replace(conditions, tails=0.0)
    image = _atoms(points + np.array([top, left]), weights, wide, sampling, sharp)
    return _inner(convolve(image, conditions.probe.transfer(wide, sampling)), margins)


def _dirt(shape: tuple[int, int], sampling: float, conditions: Conditions) -> np.ndarray:
    """Signal of the contamination, seen through the probe where there is one."""
    signal = amorphous_signal(shape, sampling, conditions)
    if conditions.probe is None:
        return signal
    margins = _margins(shape, sampling)
    wide = np.pad(signal, margins, mode="symmetric")
    return _inner(convolve(wide, conditions.probe.transfer((wide.shape[0], wide.shape[1]), sampling)), margins)


Margins = tuple[tuple[int, int], tuple[int, int]]


def _margins(shape: tuple[int, int], sampling: float) -> Margins:
    """px around a frame that are imaged too, since a probe brings in what lies outside: at least `MARGIN`, up to sides that suit an FFT."""
    least = math.ceil(MARGIN / sampling)
    rows, columns = (least + -(side + 2 * least) % FFT_STEP for side in shape)
    return (least, rows), (least, columns)


def _inner(image: np.ndarray, margins: Margins) -> np.ndarray:
    (top, bottom), (left, right) = margins
    return image[top : image.shape[0] - bottom, left : image.shape[1] - right]


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
