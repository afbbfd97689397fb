"""Which of several formats a request would rather have, by its `Accept` header (RFC 9110, 12.5.1)."""

from __future__ import annotations

from collections.abc import Sequence

MOST_RANGES = 32


def preferred(accept: str | None, offers: Sequence[str]) -> str | None:
    """The offer that is wanted most, the first of equals; None where none is acceptable.

    >>> offers = ("application/json", "text/csv")
    >>> preferred(None, offers), preferred("text/*, */*;q=0.1", offers), preferred("image/png", offers)
    ('application/json', 'text/csv', None)
    """
    ranges = [_range(part) for part in (accept or "*/*").split(",")[:MOST_RANGES]]
    ranked = [(_quality(offer, ranges), -place) for place, offer in enumerate(offers)]
    quality, place = max(ranked)
    return offers[-place] if quality > 0 else None


def _range(part: str) -> tuple[str, float]:
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    quality = 1.0
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                quality = min(1.0, max(0.0, float(parameter[2:])))
            except ValueError:
                quality = 0.0
    return name, quality


def _quality(offer: str, ranges: Sequence[tuple[str, float]]) -> float:
    """That of the most specific range which the offer is in."""
    kind = offer.partition("/")[0]
    for name in (offer, f"{kind}/*", "*/*"):
        given = [quality for found, quality in ranges if found == name]
        if given:
            return max(given)
    return 0.0
