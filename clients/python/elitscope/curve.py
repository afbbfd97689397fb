"""What a connection to a server that asks for keys takes: our key shown, and a refusal heard, which libzmq would keep to itself."""

from __future__ import annotations

import os
from typing import Optional, Union

import zmq
from zmq.utils.monitor import parse_monitor_message

from elitscope.errors import ElitscopeError, NotAuthorised
from elitscope.keyfile import KeyFile

KeyLike = Union[None, str, "os.PathLike[str]", KeyFile]

_EVENTS = (
    zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
)
_HANGS_UP = 5
"""Times in a row that a server may hang up without a word before we think that it can't read us, having another key than we believe."""


def as_key(key: KeyLike) -> Optional[KeyFile]:
    """A key file by its path, or as it is. Raises OSError and ValueError as `KeyFile.read`."""
    return key if key is None or isinstance(key, KeyFile) else KeyFile.read(key)


def show_key(sock: zmq.Socket[bytes], key: Optional[KeyFile]) -> None:
    """Have a socket that is not connected yet show its key."""
    if key is not None:
        sock.setsockopt_string(zmq.CURVE_SERVERKEY, key.server_key)
        sock.setsockopt_string(zmq.CURVE_PUBLICKEY, key.public_key)
        sock.setsockopt_string(zmq.CURVE_SECRETKEY, key.secret_key)


class Handshakes:
    """Hears how a socket's handshakes end. To be made before the socket connects, and closed before it.

    `socket` is to be polled; `read()` tells of a refusal.
    """

    def __init__(self, sock: zmq.Socket[bytes], address: str, key: Optional[KeyFile]) -> None:
        self._sock, self._address, self._key = sock, address, key
        self._hung_up = 0
        self.socket: zmq.Socket[bytes] = sock.get_monitor_socket(_EVENTS)

    def close(self) -> None:
        """Release what was made."""
        self._sock.disable_monitor()
        self.socket.close()

    def read(self) -> Optional[ElitscopeError]:
        """Why the server will not have us, if it said so since the last time."""
        refusal = None
        while self.socket.poll(0):
            event = parse_monitor_message(self.socket.recv_multipart())["event"]
            self._hung_up = self._hung_up + 1 if event == zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL else 0
            refusal = self._refusal(event) or refusal
        return refusal

    def _refusal(self, event: int) -> Optional[ElitscopeError]:
        where = f"the server at {self._address}"
        if event == zmq.EVENT_HANDSHAKE_FAILED_AUTH and self._key is not None:
            why = "it is unknown there, revoked, expired, or not for this; the server's log says which"
            return NotAuthorised(f"{where} does not let key {self._key.name!r} in: {why}")
        if event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL and self._key is None:
            return NotAuthorised(f"{where} asks for a key: `elitscope-server keys create NAME --file FILE` makes a key file there")
        if event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
            return NotAuthorised(f"{where} asks for no key, so it is not the one that the key file is for, or has lost its keys")
        if self._hung_up >= _HANGS_UP and self._key is None:
            return NotAuthorised(f"{where} hangs up: it may ask for a key, or be no elitscope server")
        if self._hung_up >= _HANGS_UP:
            return NotAuthorised(f"{where} is not the one that the key file is for: its own key is another one")
        return None
