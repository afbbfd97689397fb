"""Lattice or dirt: every found atom's surroundings, divided in two by a Gaussian mixture (ELIT paper, Supplement, Fig. 3).

The paper hands patches of 48 x 48 px around the atoms, as they are, to a mixture of two classes. Pixels turn with the lattice and swap its
sublattices, and a mixture would just as soon divide by those; so a patch is first reduced to its averages over rings around the atom, of
the segmentation and of the image, and these to their first principal components. Dirt lies in patches: a division whose classes are
mixed from atom to atom is one of sublattices, or of nothing, and is not made.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

Array = np.ndarray[Any, np.dtype[Any]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]

PATCH = 48
"""px, side of the paper's patches."""
COHERENT = 0.25
"""How far, from chance (0) to certainty (1), neighbours must belong to the same class."""
_COMPONENTS = 6
_LEAST = 24
"""Atoms, below which two classes of them mean nothing."""
_NEIGHBOURS = 3
_PATCH_OF = 12
"""Atoms that make a patch of dirt."""
_LINKED = 1.8
"""Distances of nearest neighbours up to which odd atoms lie together: the second neighbours of a honeycomb."""


@dataclass(frozen=True)
class Surroundings:
    """What atoms are judged by: `image`, `mean` [row, column], normalised frame and segmentation; `positions` [atom, 2] on them, px."""

    image: Array
    mean: Array
    positions: Array


@dataclass(frozen=True)
class Division:
    """`kept`: for each frame, bool [atom], what belongs to the lattice. `coherence`: of the two classes, 1 where neighbours always agree,
    0 where they do so by chance, NaN where there were too few atoms; `divided`: whether anything was told apart."""

    kept: tuple[Flags, ...]
    coherence: float
    divided: bool

    @property
    def words(self) -> str:
        """What came of it.

        >>> Division((np.array([True, True, False]),), 0.8, True).words
        'dropped 1 of 3 atoms as amorphous (coherence 0.80)'
        """
        total, kept = sum(map(len, self.kept)), sum(int(each.sum()) for each in self.kept)
        if self.divided:
            return f"dropped {total - kept} of {total} atoms as amorphous (coherence {self.coherence:.2f})"
        return f"kept all {total} atoms: nothing like amorphous regions was told apart (coherence {self.coherence:.2f})"


def divide(frames: Sequence[Surroundings], seed: int = 0, patch: int = PATCH, coherent: float = COHERENT) -> Division:
    """Tell the atoms of a lattice from what was found in amorphous regions, in all frames together.

    The lattice is the class whose surroundings vary less.

    Args:
        frames: one entry a frame.
        seed: where the mixture starts.
        patch: px, side of the surroundings.
        coherent: least coherence of the two classes; below it every atom is kept.
    """
    features = np.concatenate([descriptors(each, patch) for each in frames]) if frames else np.zeros((0, 1))
    everything = tuple(np.ones(len(each.positions), bool) for each in frames)
    if len(features) < _LEAST or not features.std(axis=0).mean() > 0:
        return Division(everything, float("nan"), False)
    labels = _mixture(features, seed)
    bounds = np.cumsum([len(each.positions) for each in frames])[:-1]
    coherence = _coherence([each.positions for each in frames], np.split(labels, bounds))
    if not coherence >= coherent:
        return Division(everything, coherence, False)
    variation = [float(features[labels == label].var(axis=0).sum()) for label in (0, 1)]
    odd = np.split(labels != int(np.argmin(variation)), bounds)
    return Division(tuple(~_in_patches(each.positions, own) for each, own in zip(frames, odd, strict=True)), coherence, True)


def at_the_edge(positions: Array, kept: Flags, patch: int = PATCH) -> Flags:
    """Atoms that were dropped and have a kept one within their patch, bool [atom]: at the rim of a hole or of dirt, where surroundings are
    odd and an atom may well be real.

    >>> at_the_edge(np.array([[0.0, 0.0], [0.0, 20.0], [0.0, 90.0]]), np.array([True, False, False])).tolist()
    [False, True, False]
    """
    if not kept.any():
        return np.zeros(len(kept), bool)
    return np.asarray(~kept & (cKDTree(positions[kept]).query(positions)[0] <= patch / 2.0))


