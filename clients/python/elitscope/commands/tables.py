"""Tables for people that fit the terminal: what holds several words is wrapped, and no number is cut short."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from elitscope.files.errors import need

_LONGEST = (24, 16, 12, 10, 8, 6, 4)
"""How long a word may be and stay whole, the less the narrower the terminal; longer ones go on in the next line."""


def fitted(table: Any) -> Any:
    """A rich table with its rows in it (and one blank beside each column), made to fit the terminal's width.

    Columns of numbers are those that are aligned on the right.
    """
    room = need("rich.console", "showing tables").Console().width - len(table.columns)
    texts = [[str(column.header), *map(str, column.cells)] for column in table.columns]
    wanted = [max(map(len, column)) for column in texts]
    for longest in _LONGEST:
        least = [_least(column, texts[i], longest) for i, column in enumerate(table.columns)]
        if sum(least) <= room:
            break
    for column, width in zip(table.columns, _shared(least, wanted, room)):
        column.width, column.no_wrap, column.overflow = width, False, "fold"
    return table


def _least(column: Any, texts: Sequence[str], longest: int) -> int:
    whole = max((len(word) for text in texts for word in text.split()), default=1)
    return whole if column.justify == "right" else min(longest, whole)


def _shared(least: Sequence[int], wanted: Sequence[int], room: int) -> list[int]:
    """The room that is left goes to those who want more.

    >>> _shared([3, 5], [10, 5], 20), _shared([3, 5], [23, 15], 23)
    ([10, 5], [13, 10])
    """
    spare, missing = max(0, room - sum(least)), sum(wanted) - sum(least)
    return [low + (high - low if missing <= spare else (high - low) * spare // missing) for low, high in zip(least, wanted)]
