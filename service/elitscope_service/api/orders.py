"""What requests that change something have in common: the stream they name, and the headers by which they are told apart."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header, Path

STREAM_PATTERN = r"^[a-z0-9][a-z0-9_.-]{0,63}$"

StreamName = Annotated[
    str, Path(pattern=STREAM_PATTERN, description="The stream, or `default`: what new streams start with", examples=["haadf"])
]
IfMatch = Annotated[
    str | None,
    Header(max_length=200, description="The revision that was read: 412 where it is no longer in force", examples=['"7"']),
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        pattern=r"^[!-~]{1,128}$",
        description="Chosen by the caller, new for every command. The same command sent again under the same key, within a day, is not "
        "carried out again: it is answered with what became of it.",
        examples=["4b1f2c0e9a"],
    ),
]
