"""What a member's ONNX file may be: checked before any runtime sees it, since a bundle can come from anyone.

Refused are weights outside the file (a path in a stranger's file would be opened here), operators outside ONNX's own set (they load code),
and any other face than `image` float32 [n, 1, h, w] → `probabilities` float32 [n, class, h, w] with h and w free.
"""

from __future__ import annotations

from collections.abc import Iterator

import onnx

INPUT = "image"
OUTPUT = "probabilities"
_STANDARD_DOMAINS = ("", "ai.onnx")


class GraphInvalid(ValueError):
    """The ONNX file can't be a member; says why."""


def parse_graph(data: bytes, classes: int) -> onnx.ModelProto:
    """The checked model in `data`.

    Args:
        data: an ONNX file's bytes.
        classes: foreground classes that the manifest lists; the output must have as many channels.

    Raises:
        GraphInvalid: not ONNX, not self-contained, custom operators, or another face than the contract's.
    """
    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:  # protobuf raises its own, undocumented types
        raise GraphInvalid(f"not an ONNX file ({error})") from error
    _check_self_contained(model)
    _check_operators(model)
    _check_face(model.graph, classes)
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise GraphInvalid(f"ONNX's checker refuses it: {error}") from error
    return model


def _check_self_contained(model: onnx.ModelProto) -> None:
    for graph in _graphs(model.graph):
        tensors = [*graph.initializer, *(a.t for node in graph.node for a in node.attribute if a.HasField("t"))]
        tensors += [t for node in graph.node for a in node.attribute for t in a.tensors]
        tensors += [part for sparse in graph.sparse_initializer for part in (sparse.values, sparse.indices)]
        for tensor in tensors:
            if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
                raise GraphInvalid(f"weights {tensor.name!r} are stored outside the file: export with all weights inside")


def _check_operators(model: onnx.ModelProto) -> None:
    if model.functions:
        first = model.functions[0]
        raise GraphInvalid(f"it defines operators of its own ({first.domain}::{first.name}): inline them before export")
    for graph in _graphs(model.graph):
        for node in graph.node:
            if node.domain not in _STANDARD_DOMAINS:
                raise GraphInvalid(f"operator {node.domain}::{node.op_type} is not one of ONNX's own: only the default set is allowed")


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
                yield from _graphs(inner)


def _check_face(graph: onnx.GraphProto, classes: int) -> None:
    weights = {tensor.name for tensor in graph.initializer}
    _check_port("input", [port for port in graph.input if port.name not in weights], INPUT, 1)
    _check_port("output", list(graph.output), OUTPUT, classes)


def _check_port(role: str, ports: list[onnx.ValueInfoProto], name: str, channels: int) -> None:
    names = [port.name for port in ports]
    if names != [name]:
        raise GraphInvalid(f"{role}s are {names}: there must be exactly one, {name!r}")
    tensor = ports[0].type.tensor_type
    if tensor.elem_type != onnx.TensorProto.FLOAT:
        raise GraphInvalid(f"{role} {name!r} is {onnx.TensorProto.DataType.Name(tensor.elem_type)}: it must be FLOAT")
    sides = [d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim]
    if len(sides) != 4:
        raise GraphInvalid(f"{role} {name!r} has {len(sides)} axes: it must have four, [n, {channels}, h, w]")
    if sides[1] != channels:
        raise GraphInvalid(f"{role} {name!r} has {sides[1]} channels: the manifest needs {channels}")
    if sides[0] not in (None, 1) or sides[2] is not None or sides[3] is not None:
        raise GraphInvalid(f"{role} {name!r} has fixed sides {sides}: h and w must be free (export with dynamic axes)")
