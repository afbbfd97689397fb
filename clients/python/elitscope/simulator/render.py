"""From atoms and conditions to detector counts.

    atoms -> scan (drift) -> sum of Gaussians -> + contamination, background -> line jitter and line noise -> electrons -> counts

Each atom is a Gaussian with a skirt at its exact sub-pixel place. Gaussians are separable, so a tile of the image is one matrix product
(rows x atoms) (atoms x columns), and a 512 x 512 frame of 1,500 atoms takes some tens of milliseconds, most of them for its noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from elitscope.simulator.conditions import REFERENCE_WIDTH, Conditions
from elitscope.simulator.specimen import Specimen

SIGMA = 1.0 / (2.0 * math.sqrt(2.0 * math.log(2.0)))
"""Standard deviation of a Gaussian in units of its FWHM."""
CARBON_DENSITY = 0.1
"""Atoms per Å³ of amorphous carbon (2.0 g/cm³)."""
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


def expose(
    specimen: Specimen, shape: tuple[int, int], sampling: float, conditions: Conditions, rng: np.random.Generator
) -> SimulatedFrame:
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
    drifted = _drift(np.asarray(positions, float).reshape(-1, 2) / sampling, conditions)
    signal = _atoms(drifted, np.asarray(weights, float), shape, sampling, conditions)
    if conditions.contamination > 0:
        signal += _amorphous(shape, sampling, conditions)
    signal = _shift_rows(signal, jitter) + _background(shape, conditions)
    scanned = drifted.copy()
    scanned[:, 1] += _seen_jitter(drifted[:, 0], jitter, conditions.width * SIGMA / sampling)
    return detect(signal, conditions, rng), scanned


def contamination_map(shape: tuple[int, int], sampling: float, conditions: Conditions) -> np.ndarray:
    """Thickness of amorphous carbon, Å, float32 [row, column]; the same for equal `pattern`, growing with `contamination`."""
    if conditions.contamination <= 0:
        return np.zeros(shape, np.float32)
    rows, columns = (np.arange(side) * sampling for side in shape)
    return _thickness(rows, columns, shape, sampling, conditions)


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


def line_jitter(rows: int, conditions: Conditions, rng: np.random.Generator) -> np.ndarray:
    """px by which each scan line is displaced along the fast axis, float64 [row]: half white, half drifting over a few lines."""
    white, walk = rng.standard_normal(rows), rng.standard_normal(rows + 15)
    slow = np.convolve(walk, np.hanning(18)[1:-1] / np.linalg.norm(np.hanning(18)[1:-1]), "valid")
    return np.asarray(conditions.row_jitter * (white + slow) / math.sqrt(2.0))


def _drift(points: np.ndarray, conditions: Conditions) -> np.ndarray:
    """Points in px as a scan shows them that drifts by `shear`."""
    moved = points.copy()
    moved[:, 0] = points[:, 0] * (1.0 + conditions.shear[0])
    moved[:, 1] = points[:, 1] + conditions.shear[1] * moved[:, 0]
    return moved


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


def _thickness(
    rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int], sampling: float, conditions: Conditions
) -> np.ndarray:
    """Å of amorphous carbon at the given rows and columns (Å): smooth noise above the level that leaves `contamination` of the frame."""
    rng = np.random.default_rng((conditions.pattern, 1))
    step = conditions.patch / 2.0
    extent = np.asarray(shape) * sampling
    knots = [np.arange(-2, int(side / step) + 4) * step for side in extent]
    noise = rng.standard_normal((len(knots[0]), len(knots[1])))

    def smooth(at_rows: np.ndarray, at_columns: np.ndarray) -> np.ndarray:
        down, across = (np.exp(-0.5 * ((at[:, None] - k) / step) ** 2) for at, k in ((at_rows, knots[0]), (at_columns, knots[1])))
        return np.asarray(down @ noise @ across.T)

    coarse = smooth(*(np.linspace(0.0, side, 48) for side in extent))
    level = np.quantile(coarse, 1.0 - conditions.contamination)
    above = (smooth(rows, columns) - level) / max(float(noise.std()) * 2.0, 1e-6)
    return np.asarray(conditions.thickness * above.clip(0.0, 1.0), np.float32)


def _amorphous(shape: tuple[int, int], sampling: float, conditions: Conditions) -> np.ndarray:
    """Signal of the contamination: its atoms counted in cells as wide as an atom's image, so that it is bright *and* speckled."""
    sigma = conditions.width * SIGMA
    rows, columns = (np.arange(-3.0, side * sampling / sigma + 3.0) * sigma for side in shape)
    atoms = CARBON_DENSITY * sigma**2 * _thickness(rows, columns, shape, sampling, conditions)
    speckle = np.random.default_rng((conditions.pattern, 2)).standard_normal(atoms.shape)
    atoms = (atoms + np.sqrt(atoms) * speckle).clip(0.0)
    down, across = (
        np.exp(-0.5 * ((np.arange(side)[:, None] * sampling - at) / sigma) ** 2) for side, at in zip(shape, (rows, columns))
    )
    return np.asarray((REFERENCE_WIDTH / conditions.width) ** 2 * (down @ atoms @ across.T), np.float32)


def _background(shape: tuple[int, int], conditions: Conditions) -> np.ndarray:
    down, across = (slope * np.linspace(-0.5, 0.5, side) for slope, side in zip(conditions.gradient, shape))
    return np.asarray((conditions.background + down[:, None] + across[None, :]).clip(0.0), np.float32)


def _shift_rows(image: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Each row moved towards higher columns by its shift (px), linearly interpolated, edges held."""
    last = image.shape[1] - 1
    source = (np.arange(image.shape[1]) - shifts[:, None]).clip(0.0, last)
    left = np.floor(source).astype(np.intp)
    fraction = (source - left).astype(np.float32)
    rows = np.arange(image.shape[0])[:, None]
    return np.asarray(image[rows, left] * (1.0 - fraction) + image[rows, np.minimum(left + 1, last)] * fraction)


def _seen_jitter(rows: np.ndarray, jitter: np.ndarray, sigma: float) -> np.ndarray:
    """Mean shift (px) of the lines that show an atom in each of the given rows, weighted by how brightly they show it."""
    reach = math.ceil(3.0 * sigma)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 0.5)) ** 2)
    seen = np.convolve(np.pad(jitter, reach, mode="edge"), weights / weights.sum(), "valid")
    return np.asarray(np.interp(rows, np.arange(len(jitter)), seen))
