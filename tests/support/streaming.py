"""A client that keeps streaming frames for as long as a test looks at them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from itertools import cycle
from typing import Self

import numpy as np

from elitscope import Client, Result
from tests.support.server import PATIENCE

PAUSE_S = 0.02


class Sending:
    """What runs in a thread of its own for as long as a `with` block lasts: `_run`, which ends soon after `_stop` was set."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        raise NotImplementedError


class Streaming(Sending):
    """Sends `frames` again and again, a few dozen a second, in a thread of its own; ends with the `with` block.

    `results`: by frame id, everything that came back.
    """

    def __init__(self, server: str, frames: Iterable[np.ndarray], stream: str = "haadf", sampling: float = 0.1) -> None:
        super().__init__()
        self.results: dict[int, Result] = {}
        self._server, self._frames, self._stream, self._sampling = server, list(frames), stream, sampling

    def _run(self) -> None:
        with Client(self._server, stream=self._stream, outputs=("mean", "std", "atoms", "members"), timeout=PATIENCE) as client:
            for reply in client.stream(self._endless(), sampling=self._sampling):
                assert isinstance(reply, Result)
                self.results[reply.frame_id] = reply

    def _endless(self) -> Iterator[np.ndarray]:
        for frame in cycle(self._frames):
            if self._stop.wait(PAUSE_S):
                return
            yield frame
