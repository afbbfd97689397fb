"""Movies with known atoms, analysed once: every member's maps are kept on disk, so that any selection can be judged afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from elitscope.types import AtomTable, Result, Timing
from elitscope_models.analyse import analyse
from elitscope_models.drift.selection import Answer, answer
from elitscope_models.ensemble import Ensemble
from elitscope_models.manifest import Manifest
from elitscope_models.score import Score, score
from elitscope_models.truth import KnownFrame, read_truth, write_truth

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Recorded:
    """A frame and what every member makes of it. `stated`: Å/px that its metadata say, which may be wrong; `maps`: [member, class, row,
    column], as float16."""

    index: int
    frame: KnownFrame
    stated: float
    maps: Array
    manifest: Manifest

    @cached_property
    def members(self) -> tuple[int, ...]:
        return self.manifest.member_ids

    def result(self, chosen: Sequence[int] | None = None) -> Result:
        """What the service answers with these members active; all for None."""
        members = self.members if chosen is None else tuple(chosen)
        found = self._answer(members)
        return Result(
            frame_id=self.index,
            stream="recorded",
            sequence=self.index,
            ensemble=self.manifest.name,
            ensemble_version=self.manifest.version,
            members=members,
            revision=1,
            plan="recorded",
            classes=self.manifest.class_names,
            sampling=(self.stated, self.stated),
            warnings=(),
            timing=Timing(),
            mean=found.mean,
            std=found.std,
            atoms=found.atoms,
            member_maps=found.maps,
        )

    def atoms(self, chosen: Sequence[int]) -> AtomTable:
        """Atoms of the mean of these members."""
        return self._answer(chosen).atoms

    def score(self, atoms: AtomTable) -> Score:
        """Against the truth, at the true sampling."""
        known = self.frame
        return score(atoms.positions("px"), known.positions, known.pixels.shape, known.sampling, ignore=~known.visible)

    def _answer(self, members: Sequence[int]) -> Answer:
        chosen = [self.members.index(member) for member in members]
        return answer(self.maps, chosen, (self.stated, self.stated), self.manifest.atoms.kind)


def recorded(
    folder: Path,
    ensemble: Ensemble,
    frames: Callable[[], Iterable[KnownFrame]],
    stated: float | None = None,
) -> list[Recorded]:
    """Frames analysed with all members; read from `folder` where it already holds them.

    Args:
        folder: of this movie under this ensemble.
        ensemble: what analyses.
        frames: makes the movie, of one shape.
        stated: Å/px that the metadata of all frames say; None: the truth.
    """
    manifest = ensemble.bundle.manifest
    if not (folder / "done.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        known = list(frames())
        write_truth(folder / "truth.npz", known, max((frame.classes for frame in known), key=len) or ("atom",))
        rows, columns = known[0].pixels.shape
        shape = (len(known), len(manifest.members), len(manifest.classes), rows, columns)
        maps = np.lib.format.open_memmap(folder / "maps.npy", "w+", np.float16, shape)
        for index, frame in enumerate(known):
            says = stated or frame.sampling
            found = analyse(frame.pixels, (says, says), ensemble, keep_members=True)
            assert found.member_maps is not None
            maps[index] = found.member_maps
        maps.flush()
        (folder / "done.json").write_text(json.dumps({"frames": len(known)}))
    maps = np.load(folder / "maps.npy", mmap_mode="r")
    return [
        Recorded(index, frame, stated or frame.sampling, maps[index], manifest)
        for index, frame in enumerate(read_truth(folder / "truth.npz"))
    ]


def renamed(frames: Iterable[KnownFrame], segment: str) -> list[KnownFrame]:
    """The same frames as parts of another segment."""
    return [replace(frame, segment=segment) for frame in frames]
