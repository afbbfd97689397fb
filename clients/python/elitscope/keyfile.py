"""Key files: what a client needs to be let in, made by `elitscope-server keys create NAME --file FILE` on the server.

JSON with a token for the REST API and, for ZeroMQ, the client's own CURVE key pair and the server's public key. It is as good as a
password: it belongs to one computer, and to nobody else's eyes.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Union

_Z85 = re.compile(r"[0-9a-zA-Z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}")
_OTHERS = 0o077


@dataclass(frozen=True)
class KeyFile:
    """The contents of a key file. The three CURVE keys are Z85, 40 characters each.

    Raises:
        ValueError: one of them is not.
    """

    name: str
    server_key: str
    public_key: str
    secret_key: str = field(repr=False)
    token: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        for what in ("server_key", "public_key", "secret_key"):
            if not _Z85.fullmatch(getattr(self, what)):
                raise ValueError(f"{what} of key {self.name!r} is no CURVE key: 40 characters of Z85")

    def dumps(self) -> str:
        """As it stands in a file.

        >>> key = KeyFile("haadf", "a" * 40, "b" * 40, "c" * 40)
        >>> KeyFile.loads(key.dumps()) == key
        True
        """
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def loads(cls, text: str) -> KeyFile:
        """From the text of a file.

        Raises:
            ValueError: it is no key file.
        """
        body: Any = json.loads(text)
        known = {f.name for f in fields(cls)}
        if not isinstance(body, dict) or not known - {"token"} <= set(body) <= known or not all(isinstance(v, str) for v in body.values()):
            raise ValueError(f"a key file is a JSON object with the texts {', '.join(sorted(known))}")
        return cls(**body)

    @classmethod
    def read(cls, path: Union[str, os.PathLike[str]]) -> KeyFile:
        """From a file that only its owner may read.

        Raises:
            OSError: it can't be read. ValueError: it is no key file, or others may read it too.
        """
        file = Path(path).expanduser()
        text = file.read_text("utf-8")
        if os.name == "posix" and file.stat().st_mode & _OTHERS:
            raise ValueError(f"key file {file} can be read by others on this computer: chmod 600 {file}")
        try:
            return cls.loads(text)
        except ValueError as error:
            raise ValueError(f"{file} is no key file (elitscope-server keys create NAME --file FILE makes one): {error}") from error
