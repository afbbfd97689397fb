"""The folder beside a bundle in the making: training data, checkpoints, members that are done. It goes when the bundle is complete.

It lies beside the bundle's folder and not in it, because that is replaced as a whole with every member that is done.

    .graphene.training/
        identity.json     what is trained here: nothing else may go on in this folder
        frames.npy        labelled frames, float16, mapped into the memory of every worker
        baseline.onnx     where members start from, if not from scratch
        member-03.ckpt    a member half done
        member-03.onnx    a member that is done, and
        member-03.json    its entry in the manifest
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from elitscope_models.bundle import Member, sha256_of
from elitscope_models.training.data import Labelled
from elitscope_models.training.files import replace_file


class Workshop:
    """Names of what lies in the folder, and how it gets there: each file completely or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.frames_file = folder / "frames.npy"
        self.baseline_file = folder / "baseline.onnx"
        self._identity_file = folder / "identity.json"

    @classmethod
    def beside(cls, bundle: Path) -> Workshop:
        """That of the bundle to be written to `bundle`."""
        return cls(bundle.absolute().with_name(f".{bundle.absolute().name}.training"))

    def identity(self) -> Mapping[str, Any] | None:
        """What is trained here; None where the folder is new."""
        if not self._identity_file.is_file():
            return None
        found: Mapping[str, Any] = json.loads(self._identity_file.read_bytes())
        return found

    def open(self, identity: Mapping[str, Any], baseline: bytes | None) -> None:
        """State what is trained in the folder."""
        if baseline is not None:
            replace_file(self.baseline_file, baseline)
        replace_file(self._identity_file, json.dumps(identity, indent=2, ensure_ascii=False).encode())

    def clear(self) -> None:
        """Forget what was begun here."""
        for file in (self._identity_file, self.frames_file, self.baseline_file, *self.folder.glob("member-*")):
            file.unlink(missing_ok=True)

    def has_members(self) -> bool:
        """Whether there is work on members that could get lost."""
        return any(self.folder.glob("member-*"))

    def frames(self) -> Labelled:
        """The labelled frames, mapped from disk: workers share one copy in memory."""
        return Labelled(np.load(self.frames_file, mmap_mode="r"))

    def baseline(self) -> bytes | None:
        """The ONNX file of the network that members start from."""
        return self.baseline_file.read_bytes() if self.baseline_file.exists() else None

    def checkpoint(self, index: int) -> Path:
        return self.folder / f"member-{index:02d}.ckpt"

    def finish(self, index: int, onnx: bytes, metrics: Mapping[str, float]) -> None:
        """Keep a member that is done, and drop its checkpoint."""
        member = Member(id=index, file=f"member-{index:02d}.onnx", sha256=sha256_of(onnx), metrics=dict(metrics))
        replace_file(self.folder / member.file, onnx)
        replace_file(self._entry(index), member.model_dump_json().encode())  # last: what it speaks of is there by then
        self.checkpoint(index).unlink(missing_ok=True)

    def finished(self, index: int) -> tuple[Member, bytes] | None:
        """A member that is done, with its ONNX file."""
        if not self._entry(index).exists():
            return None
        member = Member.model_validate_json(self._entry(index).read_bytes())
        return member, (self.folder / member.file).read_bytes()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else trains here within; whoever held the folder and died holds it no more.

        Raises:
            ValueError: somebody does.
        """
        if sys.platform == "win32":  # has no such locks
            yield
            return
        import fcntl

        with (self.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ValueError(f"{self.folder} is being trained in by another process: wait for its end, or stop it") from None
            yield

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _entry(self, index: int) -> Path:
        return self.folder / f"member-{index:02d}.json"
