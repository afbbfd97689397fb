"""Somebody who changes everything at random, as fast as answers come: what tests and the benchmark put a server through."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from elitscope import Controller
from elitscope.errors import Refused
from elitscope.rest.records import SelectionInfo
from tests.support.bundles import make_bundle

OF_NETWORKS = {"deselect": 30, "select": 25, "only": 12, "use": 15, "undo": 15, "load": 3, "unload": 3}
"""How often each change is drawn, relative to the others."""
OF_FILES = ("load_broken", "upload", "upload_broken", "delete")
"""Changes that take a process and some seconds each."""


class Bundles:
    """Small ensembles in a folder of the test's own.

    `served`: what a server is given: `toy` (3 networks), `second` (4), `third` (2), and `broken`, whose networks are damaged. `good` and
    `bad`: folders to upload.
    """

    usable = ("toy", "second", "third")
    broken = "broken"

    def __init__(self, folder: Path) -> None:
        self.served = folder / "served"
        for name, members in zip(self.usable, (3, 4, 2), strict=True):
            make_bundle(self.served / name, members=members, name=name)
        _damage(make_bundle(self.served / self.broken, members=2, name=self.broken).path)
        self.good = make_bundle(folder / "good", members=2, name="uploaded").path
        self.bad = make_bundle(folder / "bad", members=2, name="uploaded-badly").path
        _damage(self.bad)
        self.hostile = folder / "hostile.zip"
        with zipfile.ZipFile(self.hostile, "w") as archive:
            archive.writestr("../manifest.json", "{}")


class RandomChanges:
    """Makes changes, one after the other.

    Args:
        control: does it.
        streams: whose networks are changed.
        bundles: what there is to use, load and upload.
        rng: decides.
    """

    def __init__(self, control: Controller, streams: tuple[str, ...], bundles: Bundles, rng: np.random.Generator) -> None:
        self._control, self._streams, self._bundles, self._rng = control, streams, bundles, rng
        self.outcomes: Counter[tuple[str, str]] = Counter()
        """How often a kind of change came to what: "done", or the code of the refusal."""

    def plan(self, count: int, of_files: tuple[str, ...] = OF_FILES) -> list[str]:
        """`count` kinds of changes in a random order: each of networks at least once, and `of_files`."""
        kinds, weights = list(OF_NETWORKS), np.array(list(OF_NETWORKS.values()), float)
        drawn = self._rng.choice(kinds, size=count - len(kinds) - len(of_files), p=weights / weights.sum())
        return [str(kind) for kind in self._rng.permutation([*of_files, *kinds, *drawn])]

    def do(self, kind: str) -> SelectionInfo | None:
        """Make a change; the selection that it came to, where it was done and is one.

        Raises:
            ElitscopeError: anything but a refusal.
        """
        act: Callable[[], SelectionInfo | None] = getattr(self, f"_{kind}")
        try:
            now = act()
        except Refused as error:
            self.outcomes[kind, error.code] += 1
            return None
        self.outcomes[kind, "done"] += 1
        return now

    def _deselect(self) -> SelectionInfo:
        return self._control.deselect(self._stream(), self._ids(), reason="random")

    def _select(self) -> SelectionInfo:
        return self._control.select(self._stream(), self._ids(), reason="random")

    def _only(self) -> SelectionInfo:
        return self._control.only(self._stream(), self._ids(), reason="random")

    def _use(self) -> SelectionInfo:
        return self._control.use(self._stream(), self._usable(), reason="random")

    def _undo(self) -> SelectionInfo:
        return self._control.undo(self._stream())

    def _load(self) -> None:
        self._control.load(self._usable())

    def _load_broken(self) -> None:
        self._control.load(self._bundles.broken)

    def _unload(self) -> None:
        self._control.unload(str(self._rng.choice(self._bundles.usable[1:])))

    def _upload(self) -> None:
        self._control.upload(self._bundles.good)

    def _upload_broken(self) -> None:
        self._control.upload(self._bundles.bad if self._rng.random() < 0.5 else self._bundles.hostile)

    def _delete(self) -> None:
        self._control.delete("uploaded")

    def _stream(self) -> str:
        return str(self._rng.choice(self._streams))

    def _usable(self) -> str:
        return str(self._rng.choice(self._bundles.usable))

    def _ids(self) -> list[int]:
        """One or two ids; some of them are not there in the ensemble in force, which is refused."""
        return [int(i) for i in sorted(self._rng.choice(4, size=self._rng.integers(1, 3), replace=False))]


def _damage(folder: Path) -> None:
    """Change a byte of a network, so that its checksum is wrong."""
    network = folder / "member-00.onnx"
    content = bytearray(network.read_bytes())
    content[len(content) // 2] ^= 0xFF
    network.write_bytes(content)
