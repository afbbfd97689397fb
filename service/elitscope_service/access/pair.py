"""The server's own CURVE key pair: made at first use, kept in the data folder, readable by its owner alone.

Its public half is what clients know the server by. Processes of the server use the whole pair to be let in by the engine.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import zmq
from pydantic import Field, ValidationError
from zmq.utils import z85

from elitscope.errors import ElitscopeError
from elitscope_service.access.private import create_private
from elitscope_service.store.documents import Document

FILE_NAME = "server.key"
OTHERS = 0o077

Z85 = Annotated[str, Field(pattern=r"^[0-9a-zA-Z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}$")]


class PairUnusable(ElitscopeError, OSError):
    """The server's key file can't be used; says why and what to do."""

    code = "config_invalid"


class CurvePair(Document):
    """A CURVE key pair, both halves in Z85: 40 printable characters."""

    public_key: Z85
    secret_key: Z85 = Field(repr=False)


def new_pair() -> CurvePair:
    """A key pair that nobody else has."""
    public, secret = zmq.curve_keypair()
    return CurvePair(public_key=public.decode(), secret_key=secret.decode())


def server_pair(folder: Path) -> CurvePair:
    """The server's pair in its data folder, made if need be.

    Raises:
        PairUnusable: it can't be made, is broken, or others may read it.
    """
    path = folder / FILE_NAME
    try:
        if not path.exists():
            _make(path)
        if path.stat().st_mode & OTHERS:
            raise PairUnusable(f"{path} can be read by others, so it is no secret: delete it, and give clients the new server key")
        return CurvePair.loads(path.read_bytes())
    except ValidationError as error:
        raise PairUnusable(f"{path} is no key file: delete it, and give clients the new server key") from error
    except PairUnusable:
        raise
    except OSError as error:
        raise PairUnusable(f"{path}: {error.strerror}") from error


def is_public_key(text: str) -> bool:
    """Whether a text is a CURVE public key in Z85.

    >>> is_public_key(new_pair().public_key), is_public_key("x" * 39)
    (True, False)
    """
    try:
        return len(z85.decode(text)) == 32 and len(text) == 40
    except (KeyError, ValueError, UnicodeEncodeError):
        return False


def _make(path: Path) -> None:
    try:
        create_private(path, new_pair().dumps().encode())
    except FileExistsError:
        return  # another process of the server was faster: its pair is as good
