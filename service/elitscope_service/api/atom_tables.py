"""The atoms of a frame as JSON, CSV and Arrow: the same numbers in each, float32 to the last bit."""

from __future__ import annotations

import io
import json
from typing import Any

import nanoarrow as na
import numpy as np
from nanoarrow.c_array import c_array_from_buffers
from nanoarrow.c_array_stream import CArrayStream
from nanoarrow.ipc import StreamWriter

from elitscope.types import ATOM_DTYPE, AtomTable, Result

JSON, CSV, ARROW = "application/json", "text/csv", "application/vnd.apache.arrow.stream"

Column = np.ndarray[Any, Any]


def write_atoms(result: Result, media_type: str) -> bytes:
    """The result's atoms in one of the three formats."""
    return {JSON: atoms_json, CSV: atoms_csv, ARROW: atoms_arrow}[media_type](result)


def atoms_json(result: Result) -> bytes:
    """An object with the frame's provenance and `atoms`, one object an atom; what is not known is null."""
    atoms = _table(result)
    columns = {name: _plain(_column(atoms, name)) for name in ATOM_DTYPE.names or ()}
    columns["class"] = [result.classes[index] for index in columns["class_id"]]
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return json.dumps({**provenance(result), "atoms": rows}, allow_nan=False, separators=(",", ":")).encode()


def atoms_csv(result: Result) -> bytes:
    """A line of names, then a line an atom; what is not known is empty."""
    atoms = _table(result)
    columns = {name: _text(_column(atoms, name)) for name in ATOM_DTYPE.names or ()}
    columns["class"] = [_quoted(result.classes[int(index)]) for index in columns["class_id"]]
    lines = [",".join(columns), *(",".join(values) for values in zip(*columns.values(), strict=True))]
    return ("\r\n".join(lines) + "\r\n").encode()


def atoms_arrow(result: Result) -> bytes:
    """An Arrow IPC stream of one batch; unknown is NaN. The schema's metadata holds the frame's provenance, as JSON under `elitscope`."""
    atoms = _table(result)
    types = {name: na.int32() if dtype[0].kind == "i" else na.float32() for name, dtype in (ATOM_DTYPE.fields or {}).items()}
    columns = [c_array_from_buffers(types[name], len(atoms), [None, _column(atoms, name)]) for name in types]
    table = c_array_from_buffers(na.struct(types), len(atoms), [None], children=columns)
    schema = na.c_schema(na.struct(types)).modify(metadata={"elitscope": json.dumps(provenance(result))})
    buffer = io.BytesIO()
    with StreamWriter.from_writable(buffer) as writer:
        writer.write_stream(CArrayStream.from_c_arrays([table], schema))
    return buffer.getvalue()


def provenance(result: Result) -> dict[str, Any]:
    """What made the atoms, of which frame."""
    return {
        "stream": result.stream,
        "frame_id": result.frame_id,
        "sequence": result.sequence,
        "epoch": result.epoch,
        "ensemble": result.ensemble,
        "ensemble_version": result.ensemble_version,
        "members": list(result.members),
        "revision": result.revision,
        "classes": list(result.classes),
        "sampling": None if result.sampling is None else list(result.sampling),
    }


def _table(result: Result) -> AtomTable:
    return result.atoms if result.atoms is not None else AtomTable.from_records(np.zeros(0, ATOM_DTYPE))


def _column(atoms: AtomTable, name: str) -> Column:
    return np.ascontiguousarray(atoms[name].view(np.ndarray))


def _text(column: Column) -> list[str]:
    """The shortest digits that give the same float32 again."""
    return ["" if text == "nan" else text for text in column.astype("U32").tolist()]


def _plain(column: Column) -> list[Any]:
    if column.dtype.kind == "i":
        return list(column.tolist())
    return [float(text) if text else None for text in _text(column)]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"' if set(name) & set(',"\r\n') else name
