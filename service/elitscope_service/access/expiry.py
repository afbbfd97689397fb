"""When a key expires, as people say it."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_UNITS_S = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_SPAN = re.compile(r"(\d{1,6})([mhdw])")


def expiry(text: str, now: float) -> float:
    """A span from now ("90m", "12h", "30d", "8w") or a date, in UTC where it says no zone, as Unix seconds.

    >>> expiry("12h", 1000.0), expiry("1970-01-02", 0.0)
    (44200.0, 86400.0)

    Raises:
        ValueError: neither.
    """
    span = _SPAN.fullmatch(text)
    if span is not None:
        return now + int(span[1]) * _UNITS_S[span[2]]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"--expires {text!r} is neither a span (12h, 30d, 8w) nor a date (2027-01-31)") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def in_words(expires_at: float | None) -> str:
    """For a list.

    >>> in_words(None), in_words(0.0)
    ('never expires', 'expires 1970-01-01 00:00 UTC')
    """
    return "never expires" if expires_at is None else f"expires {datetime.fromtimestamp(expires_at, UTC):%Y-%m-%d %H:%M} UTC"
