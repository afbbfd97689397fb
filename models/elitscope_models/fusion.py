"""Which sets of members can be run in one call, and which are to be compiled for that.

A graph of all active members is faster than one pass after the other, but it has to be compiled for each set of members and each shape. So
frames that come before it is there are analysed member by member, a change of members costs no frame anything, and a graph is made, in a
thread of its own, once the same members met the same shape for the third time. It has to earn its place: on the frame that asked for it it
must come to what the members came to one by one, within the bundle's tolerance.

    fusion.of(...)     before a frame: what is ready
    fusion.saw(...)    after a frame without it
    fusion.work()      in a thread of its own, while there is something `waiting`

With `at_once`, `of` compiles on the spot: for an analysis that was asked to run under such a plan.
"""

from __future__ import annotations

import logging
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

import numpy as np

from elitscope_models.manifest import Tolerance
from elitscope_models.runtime import Image, Maps, Whole
from elitscope_models.spread import mean_and_std

MOST_PIXELS = 1 << 18
"""512 × 512: of a frame that is analysed in one call. Nothing can interrupt a call, and other streams wait for its end."""

WORTH_IT = 3
"""Frames of one shape after which the same members are compiled into one graph."""

MOST_READY = 3
"""Graphs that stay in memory, each with weights and buffers of its own: some 80 MB at 512 × 512 with 8 members."""

REST_AFTER = 16
"""Calls in one after which members that were not needed meanwhile give back memory."""

_MOST_SEEN, _MOST_UNFIT = 16, 256

logger = logging.getLogger(__name__)

Key = tuple[tuple[int, ...], tuple[int, int]]
"""Members, and the image's shape."""

Compile = Callable[[tuple[int, ...], tuple[int, int]], Whole]


@dataclass(frozen=True)
class _Wish:
    key: Key
    image: Image
    maps: Maps


@dataclass
class Fusion:
    """The graphs of one ensemble. Safe between the thread that runs them and the one that compiles them.

    Args:
        compile: makes a graph.
        tolerance: how far it may be from the members' own results.
        at_once: compile where one is asked for.
        most: graphs that are kept ready.
        rest: has the members give back memory; called in the thread that runs them.
    """

    compile: Compile
    tolerance: Tolerance
    at_once: bool = False
    most: int = MOST_READY
    rest: Callable[[], None] = lambda: None
    _ready: OrderedDict[Key, Whole] = field(default_factory=OrderedDict, repr=False)
    _seen: OrderedDict[Key, int] = field(default_factory=OrderedDict, repr=False)
    _wishes: deque[_Wish] = field(default_factory=deque, repr=False)
    _unfit: deque[Key] = field(default_factory=lambda: deque(maxlen=_MOST_UNFIT), repr=False)
    _in_a_row: int = 0
    _lock: Lock = field(default_factory=Lock, repr=False)

    def of(self, members: tuple[int, ...], shape: tuple[int, int]) -> Whole | None:
        """What runs these members in one call on images of this shape, if there is such a thing.

        Raises:
            NetworkInvalid: it was to be compiled at once, and the runtime refuses.
        """
        key = (members, shape)
        with self._lock:
            whole = self._ready.get(key)
            if whole is not None:
                self._ready.move_to_end(key)
        if whole is None and self.at_once:
            whole = self.compile(*key)
            self._keep(key, whole)
        if whole is not None:
            self._in_a_row += 1
            if self._in_a_row == REST_AFTER:
                self.rest()
        return whole

    def one_by_one(self) -> None:
        """A member is about to be run by itself."""
        self._in_a_row = 0

    def saw(self, members: tuple[int, ...], image: Image, maps: Maps) -> None:
        """An image was analysed member by member. `maps` [member, class, row, column] came of it, without the image's padding."""
        key = (members, (image.shape[0], image.shape[1]))
        with self._lock:
            if key in self._unfit:
                return
            self._seen[key] = self._seen.pop(key, 0) + 1
            while len(self._seen) > _MOST_SEEN:
                self._seen.popitem(last=False)
            if self._seen[key] != WORTH_IT:
                return
            self._wishes.append(_Wish(key, image.copy(), maps.copy()))
            while len(self._wishes) > self.most:
                self._seen.pop(self._wishes.popleft().key, None)

    @property
    def waiting(self) -> bool:
        """Whether there is something for `work` to do."""
        return bool(self._wishes)

    def work(self) -> bool:
        """Compile what has been asked for last, and offer it; whether there was anything. In the thread that does such things."""
        with self._lock:
            if not self._wishes:
                return False
            wish = self._wishes.pop()
        try:
            whole = self.compile(*wish.key)
            why = self._misfit(whole, wish)
        except Exception as error:  # noqa: BLE001 - runtimes raise what they please; frames go on without it
            why = str(error)
        if why:
            logger.warning("members %s are run one by one on images of shape %s: %s", *wish.key, why)
        with self._lock:
            self._seen.pop(wish.key, None)
            if why:
                self._unfit.append(wish.key)
        if not why:
            self._keep(wish.key, whole)
        return True

    def ready(self) -> tuple[Key, ...]:
        """What can be run in one call now."""
        with self._lock:
            return tuple(self._ready)

    def _keep(self, key: Key, whole: Whole) -> None:
        with self._lock:
            self._ready[key] = whole
            while len(self._ready) > self.most:
                self._ready.popitem(last=False)

    def _misfit(self, whole: Whole, wish: _Wish) -> str:
        """Why the graph is not fit for use; empty where it is."""
        maps = wish.maps
        rows, columns = maps.shape[2:]
        found = run_whole(whole, wish.image, maps.shape[:2])
        mean, std = np.empty(maps.shape[1:], np.float32), np.empty(maps.shape[1:], np.float32)
        mean_and_std(maps, mean, std)
        off = [float(np.abs(ours[:, :rows, :columns] - theirs).mean()) for ours, theirs in zip(found[1:], (mean, std), strict=True)]
        if off[0] <= self.tolerance.mean and off[1] <= self.tolerance.std:
            return ""
        return f"in one call their mean differs by {off[0]:.2g} and their spread by {off[1]:.2g}, the bundle bears {self.tolerance}"


def run_whole(whole: Whole, image: Image, layers: tuple[int, ...]) -> tuple[Maps, Maps, Maps]:
    """Maps, mean and spread of an image; `layers`: members and classes."""
    maps = np.empty((*layers, *image.shape), np.float32)
    mean, std = np.empty(maps.shape[1:], np.float32), np.empty(maps.shape[1:], np.float32)
    whole(image, maps, mean, std)
    return maps, mean, std