def descriptors(frame: Surroundings, patch: int = PATCH) -> Array:
    """Averages over rings, 1 px wide, around every atom, of the segmentation and then of the image: float64 [atom, 2 · (patch // 2)].

    They are the same for a lattice that is turned or mirrored. What lies outside the frame does not count.
    """
    half = patch // 2
    steps = np.arange(-half, half + 1)
    ring = np.hypot(steps[:, None], steps).astype(int).ravel()
    members = (ring[:, None] == np.arange(half)).astype(np.float64)
    layers = [_patches(layer, frame.positions, half) for layer in (frame.mean, frame.image)]
    known = np.isfinite(layers[0])
    counted = np.maximum(known @ members, 1.0)
    return np.hstack([np.where(known, layer, 0.0) @ members / counted for layer in layers])


def _patches(layer: Array, positions: Array, half: int) -> Array:
    """float64 [atom, pixel], NaN outside the frame."""
    framed = np.pad(np.asarray(layer, np.float64), half, constant_values=np.nan)
    corners = np.clip(np.rint(np.asarray(positions).reshape(-1, 2)).astype(int), 0, np.asarray(layer.shape) - 1)
    span = np.arange(2 * half + 1)
    rows, columns = corners[:, 0, None] + span, corners[:, 1, None] + span
    return np.asarray(framed[rows[:, :, None], columns[:, None, :]].reshape(len(corners), len(span) ** 2))


def _mixture(features: Array, seed: int) -> Array:
    """Class of every atom, 0 or 1."""
    from sklearn.decomposition import PCA
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture
    from threadpoolctl import threadpool_limits

    scaled = features / features.std(axis=0).mean()
    with warnings.catch_warnings(), threadpool_limits(1):  # matrices too small to share, and sums in the same order everywhere
        warnings.simplefilter("ignore", ConvergenceWarning)  # classes that never settle are not coherent either
        reduced = PCA(min(_COMPONENTS, *scaled.shape), random_state=seed).fit_transform(scaled)
        return np.asarray(GaussianMixture(2, n_init=4, reg_covar=1e-4, random_state=seed).fit_predict(reduced))


def _in_patches(positions: Array, odd: Flags) -> Flags:
    """Which odd atoms lie together with many others, bool [atom]. A dopant, a vacancy and their neighbours are odd too, and no dirt."""
    chosen = np.flatnonzero(odd)
    if len(chosen) < _PATCH_OF:
        return np.zeros(len(odd), bool)
    reach = _LINKED * float(np.median(cKDTree(positions).query(positions, 2)[0][:, 1]))
    pairs = cKDTree(positions[chosen]).query_pairs(reach, output_type="ndarray")
    links = coo_array((np.ones(len(pairs)), pairs.T), shape=(len(chosen), len(chosen)))
    _, patch = connected_components(links, directed=False)
    together = np.zeros(len(odd), bool)
    together[chosen] = np.bincount(patch)[patch] >= _PATCH_OF
    return together


def _coherence(positions: Sequence[Array], labels: Sequence[Array]) -> float:
    """How much more often than by chance an atom's nearest neighbours are of its own class (Cohen's kappa)."""
    everything = np.concatenate(labels)
    share = float(everything.mean())
    chance = share**2 + (1.0 - share) ** 2
    agreed = [
        np.equal(own[cKDTree(places).query(places, min(_NEIGHBOURS + 1, len(places)))[1][:, 1:]], own[:, None]).ravel()
        for places, own in zip(positions, labels, strict=True)
        if len(places) > 1
    ]
    same = np.concatenate(agreed) if agreed else np.zeros(0)
    return float((same.mean() - chance) / (1.0 - chance)) if len(same) and chance < 1.0 else 0.0
