"""How many members a spread needs: standard deviations of few members beside those of others, and of all (the paper: 6 to 8 suffice)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from benchmarks.iterate.loops import Bench, opened
from benchmarks.iterate.pictures import Panel, save_chart, save_panels, spread_panel
from elitscope_models.analyse import analyse
from elitscope_models.sheets import UNKNOWN, Sheet
from elitscope_models.training.iterate.kinds import intensities
from elitscope_models.truth import read_truth

BUNDLE = "graphene"
FRAMES = (4, 20, 29)
"""Of the movie: nominal, out of focus, and under contamination."""
_SIDE, _SHOWN = 160, 29
_LEAST, _PAIRS = 0.02, 24
_CORE = 4.0
"""px around an atom over which its spread is averaged."""

Array = np.ndarray[Any, np.dtype[Any]]


def study(bench: Bench) -> str:
    movie = bench.data / "multislice" / "graphene_drift.npz"
    known = {index: frame for index, frame in enumerate(read_truth(movie)) if index in FRAMES}
    ensemble = opened(BUNDLE)
    maps, atoms = {}, {}
    for index, frame in known.items():
        found = analyse(frame.pixels, frame.sampling, ensemble)
        assert found.member_maps is not None
        maps[index] = found.member_maps[:, 0]
        atoms[index] = found.atoms.positions()
    count = len(ensemble.members)
    against_all = {k: float(np.mean([_far(each, k) for each in maps.values()])) for k in range(2, count)}
    apart = {k: float(np.mean([_apart(each, k) for each in maps.values()])) for k in range(2, count // 2 + 1)}
    alike = {k: float(np.mean([_alike(each, k) for each in maps.values()])) for k in range(2, count // 2 + 1)}
    by_atom = {k: float(np.mean([_alike(maps[index], k, atoms[index]) for index in maps])) for k in alike}
    law = _law(apart)

    def draw(axes: Any) -> None:
        axes.plot(list(against_all), list(against_all.values()), "o-", color="#22d3ff", label=f"against all {count}")
        axes.plot(list(apart), list(apart.values()), "s", color="#ffb000", label="against as many others")
        sizes = np.arange(2, 21)
        axes.plot(sizes, law / np.sqrt(sizes - 1), "--", color="#ffb000", linewidth=1, label="the same, extrapolated as 1/√(n − 1)")
        axes.set(xlabel="members", ylabel="relative difference of the spread", ylim=(0, None), xticks=range(2, 21, 2))

    save_chart(bench.pictures / "members.png", draw)
    _picture(bench, maps[_SHOWN], known[_SHOWN].pixels)
    columns = [{k: f"{value:.3f}" for k, value in each.items()} for each in (against_all, apart, alike, by_atom)]
    headers = ("members", f"against all {count}", "against as many others", "correlation with these", "the same, atom by atom")
    rows = [(str(k), *(column.get(k, UNKNOWN) for column in columns)) for k in against_all]
    extrapolated = ", ".join(f"{law / np.sqrt(k - 1):.2f} with {k}" for k in (6, 8, 12, 20))
    return "\n\n".join(
        [
            f"`{BUNDLE}`, {count} members, frames {', '.join(map(str, FRAMES))} of `graphene_drift.npz`. Compared are maps of the standard "
            "deviation (of n members, multiplied by √(n / (n − 1)), since few members underrate it) where the spread of all is above "
            f"{_LEAST:g}: root mean square of the difference over root mean square of the spread, averaged over choices of members.",
            Sheet("", headers, tuple(rows)).markdown,
            "![Relative difference of the spread against the number of members](pictures/members.png)",
            "Only maps of different members say how much of a map is chance. Extrapolated, those of two ensembles would differ by "
            f"{extrapolated}.",
            "![Spread of 2, 4, 6 and 8 members](pictures/members-maps.png)",
            f"Part of frame {_SHOWN}: the image, and the spread of the first 2, 4, 6 and {count} members on one scale.",
        ]
    )


def spread(maps: Array) -> Array:
    """Standard deviation over the first axis, corrected for the number of members."""
    return np.asarray(maps.std(axis=0, ddof=1))


def _far(maps: Array, k: int) -> float:
    """Relative difference of k members' spread from that of all, over all choices."""
    whole = spread(maps)
    return float(np.mean([_difference(spread(maps[list(own)]), whole, whole) for own in combinations(range(len(maps)), k)]))


def _apart(maps: Array, k: int) -> float:
    """Relative difference of the spreads of two times k members without one in common."""
    whole = spread(maps)
    return float(np.mean([_difference(spread(maps[list(one)]), spread(maps[list(other)]), whole) for one, other in _pairs(len(maps), k)]))


def _alike(maps: Array, k: int, atoms: Array | None = None) -> float:
    """Correlation of the same, pixel by pixel or of its mean over every atom's core."""
    where = spread(maps) > _LEAST

    def values(own: Sequence[int]) -> Array:
        found = spread(maps[list(own)])
        return found[where] if atoms is None else intensities(found, atoms, _CORE)

    return float(np.mean([np.corrcoef(values(one), values(other))[0, 1] for one, other in _pairs(len(maps), k)]))


def _pairs(count: int, k: int) -> Iterator[tuple[Sequence[int], Sequence[int]]]:
    """Two choices of k without one in common, some of them at random."""
    rng = np.random.default_rng(1)
    for _ in range(_PAIRS):
        order = rng.permutation(count)
        yield order[:k].tolist(), order[k : 2 * k].tolist()


def _difference(one: Array, other: Array, whole: Array) -> float:
    where = whole > _LEAST
    return float(np.sqrt(np.mean((one - other)[where] ** 2) / np.mean(whole[where] ** 2)))


def _law(apart: dict[int, float]) -> float:
    """The factor of 1/√(n − 1) that fits best."""
    falling = np.array([1.0 / np.sqrt(k - 1) for k in apart])
    return float(np.dot(falling, list(apart.values())) / np.dot(falling, falling))


def _picture(bench: Bench, maps: Array, pixels: Array) -> None:
    whole = maps.std(axis=0)
    starts = [range(0, side - _SIDE + 1, 32) for side in whole.shape]
    row, column = max(((r, c) for r in starts[0] for c in starts[1]), key=lambda p: whole[p[0] : p[0] + _SIDE, p[1] : p[1] + _SIDE].sum())
    part = (slice(row, row + _SIDE), slice(column, column + _SIDE))
    most = float(np.percentile(whole[part], 99.8))
    sizes = (2, 4, 6, len(maps))
    panels = [spread_panel(spread(maps[:k])[part], f"{k} members", f"0 to {most:.2f}", most) for k in sizes]
    save_panels(bench.pictures / "members-maps.png", [[Panel(pixels[part].astype(float), f"frame {_SHOWN}"), *panels]], 2.0)
