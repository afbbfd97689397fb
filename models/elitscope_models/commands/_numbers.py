"""Networks and frames as they are named on the command line."""

from __future__ import annotations

import argparse


def numbers(text: str) -> tuple[int, ...]:
    """Numbers and ranges with commas between.

    >>> numbers("0-2,7")
    (0, 1, 2, 7)
    """
    parts = [part.split("-") for part in text.split(",")]
    try:
        return tuple(number for part in parts for number in range(int(part[0]), int(part[-1]) + 1))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of numbers: give them with commas between, 0,2 or 0-3 say") from error
