"""Classes of atoms by how bright they are (ELIT paper, Algorithm 1, line 9; Fig. 3 c, d): a threshold, Otsu's, or a Gaussian mixture."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from elitscope_models.truth import discs

Array = np.ndarray[Any, np.dtype[Any]]

_BINS = 128


def intensities(image: Array, positions: Array, radius: float) -> Array:
    """Mean of the image in a disc around each atom: float64 [atom], in the image's units.

    Args:
        image: [row, column].
        positions: [atom, 2], (row, column) px.
        radius: px, of the disc.

    >>> intensities(np.eye(3), np.array([[1.0, 1.0]]), 0.5).tolist()
    [1.0]
    """
    reach = int(np.ceil(radius))
    core = discs(np.array([[reach, reach]], float), (2 * reach + 1, 2 * reach + 1), max(0.5, radius)) > 0
    framed = np.pad(np.asarray(image, np.float64), reach, constant_values=np.nan)
    corners = np.clip(np.rint(np.asarray(positions).reshape(-1, 2)).astype(int), 0, np.asarray(image.shape) - 1)
    each = [np.nanmean(framed[row : row + 2 * reach + 1, column : column + 2 * reach + 1][core]) for row, column in corners]
    return np.asarray(each, np.float64).reshape(-1)


def split(values: Array, how: str, classes: int, seed: int = 0) -> tuple[Array, tuple[float, ...]]:
    """Classes of atoms by intensity, the darkest first.

    Args:
        values: [atom].
        how: `otsu` (two classes), `gmm`, or thresholds: `1.3` for two classes, `0.5,1.3` for three.
        classes: how many there are to be.
        seed: where the mixture starts.

    Returns:
        int [atom], and the intensities that divide them, ascending.

    Raises:
        ValueError: the values can't be divided so.
    """
    if how == "otsu":
        bounds: tuple[float, ...] = (otsu(values),)
    elif how == "gmm":
        bounds = _mixture_bounds(values, classes, seed)
    else:
        bounds = _numbers(how)
    if len(bounds) != classes - 1:
        raise ValueError(f"{how!r} divides intensities into {len(bounds) + 1} classes, not {classes}: use gmm, or give thresholds")
    kinds = np.searchsorted(np.asarray(bounds), values, side="right")
    if len(np.unique(kinds)) < classes:
        raise ValueError(f"{how!r} at {', '.join(f'{bound:.3g}' for bound in bounds)} leaves a class without atoms: give other thresholds")
    return np.asarray(kinds), bounds


def otsu(values: Array) -> float:
    """The threshold that leaves the least variance within two classes.

    >>> 1.0 <= otsu(np.array([0.9, 1.0, 1.0, 2.0, 2.1])) < 2.0
    True

    Raises:
        ValueError: all values are the same.
    """
    if not len(values) or not np.ptp(values) > 0:
        raise ValueError(f"{len(values)} atoms are all of the same intensity: there are no classes to tell apart")
    counts, edges = np.histogram(values, _BINS)
    middles = (edges[:-1] + edges[1:]) / 2.0
    below = np.cumsum(counts)[:-1]
    above = counts.sum() - below
    sums = np.cumsum(counts * middles)
    between = below * above * (sums[:-1] / np.maximum(below, 1) - (sums[-1] - sums[:-1]) / np.maximum(above, 1)) ** 2
    best = np.flatnonzero(between == between.max())
    return float(edges[1 + best[len(best) // 2]])


def _mixture_bounds(values: Array, classes: int, seed: int) -> tuple[float, ...]:
    """Where the most likely component changes, between neighbouring means."""
    from sklearn.mixture import GaussianMixture
    from threadpoolctl import threadpool_limits

    if len(values) < 2 * classes:
        raise ValueError(f"{len(values)} atoms are too few for {classes} classes")
    with threadpool_limits(1):
        mixture = GaussianMixture(classes, n_init=4, random_state=seed).fit(np.asarray(values).reshape(-1, 1))
        means = mixture.means_.ravel()
        order = np.argsort(means)
        bounds = []
        for low, high in pairwise(order):
            between = np.linspace(means[low], means[high], 257)
            shares = mixture.predict_proba(between[:, None])
            bounds.append(float(between[int(np.argmin(np.abs(shares[:, low] - shares[:, high])))]))
    return tuple(sorted(bounds))


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(sorted(float(part) for part in text.split(",")))
    except ValueError:
        raise ValueError(f"{text!r} is no way to divide atoms: otsu, gmm, surroundings, or thresholds such as 1.3 or 0.5,1.3") from None


def class_names(text: str) -> Sequence[str]:
    """Names, the darkest first.

    >>> class_names("C, Si")
    ['C', 'Si']
    """
    return [name.strip() for name in text.split(",") if name.strip()]
