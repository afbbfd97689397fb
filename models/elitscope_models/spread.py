"""Mean and spread of an ensemble: the paper's segmentation and its uncertainty (ELIT paper, "ensemble learning")."""

from __future__ import annotations

from typing import Any

import numpy as np

Maps = np.ndarray[Any, np.dtype[np.float32]]

_CHUNK = 8192
"""Pixels at a time: all members' values of a chunk stay in the processor's cache between the two passes over them."""


def mean_and_std(maps: Maps, mean: Maps, std: Maps | None) -> None:
    """Mean and population standard deviation over members, written into `mean` and `std`.

    Two passes, since the difference of two nearly equal sums would leave little of a small spread in float32.

    Args:
        maps: float32 [member, ...], contiguous.
        mean: float32 [...], contiguous, overwritten.
        std: float32 [...], contiguous, overwritten; None where it is not wanted.

    >>> mean, std = np.empty(1, np.float32), np.empty(1, np.float32)
    >>> mean_and_std(np.array([[0.5], [1.0]], np.float32), mean, std)
    >>> mean.item(), std.item()
    (0.75, 0.25)
    """
    members = np.float32(len(maps))
    values, means = maps.reshape(len(maps), -1), mean.reshape(-1)
    spreads = None if std is None else std.reshape(-1)
    room = np.empty((len(maps), min(_CHUNK, means.size)), np.float32)
    for start in range(0, means.size, _CHUNK):
        chunk = slice(start, min(start + _CHUNK, means.size))
        _mean(values[:, chunk], members, means[chunk])
        if spreads is not None:
            _std(values[:, chunk], means[chunk], members, spreads[chunk], room[:, : chunk.stop - chunk.start])


def _mean(values: Maps, members: np.float32, out: Maps) -> None:
    np.add.reduce(values, axis=0, out=out)
    np.divide(out, members, out=out)


def _std(values: Maps, mean: Maps, members: np.float32, out: Maps, room: Maps) -> None:
    np.subtract(values, mean, out=room)
    np.multiply(room, room, out=room)
    np.add.reduce(room, axis=0, out=out)
    np.divide(out, members, out=out)
    np.sqrt(out, out=out)
