"""Classes of atoms by what lies around them: a Gaussian mixture over patches of the image (ELIT paper, "multiple sublattices").

Columns of nearly the same brightness belong to different phases: NiO and MnO columns differ by some per cent, less than by a change of
thickness, but no neighbour of theirs is alike. A patch is reduced to averages over rings, as in `lattice`, so that it is the same for a
lattice that is turned, and the first of its rings is the atom's own brightness.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from elitscope_models.training.iterate.lattice import Surroundings, descriptors

Array = np.ndarray[Any, np.dtype[Any]]

SURROUNDINGS = "surroundings"
"""What `--split-by` calls it."""
_PATCH = 36
"""px: two or three distances of neighbours at the sampling of most ensembles; wider ones take atoms at a boundary for those beyond it."""
_COMPONENTS = 6


def sublattices(frames: Sequence[Surroundings], brightness: Array, classes: int, seed: int = 0, patch: int = _PATCH) -> Array:
    """Classes of the atoms of all frames together, by their surroundings, int [atom], the darkest class first.

    Args:
        frames: one entry a frame.
        brightness: [atom], of all frames in turn; orders the classes.
        classes: how many there are to be.
        seed: where the mixture starts.
        patch: px, side of the surroundings.

    Raises:
        ValueError: too few atoms for so many classes, or a class is left without any.
    """
    from sklearn.decomposition import PCA
    from sklearn.mixture import GaussianMixture
    from threadpoolctl import threadpool_limits

    features = np.concatenate([descriptors(each, patch)[:, patch // 2 :] for each in frames])
    if len(features) < max(2 * classes, _COMPONENTS) or not features.std(axis=0).mean() > 0:
        raise ValueError(f"{len(features)} atoms are too few, or too much alike, for {classes} classes by their surroundings")
    with threadpool_limits(1):
        scaled = features / features.std(axis=0).mean()
        reduced = PCA(min(_COMPONENTS, *scaled.shape), random_state=seed).fit_transform(scaled)
        labels = GaussianMixture(classes, n_init=4, reg_covar=1e-4, random_state=seed).fit_predict(reduced)
    if len(np.unique(labels)) < classes:
        raise ValueError(f"surroundings fall into fewer than {classes} classes: name fewer, or divide by intensity")
    order = np.argsort([float(np.mean(brightness[labels == label])) for label in range(classes)])
    return np.asarray(np.argsort(order)[labels])
