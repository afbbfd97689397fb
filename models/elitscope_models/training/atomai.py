"""AtomAI's saved networks (`*_metadict.tar`, AtomAI 0.8, MIT), read without running anything that a file from elsewhere might carry.

Despite their name the files are zip archives of `torch.save`: a description of the network and its weights, either of one network or of an
ensemble, by member. Only tensors and plain values are taken from them; a description that does not fit its weights is refused.
"""

from __future__ import annotations

import inspect
import pickle
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from elitscope.errors import ElitscopeError
from elitscope_models.training.atomai_network import AtomAIShape, AtomAIUNet
from elitscope_models.training.network import UNet, UNetShape

MOST_CLASSES = 16
MOST_MEMBERS = 64
_MOST_FILTERS = 1024
_MOST_LAYERS = 64


class AtomAIInvalid(ElitscopeError, ValueError):
    """The file is none of AtomAI's segmentation ensembles, or not one that can be trusted; the text quotes what is wrong."""

    code = "atomai_invalid"


@dataclass(frozen=True)
class AtomAIFile:
    """A checked file. `weights`: every member's state dict, by the file's own key; a single network is member 0."""

    path: Path
    shape: AtomAIShape
    weights: Mapping[int, Mapping[str, Tensor]] = field(repr=False)

    def network(self, member: int) -> UNet:
        """The member, ready to predict."""
        network = AtomAIUNet(self.shape)
        network.load_state_dict(dict(self.weights[member]))
        return network.eval()


def read_atomai(path: Path) -> AtomAIFile:
    """Read and check a file that AtomAI saved: `save_model` or `save_ensemble_metadict`.

    Raises:
        AtomAIInvalid: no such file, it holds more than tensors and plain values, or description and weights don't fit.
    """
    saved = _load(path)
    try:
        shape = _shape(saved)
        weights = _members(_entry(saved, "weights"))
        with torch.device("meta"):  # names and shapes alone: nothing is allocated for a description that may be nonsense
            expected = {name: tuple(value.shape) for name, value in AtomAIUNet(shape).state_dict().items()}
        for member, own in weights.items():
            _check_weights(member, own, expected, shape)
    except AtomAIInvalid as error:
        raise AtomAIInvalid(f"{path}: {error}") from None
    return AtomAIFile(path, shape, weights)


