"""Between the frame's grid and the network's: how many pixels each has, and how places and maps cross over.

Both grids cover the same field, edge to edge, so that `c_frame = (c_network + 0.5) · k − 0.5` per axis with k = frame px per network px.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from elitscope.types import Sampling

Map = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True)
class Grid:
    """The two grids of one frame, each (rows, columns).

    >>> Grid(frame=(100, 80), network=(50, 80)).scale
    (2.0, 1.0)
    """

    frame: tuple[int, int]
    network: tuple[int, int]

    @property
    def scale(self) -> tuple[float, float]:
        """k: frame px per network px, (row, column)."""
        return self.frame[0] / self.network[0], self.frame[1] / self.network[1]

    def image_to_network(self, image: Map) -> Map:
        """[row, column] on the frame's grid → on the network's."""
        return _resize(image, self.network)

    def maps_to_frame(self, maps: Map) -> Map:
        """[..., row, column] on the network's grid → on the frame's; `maps` itself where the grids are the same."""
        if self.frame == self.network:
            return maps
        flat = maps.reshape(-1, *self.network)
        resized = np.empty((len(flat), *self.frame), np.float32)
        for source, target in zip(flat, resized, strict=True):
            target[:] = _resize(source, self.frame)
        return resized.reshape(*maps.shape[:-2], *self.frame)


def network_grid(shape: tuple[int, int], sampling: Sampling | None, native: float, trained: tuple[float, float]) -> Grid:
    """The grid that networks should see a frame on.

    The frame's own, unless its sampling is known and lies outside what the networks were trained for on either axis: then their native one,
    on both axes, so that pixels become square too.

    Args:
        shape: the frame's (rows, columns).
        sampling: the frame's, Å/px (row, column), or None.
        native: Å/px that the networks were trained at.
        trained: lowest and highest Å/px that they take as it is.
    """
    if sampling is None or all(trained[0] <= axis <= trained[1] for axis in sampling):
        return Grid(shape, shape)
    rows, columns = (max(1, round(side * axis / native)) for side, axis in zip(shape, sampling, strict=True))
    return Grid(shape, (rows, columns))


def _resize(image: Map, shape: tuple[int, int]) -> Map:
    """Axis by axis: box averages where there are fewer pixels than before (no aliasing), linear interpolation where there are more."""
    rows, columns = shape
    tall = _resize_to(image, (rows, image.shape[1]), shrinks=rows < image.shape[0])
    return _resize_to(tall, (rows, columns), shrinks=columns < image.shape[1])


def _resize_to(image: Map, shape: tuple[int, int], shrinks: bool) -> Map:
    if image.shape == shape:
        return image
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, shape[::-1], interpolation=how), np.float32).reshape(shape)
