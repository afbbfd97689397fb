"""What a watch knows, as JSON and back: a monitor that is started again must not take what it then sees for usual."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from typing import Any, TypeVar

from elitscope_models.drift.change import Chart
from elitscope_models.drift.signals import SIGNAL
from elitscope_models.drift.watch import Limit, Watch

FORMAT = 1

_Key = tuple[str, int | None]
_Part = TypeVar("_Part", Chart, Limit)


def watch_to_json(watch: Watch) -> dict[str, Any]:
    """All that the watch has learned, in what JSON has: NaN is null.

    >>> watch_from_json(watch_to_json(Watch(learn=7))).learn
    7
    """
    return {
        "format": FORMAT,
        "learn": watch.learn,
        "members": None if watch.members is None else list(watch.members),
        "charts": [[*key, _plain(chart)] for key, chart in watch.charts.items()],
        "limits": [[*key, _plain(limit)] for key, limit in watch.limits.items()],
    }


def watch_from_json(kept: Mapping[str, Any]) -> Watch:
    """The watch that was kept.

    Raises:
        ValueError: it is of another version of this software.
    """
    try:
        if kept["format"] != FORMAT:
            raise ValueError(f"format {kept['format']!r} is not {FORMAT}")
        members = kept["members"]
        return Watch(
            learn=int(kept["learn"]),
            charts=_parts(Chart, kept["charts"]),
            limits=_parts(Limit, kept["limits"]),
            members=None if members is None else tuple(members),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"no watch that this version knows: {error!r}") from error


def _plain(part: Chart | Limit) -> dict[str, Any]:
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in asdict(part).items()}


def _parts(kind: type[_Part], kept: Iterable[Any]) -> dict[_Key, _Part]:
    names = {field.name for field in fields(kind)}
    found = {}
    for signal, member, values in kept:
        if signal not in SIGNAL or set(values) != names:
            raise ValueError(f"signal {signal!r} with {sorted(values)} is not of this version")
        floats = {field.name for field in fields(kind) if field.type == "float"}
        read: dict[str, Any] = {name: math.nan if value is None and name in floats else value for name, value in values.items()}
        found[signal, member] = kind(**read)
    return found
