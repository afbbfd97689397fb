"""Bundles and zip files that should do harm: what a stranger could send."""

from __future__ import annotations

import io
import json
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from tests.support.bundles import dot_network, network_file, toy_manifest

MEMBER = "member-00.onnx"


def write_unchecked(folder: Path, data: bytes, name: str = "bad", **changes: Any) -> Path:
    """A bundle of one member whatever that is, its checksum right and its halo stated, so that nobody need read the graph for it."""
    folder.mkdir(parents=True)
    for file, content in bundle_files(data, name, **changes).items():
        (folder / file).write_bytes(content)
    return folder


def bundle_files(data: bytes, name: str = "bad", **changes: Any) -> dict[str, bytes]:
    """The same as files; `changes` are put over the manifest."""
    manifest = toy_manifest({0: data}, name=name).model_dump(mode="json")
    manifest["architecture"]["halo"] = 8
    return {"manifest.json": json.dumps(manifest | changes).encode(), MEMBER: data}


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip file of these files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def zipped_link(files: Mapping[str, bytes], name: str, target: str) -> bytes:
    """The same, with a symbolic link in it."""
    link = zipfile.ZipInfo(name)
    link.create_system = 3
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    out = io.BytesIO(zipped(files))
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr(link, target)
    return out.getvalue()


def never_ending() -> bytes:
    """A network that is valid, tiny, and counts to 10¹² first."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Sigmoid", ["x"], ["y"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, None),
        ],
        [helper.make_tensor_value_info("on", TensorProto.BOOL, []), helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    weights = {"n": np.array(10**12, np.int64), "true": np.array(True)}
    return network_file([helper.make_node("Loop", ["n", "true", "image"], ["probabilities"], body=body)], weights)


def huge_constant() -> bytes:
    """Two hundred bytes that ask for 4 TiB while they are compiled."""
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["big"]),
        helper.make_node("ReduceSum", ["big"], ["sum"], keepdims=0),
        helper.make_node("Add", ["image", "sum"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], ["probabilities"]),
    ]
    return network_file(nodes, {"shape": np.array([1 << 20, 1 << 20], np.int64)})


def huge_when_run(repeats: int = 1 << 30) -> bytes:
    """Compiles, and asks for `repeats` times the frame when it is run."""
    nodes = [
        helper.make_node("Tile", ["image", "repeats"], ["many"]),
        helper.make_node("ReduceMax", ["many"], ["logits"], keepdims=1, axes=[1]),
        helper.make_node("Sigmoid", ["logits"], ["probabilities"]),
    ]
    return network_file(nodes, {"repeats": np.array([1, repeats, 1, 1], np.int64)})


def weights_elsewhere(path: str = "/etc/passwd") -> bytes:
    """Its weights are to be read from another file."""
    model = onnx.load_model_from_string(dot_network())
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=path)
    return bytes(model.SerializeToString())


def operator_of_its_own() -> bytes:
    """Calls what a library that comes along would have to implement."""
    return network_file([helper.make_node("Run", ["image"], ["probabilities"], domain="evil")], {})


def not_probabilities() -> bytes:
    """Gives the frame's own values times a thousand."""
    return network_file([helper.make_node("Mul", ["image", "thousand"], ["probabilities"])], {"thousand": np.array(1000, np.float32)})
