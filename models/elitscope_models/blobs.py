"""Connected regions of a map, laid out so that sums over every region of it, for all members at once, are one call each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from elitscope_models.kernels.regions import linked_runs, regions
from elitscope_models.kernels.runs import runs

Ints = np.ndarray[Any, np.dtype[np.intp]]
Map = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True)
class Blobs:
    """Regions of a map of `shape`, in the reading order of their first pixels.

    `pixels`: flat indices, region after region, in reading order within each; `starts`: where each region begins among them; `known_runs`:
    what `runs` is to give, where somebody has it.
    """

    shape: tuple[int, int]
    pixels: Ints
    starts: Ints
    known_runs: np.ndarray[Any, np.dtype[np.int64]] | None = None

    def __len__(self) -> int:
        return len(self.starts)

    @cached_property
    def areas(self) -> Ints:
        """px, [region]."""
        return np.diff(self.starts, append=len(self.pixels))

    @cached_property
    def labels(self) -> Ints:
        """The region of every entry of `pixels`."""
        return np.repeat(np.arange(len(self)), self.areas)

    @cached_property
    def rows(self) -> np.ndarray[Any, np.dtype[np.int32]]:
        return self.pixels.astype(np.int32) // np.int32(self.shape[1])

    @cached_property
    def columns(self) -> np.ndarray[Any, np.dtype[np.int32]]:
        return self.pixels.astype(np.int32) - self.rows * np.int32(self.shape[1])

    @cached_property
    def runs(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Neighbouring pixels of one region, [run, 4]: row, column, length, region; in reading order."""
        return self.known_runs if self.known_runs is not None else runs(self.pixels, self.starts, *self.shape)

    @cached_property
    def corners(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Row and column of every region's first pixel, [region, 2]."""
        return np.stack(np.divmod(self.pixels[self.starts], self.shape[1]), axis=1)

    def first(self, count: int) -> Blobs:
        """The first so many regions, on a map that ends with them."""
        if count >= len(self):
            return self
        pixels = self.pixels[: self.starts[count]]
        return Blobs((int(pixels.max()) // self.shape[1] + 1, self.shape[1]), pixels, self.starts[:count])

    def entries(self, which: Ints) -> Ints:
        """Where in `pixels` the pixels of these regions stand, region after region."""
        areas = self.areas[which]
        return np.repeat(self.starts[which] - (np.cumsum(areas) - areas), areas) + np.arange(areas.sum())

    def select(self, which: Ints) -> Blobs:
        """These regions, in this order."""
        areas = self.areas[which]
        return Blobs(self.shape, self.pixels[self.entries(which)], np.cumsum(areas) - areas)

    def sums(self, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """[..., pixel] → [..., region]."""
        return np.add.reduceat(values, self.starts, axis=-1)

    def largest(self, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """[..., pixel] → [..., region]."""
        return np.maximum.reduceat(values, self.starts, axis=-1)


def connected_blobs(above: np.ndarray[Any, np.dtype[np.bool_]]) -> Blobs:
    """Regions of True pixels that touch along an edge (4-connected, as AtomAI has it); [row, column]."""
    count = int(np.count_nonzero(above))
    found = linked_runs(np.ascontiguousarray(above).view(np.uint8), count)
    pixels, starts = regions(found, count, above.shape[1])
    return Blobs((above.shape[0], above.shape[1]), pixels, starts, found)


def joined(one: Blobs, other: Blobs) -> Blobs:
    """The regions of both, in the reading order of their first pixels."""
    both = Blobs(one.shape, np.concatenate([one.pixels, other.pixels]), np.concatenate([one.starts, other.starts + len(one.pixels)]))
    return both.select(np.argsort(both.pixels[both.starts]))


def group(pixels: Ints, labels: np.ndarray[Any, Any], shape: tuple[int, int]) -> Blobs:
    """Blobs of pixels that carry the same label. `pixels`: flat indices in ascending order; `labels`: any integers, one a pixel."""
    order = np.argsort(_narrow(labels), kind="stable")
    ordered = labels[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=ordered[:1] - 1))
    blobs = Blobs(shape, pixels[order], starts)
    first = blobs.pixels[starts]
    if (np.diff(first) > 0).all():
        return blobs
    return blobs.select(np.argsort(first))  # how regions are numbered must not depend on how they were found


def _narrow(labels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Labels in 16 bits where they fit: NumPy sorts those by radix, in half the time."""
    return labels.astype(np.uint16) if labels.size and labels.min() >= 0 and labels.max() < 1 << 16 else labels
