"""What the drift monitor says, in words: for `elitscope drift` and `elitscope watch`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Optional

from elitscope.files.plot import member_ranges

_ALARMS_SHOWN = 4
_SPOTS_SHOWN = 3
_STALE_S = 5.0


def score_text(figures: Mapping[str, Any], now: float) -> str:
    """The score in a few characters: 1 is an alarm, marked with "!"; "(old)" where it is not the present.

    >>> score_text({"state": "watching", "score": 0.234, "alarm_count": 0, "at": 100.0}, 100.5)
    '0.23'
    >>> score_text({"state": "watching", "score": 1.0, "alarm_count": 3, "at": 100.0}, 110.0)
    '1.00! (old)'
    """
    score = figures.get("score")
    text = "" if score is None else f"{score:.2f}"
    if figures.get("alarm_count"):
        text += "!"
    elif figures.get("state") == "learning":
        text = "learning"
    return f"{text} (old)".strip() if now - float(figures.get("at") or 0.0) > _STALE_S else text


def figure_lines(figures: Mapping[str, Any]) -> Iterator[str]:
    """A stream's alarms and advice, a line each."""
    stream, count = figures.get("stream", ""), int(figures.get("alarm_count") or 0)
    shown = [str(text) for text in figures.get("alarms") or ()][:_ALARMS_SHOWN]
    yield from (f"{stream}: {text}" for text in shown)
    if count > len(shown):
        yield f"{stream}: and {count - len(shown)} more alarms"
    advice = figures.get("recommendation") or {}
    if advice.get("kind", "no_change") != "no_change":
        pilot = figures.get("autopilot") or {}
        yield f"{stream}: {advice_text(advice)} (autopilot: {pilot.get('mode', 'off')}, {pilot.get('state', '')})".replace(", )", ")")


def event_words(body: Mapping[str, Any]) -> str:
    """One `drift` event.

    >>> event_words({"what": "began", "alarms": [{"text": "fog 0.31, usually 0.06, since frame 12"}], "count": 2})
    'drift began: fog 0.31, usually 0.06, since frame 12, and 1 more'
    """
    what, count = body.get("what"), int(body.get("count") or 0)
    if what in ("began", "ended"):
        first = [str(alarm.get("text", "")) for alarm in body.get("alarms") or ()][:1]
        more = f", and {count - len(first)} more" if count > len(first) else ""
        return f"drift {what}: {''.join(first)}{more}"
    if what == "hotspots":
        return spots_text(list(body.get("hotspots") or ()), count, f" in frame {body.get('frame_id')}")
    if what == "recommendation":
        return f"recommendation: {advice_text(body)}"
    return f"drift {what}"


def advice_text(advice: Mapping[str, Any]) -> str:
    """What is advised, how sure it is, and the weightiest reason.

    >>> advice_text({"kind": "members", "members": [0, 1, 2], "confidence": 0.97, "reasons": ["fog"]})
    'use networks 0–2 (0.97 sure): fog'
    """
    kind = advice.get("kind")
    if kind == "members":
        what = f"use networks {member_ranges(tuple(advice.get('members') or ()))}"
    elif kind == "ensemble":
        what = f"use ensemble {advice.get('use')}"
    else:
        what = {"no_change": "no change", "retrain": "train again"}.get(str(kind), str(kind))
    sure = advice.get("confidence")
    reasons = list(advice.get("reasons") or ())
    return f"{what}{'' if sure is None else f' ({sure:.2f} sure)'}{f': {reasons[0]}' if reasons else ''}"


def spots_text(spots: Sequence[Mapping[str, Any]], count: Optional[int] = None, where: str = "", most: int = _SPOTS_SHOWN) -> str:
    """How many, and the strongest of them.

    >>> spots_text([{"row": 212.0, "column": 87.5, "kind": "support"}], 3, " in frame 7")
    '3 hotspots in frame 7: support at (212, 88) px'
    """
    return f"{hotspots_text(len(spots) if count is None else count)}{where}: {', '.join(map(spot_text, spots[:most]))}"


def spot_text(spot: Mapping[str, Any]) -> str:
    """One hotspot.

    >>> spot_text({"row": 212.0, "column": 87.5, "kind": "support", "strength": 1.8})
    'support at (212, 88) px'
    """
    return f"{spot.get('kind')} at ({float(spot.get('row') or 0):.0f}, {float(spot.get('column') or 0):.0f}) px"


def hotspots_text(count: int) -> str:
    """How many."""
    return f"{count} hotspot{'' if count == 1 else 's'}"
