"""Frames with known atoms in a file, to be simulated once and evaluated against often.

Arrays of the file (`.npz`, or the same names as HDF5 data sets): `frames` uint16 [frame, row, column]; `sampling` float64 [frame], Å/px;
and one entry an atom in `frame`, `row`, `column` (px), `class_id`, `visible`. `segment` [frame] names which part of a movie a frame is in,
`classes` what the ids stand for. Files from elsewhere may call the column `col`, give atomic numbers in `Z` (or `cls`, into `class_names`)
instead of classes, and leave out `visible` and `segment`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from elitscope.errors import ElitscopeError
from elitscope.simulator import SimulatedFrame

VISIBLE_BELOW = 5.0
"""Å of amorphous carbon over an atom up to which it counts as visible."""

Array = np.ndarray[Any, np.dtype[Any]]


class TruthInvalid(ElitscopeError, ValueError):
    """The file can't be read as frames with known atoms; the text says why."""

    code = "truth_invalid"


@dataclass(frozen=True)
class KnownFrame:
    """One frame and its atoms: `positions` float64 [atom, 2], (row, column) px; `visible` bool [atom]; `sampling` Å/px.

    `class_ids` int [atom] are indices into `classes`, where their names are known.
    """

    pixels: Array
    sampling: float
    positions: Array
    class_ids: Array
    visible: Array
    segment: str = ""
    classes: tuple[str, ...] = ()


def from_simulated(frame: SimulatedFrame) -> KnownFrame:
    """What is known about a simulated frame."""
    visible = np.asarray(frame.contamination <= VISIBLE_BELOW)
    return KnownFrame(frame.pixels, frame.sampling, frame.positions, frame.class_ids, visible, frame.segment, frame.classes)


def write_truth(path: Path, frames: Iterable[KnownFrame], classes: Sequence[str]) -> int:
    """Write frames of one shape to `path` (`.npz`, `.h5` or `.hdf5`); returns how many.

    Raises:
        TruthInvalid: no frames, another suffix, or frames of several shapes.
    """
    known = list(frames)
    if not known or len({frame.pixels.shape for frame in known}) > 1:
        raise TruthInvalid(f"{path}: {len(known)} frames of shapes {sorted({f.pixels.shape for f in known})}: give frames of one shape")
    arrays = {
        "frames": np.stack([frame.pixels for frame in known]),
        "sampling": np.array([frame.sampling for frame in known]),
        "segment": np.array([frame.segment for frame in known]),
        "classes": np.array(classes),
        "frame": np.repeat(np.arange(len(known)), [len(frame.positions) for frame in known]),
        "row": np.concatenate([frame.positions[:, 0] for frame in known]),
        "column": np.concatenate([frame.positions[:, 1] for frame in known]),
        "class_id": np.concatenate([frame.class_ids for frame in known]),
        "visible": np.concatenate([frame.visible for frame in known]),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npz":
        np.savez_compressed(path, **arrays)  # type: ignore[arg-type]
    elif path.suffix in (".h5", ".hdf5"):
        _write_hdf5(path, arrays)
    else:
        raise TruthInvalid(f"{path}: suffix {path.suffix!r} is unknown: use .npz, .h5 or .hdf5")
    return len(known)


def read_truth(path: Path) -> Iterator[KnownFrame]:
    """Frames of a file, one after the other.

    Raises:
        TruthInvalid: not such a file.
    """
    arrays = _read(path)
    column = arrays.get("column", arrays.get("col"))
    missing = [name for name in ("frames", "sampling", "frame", "row") if name not in arrays] + ([] if column is not None else ["column"])
    if missing or column is None:
        raise TruthInvalid(f"{path} has no {', '.join(missing)}: it needs frames, sampling, frame, row and column")
    of, positions = arrays["frame"], np.stack([arrays["row"], column], axis=-1).astype(np.float64)
    class_ids, classes = _classes(arrays)
    for index, pixels in enumerate(arrays["frames"]):
        here = of == index
        yield KnownFrame(
            pixels=pixels,
            sampling=float(arrays["sampling"][index]),
            positions=positions[here],
            class_ids=class_ids[here],
            visible=arrays["visible"][here].astype(bool) if "visible" in arrays else np.ones(int(here.sum()), bool),
            segment=_text(arrays["segment"][index]) if "segment" in arrays else "",
            classes=classes,
        )


def discs(positions: Array, shape: tuple[int, ...], radius: float) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The mask of atoms: 1 within `radius` px of any position, else 0; float32 [row, column].

    >>> discs(np.array([[1.0, 1.0]]), (3, 4), 1.0).astype(int).tolist()
    [[0, 1, 0, 0], [1, 1, 1, 0], [0, 1, 0, 0]]
    """
    mask = np.zeros(shape, np.float32)
    reach = int(np.ceil(radius)) + 1
    steps = np.arange(-reach, reach + 1)
    nearest = np.rint(np.asarray(positions, float).reshape(-1, 2)).astype(int)
    rows, columns = (nearest[:, axis, None] + steps for axis in (0, 1))
    down, across = ((pixel - positions[:, axis, None]) ** 2 for axis, pixel in ((0, rows), (1, columns)))
    hit = down[:, :, None] + across[:, None, :] <= radius**2
    hit &= ((rows >= 0) & (rows < shape[0]))[:, :, None] & ((columns >= 0) & (columns < shape[1]))[:, None, :]
    atom, i, j = np.nonzero(hit)
    mask[rows[atom, i], columns[atom, j]] = 1.0
    return mask


def _classes(arrays: Mapping[str, Array]) -> tuple[Array, tuple[str, ...]]:
    """Class of every atom, and the classes' names, by whichever of its names the file has them."""
    names = next((tuple(map(_text, arrays[name])) for name in ("classes", "class_names") if name in arrays), ())
    for name in ("class_id", "cls"):
        if name in arrays:
            return arrays[name], names
    if "Z" in arrays:
        numbers, ids = np.unique(arrays["Z"], return_inverse=True)
        return ids.reshape(-1), tuple(f"Z={number}" for number in numbers)
    return np.zeros(len(arrays["frame"]), np.int32), ()


def _write_hdf5(path: Path, arrays: Mapping[str, Array]) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array.astype("S") if array.dtype.kind == "U" else array, compression="gzip")


def _read(path: Path) -> dict[str, Array]:
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                return {name: file[name] for name in file.files if name in _KNOWN}
        import h5py

        with h5py.File(path, "r") as file:
            return {name: file[name][()] for name in file if name in _KNOWN}
    except (OSError, ValueError) as error:
        raise TruthInvalid(f"{path} can't be read ({error}): give an .npz or HDF5 file of frames with known atoms") from error


_KNOWN = frozenset(
    ["frames", "sampling", "segment", "frame", "row", "column", "col", "class_id", "visible", "classes", "cls", "class_names", "Z"]
)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
