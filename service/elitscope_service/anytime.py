"""A frame that would come too late is answered in time by fewer networks, where the operator allows that (`anytime`, off by default).

Only a frame with a deadline is cut short, only where others wait too, and never below the selection's `min_members`. The most trusted of
the active members are used, and the reply names them. How long a network takes is learned from the frames before.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from elitscope_service.scheduler import Job
from elitscope_service.selection import Selection

WARNING = "cut_short"

_SHARE = 0.8
"""Of the time that is left: what is planned with. The rest is for what was not foreseen."""

_NEWEST = 0.3
"""Weight of the newest frame in what is known of a pace."""

_MOST_PACES = 64


@dataclass(frozen=True)
class Pace:
    """Seconds that a member takes for a pixel, and what surrounds the networks."""

    member: float
    around: float

    def towards(self, newer: Pace) -> Pace:
        """What is known after one more frame."""
        return Pace(self.member + _NEWEST * (newer.member - self.member), self.around + _NEWEST * (newer.around - self.around))


class Anytime:
    """Belongs to the worker thread.

    Args:
        depths: frames held by stream, waiting and started.
    """

    def __init__(self, depths: Callable[[], Mapping[str, int]]) -> None:
        self._depths = depths
        self._paces: OrderedDict[str, Pace] = OrderedDict()

    def choose(self, job: Job, selection: Selection, pixels: int, now: float) -> tuple[int, ...]:
        """The members that can answer this frame in time, ascending; all active ones where nothing presses, or nothing is known.

        Args:
            job: the frame's.
            selection: in force for it.
            pixels: that the networks will see.
            now: monotonic seconds.
        """
        depths = self._depths()
        pace = self._paces.get(selection.ensemble)
        if job.deadline is None or pace is None or sum(depths.values()) < 2:  # it is one of them itself
            return selection.members
        mine = _SHARE * (job.deadline - now) / max(1, len(depths))  # streams take turns
        affordable = int((mine - pace.around * pixels) / (pace.member * pixels))
        number = min(max(affordable, selection.min_members, 1), len(selection.members))
        return _most_trusted(selection, number)

    def learn(self, ensemble: str, pixels: int, members: int, inference_s: float, around_s: float) -> None:
        """A frame took so long: its networks, and all around them."""
        found = Pace(max(inference_s, 1e-9) / (members * pixels), around_s / pixels)
        known = self._paces.pop(ensemble, None)
        self._paces[ensemble] = found if known is None else known.towards(found)
        while len(self._paces) > _MOST_PACES:
            self._paces.popitem(last=False)


def cut_short(used: int, active: int) -> str:
    """The warning of a reply by fewer members than are active.

    >>> cut_short(3, 8)
    'cut_short: 3 of 8 networks, for the deadline'
    """
    return f"{WARNING}: {used} of {active} networks, for the deadline"


def _most_trusted(selection: Selection, number: int) -> tuple[int, ...]:
    """The first `number` of the active members in the order of preference; members that it leaves out come last."""
    ranked = [member for member in selection.preference if member in selection.members]
    ranked += [member for member in selection.members if member not in ranked]
    return tuple(sorted(ranked[:number]))
