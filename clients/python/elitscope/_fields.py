"""Taking a client's JSON header apart: every key is checked, and whatever is left over was never allowed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Optional

from elitscope._layout import MAX_TEXT, SESSION_ID
from elitscope.errors import MessageInvalid

_ABSENT: Any = object()


class Fields:
    """Takes a header apart key by key, quoting what does not fit; whatever is left at the end was never allowed."""

    def __init__(self, header: Mapping[str, Any]) -> None:
        self._left = dict(header)

    def finish(self) -> None:
        if self._left:
            raise MessageInvalid("header_invalid", f"unknown header keys {sorted(map(str, self._left))[:5]}")

    def take(self, key: str, default: Any = _ABSENT) -> Any:
        value = self._left.pop(key, None)
        if value is None:
            if default is _ABSENT:
                raise MessageInvalid("header_invalid", f"header key {key!r} is missing")
            return default
        return value

    def check(self, key: str, value: Any, ok: bool, rule: str, code: str = "header_invalid") -> Any:
        if not ok:
            raise MessageInvalid(code, f"{key} {_short(value)}: {rule}")
        return value

    def session(self) -> str:
        value = self.take("session")
        ok = isinstance(value, str) and SESSION_ID.fullmatch(value) is not None
        return str(self.check("session", value, ok, "must be 32 lower-case hex digits"))

    def integer(self, key: str, low: int, high: int, default: Any = _ABSENT) -> int:
        value = self.take(key, default)
        return int(self.check(key, value, is_integer(value) and low <= value < high, f"must be an integer from {low} to {high - 1}"))

    def number(self, key: str, positive: bool = False) -> Optional[float]:
        value = self.take(key, None)
        if value is None:
            return None
        ok = is_number(value) and (not positive or value > 0)
        self.check(key, value, ok, "must be a positive number" if positive else "must be a number")
        return float(value)

    def pair(self, key: str) -> Optional[tuple[float, float]]:
        value = self.take(key, None)
        if value is None:
            return None
        ok = isinstance(value, list) and len(value) == 2 and all(is_number(v) and v > 0 for v in value)
        self.check(key, value, ok, "must be two positive numbers, (row, column)", "frame_invalid")
        return float(value[0]), float(value[1])

    def text(self, key: str, default: Any = _ABSENT) -> Any:
        value = self.take(key, default)
        ok = value is default or (isinstance(value, str) and len(value) <= MAX_TEXT)
        return self.check(key, value, ok, f"must be text of at most {MAX_TEXT} characters")

    def choice(self, key: str, choices: Sequence[str], default: str) -> str:
        value = self.take(key, default)
        return str(self.check(key, value, isinstance(value, str) and value in choices, f"must be one of {', '.join(choices)}"))

    def integers(self, key: str, most: int) -> tuple[int, ...]:
        value = self.take(key, [])
        ok = isinstance(value, list) and len(value) <= most and all(is_integer(v) and 0 <= v < 2**64 for v in value)
        return tuple(self.check(key, value, ok, f"must be a list of at most {most} integers from 0 to 2^64 - 1"))


def is_number(value: Any) -> bool:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
