"""What a request carries, and what every request says of its sender."""

from __future__ import annotations

import getpass
import re
import socket
import uuid
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Optional, TypeVar

import httpx

from elitscope.version import __version__

T = TypeVar("T")
Steps = Generator["Request", httpx.Response, T]
"""One call: it yields requests, is sent their answers, and returns what the call comes to."""

KEY_HEADER = "Idempotency-Key"
_AUTHOR_LENGTH = 64


@dataclass(frozen=True)
class Request:
    """One request. A `change` travels with an idempotency key, so that it may be sent again; `patience_s` extends the time-out."""

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    json: Optional[Mapping[str, Any]] = None
    content: Optional[bytes] = None
    headers: Mapping[str, str] = field(default_factory=dict)
    patience_s: float = 0.0

    @property
    def change(self) -> bool:
        return self.method != "GET"

    def with_key(self) -> Request:
        """The same request; a change gets a new idempotency key, unless it has one."""
        if not self.change or KEY_HEADER in self.headers:
            return self
        headers = {**self.headers, KEY_HEADER: uuid.uuid4().hex}
        return Request(self.method, self.path, self.params, self.json, self.content, headers, self.patience_s)


def common_headers(token: Optional[str], author: Optional[str], role: str) -> dict[str, str]:
    """What every request says of its sender: the token, or, where there is none, a name and a role."""
    common = {"User-Agent": f"elitscope-python/{__version__}", "Accept": "application/json"}
    if token is not None:
        return {**common, "Authorization": f"Bearer {token}"}
    return {**common, "X-Elitscope-Author": author_name(author), "X-Elitscope-Role": role}


def author_name(author: Optional[str] = None) -> str:
    """The name that stands in the audit: the given one, else user@host; what a name can't hold becomes "-".

    >>> author_name("Ana Müller")
    'Ana M-ller'
    """
    name = f"{_user()}@{socket.gethostname()}" if author is None else author
    return re.sub(r"[^A-Za-z0-9 ._@+-]", "-", name).strip(" ._@+-")[:_AUTHOR_LENGTH].rstrip() or "anonymous"


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no name for this user id, as in some containers
        return "user"
