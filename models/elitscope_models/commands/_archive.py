"""Results as one `.npz`, for those who have NumPy and nothing else: `np.load("out.npz")["000000/mean"]`."""

from __future__ import annotations

import zipfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import numpy as np

from elitscope.errors import ElitscopeError
from elitscope.types import FrameInfo, Rejection, Result


class ArchiveExists(ElitscopeError, FileExistsError):
    """There is such a file already, and it is not overwritten."""

    code = "file_unwritable"


class ArchiveWriter:
    """Writes arrays `NNNNNN/pixels`, `/mean`, `/std`, `/members`, `/atoms`, `/hotspots` and `/plan`, frame by frame; a context manager.

    A rejected frame has `NNNNNN/pixels` and `/rejection`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stack = ExitStack()
        self._archive: zipfile.ZipFile | None = None

    def __enter__(self) -> Self:
        try:
            self._archive = self._stack.enter_context(zipfile.ZipFile(self.path, "x", zipfile.ZIP_DEFLATED, compresslevel=1))
        except FileExistsError as error:
            raise ArchiveExists(f"{self.path} exists already: choose another name") from error
        return self

    def __exit__(self, *failure: object) -> None:
        self._stack.close()

    def write(self, pixels: np.ndarray[Any, Any], info: FrameInfo, answer: Result | Rejection) -> None:
        """Add one frame."""
        self._add(answer.frame_id, "pixels", pixels)
        if isinstance(answer, Rejection):
            self._add(answer.frame_id, "rejection", np.array(f"{answer.code}: {answer.message}"))
            return
        arrays = {
            "mean": answer.mean,
            "std": answer.std,
            "members": answer.member_maps,
            "atoms": answer.atoms,
            "hotspots": answer.hotspots,
        }
        for name, array in arrays.items():
            if array is not None:
                self._add(answer.frame_id, name, np.asarray(array))
        self._add(answer.frame_id, "plan", np.array(answer.plan))

    def _add(self, frame_id: int, name: str, array: np.ndarray[Any, Any]) -> None:
        if self._archive is None:
            raise RuntimeError("an ArchiveWriter writes inside its `with` block only")
        with self._archive.open(f"{frame_id:06d}/{name}.npy", "w", force_zip64=True) as entry:
            np.lib.format.write_array(entry, np.ascontiguousarray(array), allow_pickle=False)
