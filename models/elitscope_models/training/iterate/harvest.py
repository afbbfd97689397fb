"""A training set out of the experiment itself: frames, and discs at the atoms that were found and kept (ELIT paper, Algorithm 1, line 5).

Frames are cut into squares from which training takes its crops. What was dropped as amorphous is background; what nobody is sure of
counts neither for nor against.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from elitscope_models.training.augment import EXPERIMENTAL_CROP
from elitscope_models.training.data import Labelled
from elitscope_models.training.iterate.experiment import Sight
from elitscope_models.truth import discs

Array = np.ndarray[Any, np.dtype[Any]]

SQUARE = 320
"""px, side of a square at most: room for crops of 224 at random places."""
_LARGEST_WEIGHT = 4.0
"""At most so many times as much as those of the commonest class do atoms of a rare one count."""
_UNSURE = 1.5
"""Radii of a disc around what nobody is sure of within which a pixel does not count."""


@dataclass(frozen=True)
class Labels:
    """What is known of one frame's atoms.

    `kept`: bool [atom], those that are marked; `unsure`: bool [atom], those around which nothing counts; `kinds`: int [atom], classes;
    `within`: bool [row, column], the pixels to learn from, None for all.
    """

    kept: Array
    unsure: Array
    kinds: Array
    within: Array | None = None

    @property
    def marked(self) -> bool:
        """Whether there is anything to learn from."""
        return bool(self.kept.any() and (self.within is None or self.within.any()))


@dataclass(frozen=True)
class Harvest:
    """Labelled squares. `crop`: px, side of the patches that fit; `tested`: how many of the squares, the last, are for the test; `unseen`:
    whether these show frames that are not among the others."""

    data: Labelled
    crop: int
    tested: int
    unseen: bool

    @property
    def digest(self) -> str:
        """sha256 (hex) of the labelled squares."""
        return hashlib.sha256(np.ascontiguousarray(self.data.layers).tobytes()).hexdigest()


def harvest(
    sights: Sequence[Sight],
    labels: Sequence[Labels],
    classes: int,
    mask_radius: float,
    stride: int,
    test_fraction: float = 0.15,
    crop: int = EXPERIMENTAL_CROP,
) -> Harvest:
    """Labelled squares of frames.

    Of several frames, the last squares are kept for the test. Of one frame nothing is kept back: the test repeats squares.

    Args:
        sights: the chosen frames; at least one.
        labels: of each.
        classes: how many there are.
        mask_radius: Å, of an atom's disc.
        stride: crops have sides that are multiples of it.
        test_fraction: of the squares.
        crop: px, side of the patches where frames are large enough.

    Raises:
        ValueError: no frames, no atom kept, or a frame too small for any patch.
    """
    if not sights or not any(each.marked for each in labels):
        raise ValueError(f"no atom is left to learn from in {len(sights)} frames: choose other frames or members, or another filter")
    least = min(min(sight.image.shape) for sight in sights)
    side = min(least, max(SQUARE, crop))
    fitting = min(crop, side) // stride * stride
    if fitting < 1:
        raise ValueError(f"a frame has a side of {least} px: training needs {stride} at least")
    weights = balance(labels, classes)
    layers = (layers_of(sight, known, classes, mask_radius, weights) for sight, known in zip(sights, labels, strict=True))
    squares = [square for frame in layers for square in _cut(frame, side)]
    unseen = len(sights) > 1
    tested = max(1, round(test_fraction * len(squares)))
    if not unseen:
        squares += squares[-tested:]
    return Harvest(Labelled(np.stack(squares).astype(np.float16)), fitting, tested, unseen)


def balance(labels: Sequence[Labels], classes: int) -> Array:
    """How much a pixel of each class counts, float64 [class]: the root of how much rarer the class is than the commonest. A few atoms of
    silicon among thousands of carbon would else not be learnt before long.

    >>> balance([Labels(np.ones(5, bool), np.zeros(5, bool), np.array([0, 0, 0, 0, 1]))], 2).tolist()
    [1.0, 2.0]
    """
    counts = np.sum([np.bincount(known.kinds[known.kept], minlength=classes) for known in labels], axis=0)
    return np.asarray(np.sqrt(counts.max() / np.maximum(counts, 1)).clip(1.0, _LARGEST_WEIGHT))


def layers_of(sight: Sight, labels: Labels, classes: int, mask_radius: float, weights: Array | None = None) -> Array:
    """Image, one mask a class, weight: float32 [layer, row, column], as `Labelled` has them; `weights`: of each class's pixels."""
    radius, shape = mask_radius / sight.sampling, sight.image.shape
    masks = [discs(sight.positions[labels.kept & (labels.kinds == kind)], shape, radius) for kind in range(classes)]
    marked = np.max(masks, axis=0)
    unsure = discs(sight.positions[labels.unsure], shape, _UNSURE * radius)
    weight = np.where((unsure > 0) & (marked == 0), 0.0, 1.0)
    if weights is not None:
        weight = weight * np.where(marked > 0, np.einsum("crk,c->rk", np.asarray(masks), weights).clip(1.0, weights.max()), 1.0)
    if labels.within is not None:
        weight = weight * labels.within
    return np.stack([sight.image, *masks, weight]).astype(np.float32)


def _cut(layers: Array, side: int) -> list[Array]:
    """Squares that cover a frame, overlapping where they have to; none where nothing counts."""
    rows, columns = (_starts(length, side) for length in layers.shape[1:])
    squares = (layers[:, row : row + side, column : column + side] for row in rows for column in columns)
    return [square for square in squares if square[-1].any()]


def _starts(length: int, side: int) -> list[int]:
    """
    >>> _starts(512, 320)
    [0, 192]
    """
    count = -(-length // side)
    return [round(start) for start in np.linspace(0, length - side, count)]
