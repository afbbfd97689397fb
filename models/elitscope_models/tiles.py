"""A frame too large for one pass, cut so that the stitched maps equal those of one pass.

Tiles start on multiples of the networks' stride, so that pooling grids agree, and each gives away at least `halo` px at every cut: what
remains was computed from the same pixels as without cutting. All tiles of a frame have one shape, which runtimes like.

     0        window.start     core.start          core.stop     window.stop
     |             |--- halo ------|===== core =========|--- halo ----|
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

Interval = tuple[int, int]


@dataclass(frozen=True)
class Tile:
    """One pass: `window` is read, `core` is kept, both as ((row start, stop), (column start, stop)) of the padded frame."""

    window: tuple[Interval, Interval]
    core: tuple[Interval, Interval]

    @property
    def window_index(self) -> tuple[slice, slice]:
        return slice(*self.window[0]), slice(*self.window[1])

    @property
    def core_index(self) -> tuple[slice, slice]:
        return slice(*self.core[0]), slice(*self.core[1])

    @property
    def core_in_window(self) -> tuple[slice, slice]:
        (rows, columns), (top, left) = self.core, (self.window[0][0], self.window[1][0])
        return slice(rows[0] - top, rows[1] - top), slice(columns[0] - left, columns[1] - left)


@dataclass(frozen=True)
class Tiling:
    """How large one pass may be. `stride`, `halo`: of the networks, px; `max_side`: px of a tile's side, more where the halo needs it."""

    stride: int
    halo: int
    max_side: int = 1024

    def padded(self, shape: tuple[int, int]) -> tuple[int, int]:
        """The next multiples of the stride.

        >>> Tiling(stride=8, halo=64).padded((250, 197))
        (256, 200)
        """
        rows, columns = (-(-side // self.stride) * self.stride for side in shape)
        return rows, columns

    def tiles(self, shape: tuple[int, int]) -> tuple[Tile, ...]:
        """Tiles whose cores cover a frame of this padded shape, each pixel once, in reading order.

        >>> [tile.core[1] for tile in Tiling(stride=8, halo=16, max_side=96).tiles((64, 160))]
        [(0, 80), (80, 160)]
        """
        rows, columns = (self._cuts(side) for side in shape)
        return tuple(Tile((down[0], across[0]), (down[1], across[1])) for down in rows for across in columns)

    def _cuts(self, side: int) -> list[tuple[Interval, Interval]]:
        """(window, core) along one axis: as few tiles as the largest allows, and those no larger than their number needs."""
        cells, halo = side // self.stride, -(-self.halo // self.stride)  # all in units of the stride
        largest = max(self.max_side // self.stride, 4 * halo, 1)
        if cells <= largest:
            return [((0, side), (0, side))]
        number = -(-(cells - 2 * halo) // (largest - 2 * halo))
        window = -(-(cells + 2 * halo * (number - 1)) // number)
        starts = [i * (cells - window) // (number - 1) for i in range(number)]
        edges = [0, *(start + halo for start in starts[1:]), cells]
        cuts = ((start, start + window, *core) for start, core in zip(starts, pairwise(edges), strict=True))
        return [((a * self.stride, b * self.stride), (c * self.stride, d * self.stride)) for a, b, c, d in cuts]
