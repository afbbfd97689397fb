"""A member half done, on disk: what a training that was killed goes on from, to the very same weights.

A checkpoint is replaced by renaming a complete file over it, so that whoever is killed while writing leaves the one before. It holds
tensors and plain values alone and is read as such.
"""

from __future__ import annotations

import io
import pickle
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from elitscope_models.training.files import replace_file

FORMAT = 1
_ADVICE = "remove it, and this member is trained from its start"


class CheckpointInvalid(ValueError):
    """The file is no checkpoint of this training; the text says what to do about it."""


class Checkpoint:
    """The one checkpoint of a member.

    `identity` says of which training it is (recipe, seed, software and so on, as a digest): a stranger's is refused. `every_s`: seconds
    between two of them; 0 is after each step.
    """

    def __init__(self, path: Path, identity: str, every_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._identity = identity
        self._every_s = every_s
        self._clock = clock
        self._last = clock()

    def load(self) -> Mapping[str, Any] | None:
        """What was saved, tensors on the CPU; None where nothing was.

        Raises:
            CheckpointInvalid: the file can't be read or belongs to another training.
        """
        if not self._path.exists():
            return None
        try:
            content = torch.load(self._path, map_location="cpu", weights_only=True)
        except (RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
            reason = str(error).partition("\n")[0]
            raise CheckpointInvalid(f"{self._path} can't be read ({reason}): {_ADVICE}") from error
        if not isinstance(content, dict) or (content.get("format"), content.get("identity")) != (FORMAT, self._identity):
            raise CheckpointInvalid(f"{self._path} belongs to another training: {_ADVICE}")
        state: Mapping[str, Any] = content["state"]
        return state

    def due(self) -> bool:
        """Whether it is time for the next one."""
        return self._clock() - self._last >= self._every_s

    def save(self, state: Mapping[str, Any]) -> None:
        """Replace the checkpoint, all or nothing; `state`: tensors and plain values."""
        buffer = io.BytesIO()
        torch.save({"format": FORMAT, "identity": self._identity, "state": state}, buffer)
        replace_file(self._path, buffer.getbuffer())
        self._last = self._clock()
