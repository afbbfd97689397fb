"""A microscope whose atoms get smaller at a word, and widths of networks' blur that part over it: some see small atoms, some lose them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from elitscope import Client, Result
from tests.support.frames import dots, lattice
from tests.support.server import PATIENCE
from tests.support.streaming import Sending

SHAPE = (96, 104)
LARGE, SMALL = 2.0, 0.8
"""Width of atoms (px) that every network sees, and that the blurring ones don't."""

SHARP, BLURRED = (0, 1), (2, 3, 4, 5)
ALL = SHARP + BLURRED
BLURS = (0.8, 1.0, 2.0, 2.1, 2.2, 2.3)
FAST = {"ELITSCOPE_MONITOR_HZ": "60"}
"""What is usual is learned from some dozen frames, however fast they come."""


class Microscope(Sending):
    """Sends frames of the same place in a thread, each with noise of its own; `sigma` is how large atoms are in the next ones."""

    def __init__(self, server: str) -> None:
        super().__init__()
        self.sigma = LARGE
        self.results: list[Result] = []
        self._server = server

    def _run(self) -> None:
        with Client(self._server, stream="haadf", outputs=("atoms",), timeout=PATIENCE) as client:
            for reply in client.stream(self._frames(), sampling=0.1):
                assert isinstance(reply, Result)
                self.results.append(reply)

    def _frames(self) -> Iterator[np.ndarray]:
        rng = np.random.default_rng(0)
        clean = {sigma: dots(SHAPE, lattice(SHAPE), sigma=sigma, floor=0.1) for sigma in (LARGE, SMALL)}
        while not self._stop.wait(0.03):
            yield clean[self.sigma] + rng.normal(0.0, 0.02, SHAPE).astype(np.float32)
