"""Starting from a member that is there already: its weights, read out of its ONNX file. Never pickle.

Our export names initialisers as torch names weights, with one prefix, and keeps batch normalisation apart where it follows the
activation; a file whose weights were renamed or folded is refused. Kernels stored
in half precision are as good a start.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from elitscope_models.bundle import Bundle, Member, load_bundle, read_member, sha256_of
from elitscope_models.training.network import UNetShape, build
from elitscope_models.zoo import find_bundle

_PREFIX = "network."
_HALVED = ".half"
"""Ends the names of kernels that are stored in half precision (`elitscope_models.training.half`)."""
_COUNTER = "num_batches_tracked"
"""Ends the names of batch normalisation's counters: training begins them anew, and ONNX has none."""
_ADVICE = "start from a network of the same architecture"


class BaselineInvalid(ValueError):
    """There is no such network, or it is none to start from; the text says why."""


@dataclass(frozen=True)
class Baseline:
    """A network to start from. `parent`: what a manifest says about where it came from."""

    onnx: bytes = field(repr=False)
    parent: Mapping[str, str | int]


def read_baseline(where: str) -> Baseline:
    """The network at `where`: BUNDLE (its best member by IoU), BUNDLE:MEMBER, or a file that ends in .onnx.

    Raises:
        BaselineInvalid: the bundle has no such member, or there is no such file.
        BundleInvalid: the bundle can't be used.
    """
    if where.endswith(".onnx"):
        return _of_file(Path(where))
    name, member_id = where, None
    if found := re.fullmatch(r"(.+):(\d+)", where):
        name, member_id = found[1], int(found[2])
    bundle = load_bundle(find_bundle(name))
    member = _best(bundle) if member_id is None else _member(bundle, member_id)
    manifest = bundle.manifest
    parent: dict[str, str | int] = {"name": manifest.name, "version": manifest.version, "member": member.id, "sha256": member.sha256}
    return Baseline(read_member(bundle, member.id), parent)


def weights_of(data: bytes, shape: UNetShape) -> dict[str, Tensor]:
    """Weights by torch's names, float32, out of an ONNX file that `export` wrote.

    Raises:
        BaselineInvalid: it holds other weights than a network of this shape has.
    """
    model = onnx.load_model_from_string(data)
    found = {_torch_name(each.name): _tensor(each) for each in model.graph.initializer if each.name.startswith(_PREFIX)}
    expected = build(shape).state_dict()
    for name, value in expected.items():
        if name.endswith(_COUNTER):
            found[name] = value
        elif name not in found:
            raise BaselineInvalid(f"the baseline has no weights {name!r}, which {shape} needs: {_ADVICE}")
        elif found[name].shape != value.shape:
            sizes = tuple(found[name].shape), tuple(value.shape)
            raise BaselineInvalid(f"the baseline's weights {name!r} have shape {sizes[0]}, {shape} needs {sizes[1]}: {_ADVICE}")
    if surplus := sorted(found.keys() - expected.keys()):
        raise BaselineInvalid(f"the baseline has weights {surplus[0]!r}, which {shape} does not: {_ADVICE}")
    return found


def _torch_name(name: str) -> str:
    return name.removeprefix(_PREFIX).removesuffix(_HALVED)


def _tensor(initializer: onnx.TensorProto) -> Tensor:
    return torch.from_numpy(np.array(numpy_helper.to_array(initializer), np.float32))


def _of_file(path: Path) -> Baseline:
    if not path.is_file():
        raise BaselineInvalid(f"baseline {str(path)!r}: there is no such file")
    data = path.read_bytes()
    return Baseline(data, {"file": path.name, "sha256": sha256_of(data)})


def _best(bundle: Bundle) -> Member:
    return max(bundle.manifest.members, key=lambda member: member.metrics.get("iou", 0.0))


def _member(bundle: Bundle, member_id: int) -> Member:
    for member in bundle.manifest.members:
        if member.id == member_id:
            return member
    raise BaselineInvalid(f"baseline {bundle.manifest.name!r} has no member {member_id}: it has {list(bundle.manifest.member_ids)}")