def _load(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        raise AtomAIInvalid(f"{path}: there is no such file")
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            start = file.read(8)
        raise AtomAIInvalid(f"{path} begins with {start!r} and is no zip archive, which AtomAI's .tar files are: was it copied completely?")
    try:
        with torch.serialization.safe_globals([*_inert_optimizers(), (_empty, "collections.defaultdict"), dict]):
            saved = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch has no error of its own for files that it can't read
        raise AtomAIInvalid(f"{path}: {_reason(error)}") from error
    if not isinstance(saved, Mapping):
        raise AtomAIInvalid(f"{path} holds a {type(saved).__name__}, not the dictionary that AtomAI saves")
    return saved


class _Forgotten:
    """Stands in for an optimiser, which AtomAI saves whole beside a single network's weights; its state is dropped unseen."""

    def __setstate__(self, state: object) -> None:
        pass


def _inert_optimizers() -> list[tuple[type, str]]:
    classes = [value for value in vars(torch.optim).values() if inspect.isclass(value) and issubclass(value, torch.optim.Optimizer)]
    return [(_Forgotten, f"{each.__module__}.{each.__qualname__}") for each in classes]


def _empty(*_: object) -> dict[Any, Any]:
    return {}


def _reason(error: Exception) -> str:
    """torch's text without its advice to load the file all the same."""
    text = str(error)
    if found := re.search(r"GLOBAL (\S+)", text):
        return f"it refers to {found[1]!r}, which loading it would run; only tensors and plain values are read: refused"
    if isinstance(error, pickle.UnpicklingError):
        found = re.search(r"WeightsUnpickler error:\s*(.+)", text)
        return f"it holds more than tensors and plain values ({found[1] if found else text.splitlines()[0]}): refused"
    return f"not saved by torch ({text.splitlines()[0] if text else type(error).__name__}): was it copied completely?"


def _entry(saved: Mapping[str, Any], *names: str) -> Any:
    for name in names:
        if name in saved:
            return saved[name]
    raise AtomAIInvalid(f"key {names[0]!r} is missing: it has {', '.join(map(repr, saved))}")


def _shape(saved: Mapping[str, Any]) -> AtomAIShape:
    for name, known in (("model_type", "seg"), ("model", "Unet")):
        if (value := _entry(saved, name)) != known:
            raise AtomAIInvalid(f"{name} is {value!r}: only {known!r} can be brought along")
    classes = _whole("nb_classes", _entry(saved, "nb_classes"), MOST_CLASSES + 1)
    upsampling = _entry(saved, "upsampling")
    if upsampling not in ("bilinear", "nearest"):
        raise AtomAIInvalid(f"upsampling is {upsampling!r}: 'bilinear' and 'nearest' are known")
    layers = _entry(saved, "layers")
    if not isinstance(layers, list | tuple) or len(layers) < 4:
        raise AtomAIInvalid(f"layers is {layers!r}: a U-Net needs four numbers")
    first, second, third, fourth, *more = (_whole("layers", count, _MOST_LAYERS) for count in layers)
    with_dilation = _flag("with_dilation", saved.get("with_dilation", False))
    bottom = more[-1] if more and with_dilation else fourth  # of more than four, AtomAI takes the last for a dilated bottom
    return AtomAIShape(
        UNetShape(classes, _whole("nb_filters", _entry(saved, "nb_filters"), _MOST_FILTERS), (first, second, third, bottom), upsampling),
        _flag("batch_norm", _entry(saved, "batch_norm", "batchnorm")),  # the second is an older AtomAI's name for it
        _flag("dropout", _entry(saved, "dropout")),
        with_dilation,
    )


def _whole(name: str, value: Any, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise AtomAIInvalid(f"{name} is {value!r}: a whole number from 1 to {most} was expected")
    return value


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise AtomAIInvalid(f"{name} is {value!r}: True or False was expected")
    return value


def _members(weights: Any) -> dict[int, Mapping[str, Tensor]]:
    """Weights by member, whichever of AtomAI's two layouts they are in."""
    if not isinstance(weights, Mapping) or not weights:
        raise AtomAIInvalid(f"weights is {weights!r:.80}: a network's weights, or those of several by number, were expected")
    if all(isinstance(name, str) for name in weights):
        return {0: weights}
    if len(weights) > MOST_MEMBERS:
        raise AtomAIInvalid(f"it has {len(weights)} members: an ensemble has {MOST_MEMBERS} at most")
    for key, own in weights.items():
        if not isinstance(key, int) or isinstance(key, bool) or not 0 <= key <= 0xFFFF:
            raise AtomAIInvalid(f"member {key!r}: members have numbers from 0 to 65535")
        if not isinstance(own, Mapping):
            raise AtomAIInvalid(f"member {key} is {own!r:.80}: a network's weights were expected")
    return dict(weights)


def _check_weights(member: int, weights: Mapping[str, Any], expected: Mapping[str, tuple[int, ...]], shape: AtomAIShape) -> None:
    missing, surplus = sorted(expected.keys() - weights.keys()), sorted(map(str, weights.keys() - expected.keys()))
    if missing or surplus:
        trouble = [f"{what} {_some(names)}" for what, names in (("lacks", missing), ("has the unknown", surplus)) if names]
        raise AtomAIInvalid(f"member {member} {' and '.join(trouble)}: its weights don't fit {shape}")
    for name, size in expected.items():
        value = weights[name]
        if not isinstance(value, Tensor) or value.layout is not torch.strided:
            raise AtomAIInvalid(f"member {member}: {name} is a {type(value).__name__}, not a plain tensor")
        if tuple(value.shape) != size:
            raise AtomAIInvalid(f"member {member}: {name} has shape {tuple(value.shape)}, but {shape} needs {size}")
        if not (value.is_floating_point() or name.endswith("num_batches_tracked")):
            raise AtomAIInvalid(f"member {member}: {name} is {value.dtype}: floats were expected")
        if not bool(torch.isfinite(value).all()):
            raise AtomAIInvalid(f"member {member}: {name} holds values that are not finite: its training failed")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(map(repr, names[:3])) + more
