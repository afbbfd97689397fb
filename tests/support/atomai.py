"""State dicts as AtomAI saves them, made afresh, and what its networks compute, written out by hand."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from elitscope_models.training.atomai_network import AtomAIShape, AtomAIUNet


def weights(shape: AtomAIShape, seed: int, std: float = 0.3) -> OrderedDict[str, torch.Tensor]:
    """A state dict whose normalisation has statistics of its own."""
    random = torch.Generator().manual_seed(seed)
    network = AtomAIUNet(shape)
    values = network.state_dict()
    for name, value in values.items():
        if name.endswith("running_var"):
            value.uniform_(0.5, 2.0, generator=random)
        elif value.is_floating_point():
            value.normal_(std=std, generator=random)
    return OrderedDict(values)


def described(shape: AtomAIShape, content: Any) -> dict[str, Any]:
    """What AtomAI 0.8.1 saves."""
    return {
        "model_type": "seg",
        "model": "Unet",
        "nb_classes": shape.unet.classes,
        "batch_norm": shape.batch_norm,
        "dropout": shape.dropout,
        "upsampling": shape.unet.upsampling,
        "with_dilation": shape.with_dilation,
        "nb_filters": shape.unet.nb_filters,
        "layers": list(shape.unet.layers),
        "weights": content,
        "optimizer": None,
    }


def saved(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


def slowly(shape: AtomAIShape, values: Mapping[str, torch.Tensor], image: np.ndarray) -> np.ndarray:
    """One network's foreground probabilities, computed from the names in the file, in the order that AtomAI computes in."""

    def block(name: str, x: torch.Tensor, dropout: bool, count: int) -> torch.Tensor:
        place = 0
        for _ in range(count):
            x = functional.leaky_relu(
                functional.conv2d(x, values[f"{name}.{place}.weight"], values[f"{name}.{place}.bias"], padding=1), 0.01
            )
            place += 2 + dropout
            if shape.batch_norm:
                mean, var, gain, bias = (values[f"{name}.{place}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
                x, place = functional.batch_norm(x, mean, var, gain, bias), place + 1
        return x

    def up(name: str, x: torch.Tensor) -> torch.Tensor:
        x = functional.interpolate(x, scale_factor=2, mode=shape.unet.upsampling)
        return functional.conv2d(x, values[f"{name}.conv.weight"], values[f"{name}.conv.bias"])

    first, second, third, bottom = shape.unet.layers
    c1 = block("c1.block", torch.from_numpy(image)[None, None], False, first)
    c2 = block("c2.block", functional.max_pool2d(c1, 2), False, second)
    c3 = block("c3.block", functional.max_pool2d(c2, 2), shape.dropout, third)
    x = block("bn.block", functional.max_pool2d(c3, 2), shape.dropout, bottom)
    x = block("c4.block", torch.cat([c3, up("upsample_block1", x)], 1), shape.dropout, third)
    x = block("c5.block", torch.cat([c2, up("upsample_block2", x)], 1), False, second)
    x = block("c6.block", torch.cat([c1, up("upsample_block3", x)], 1), False, first)
    logits = functional.conv2d(x, values["px.weight"], values["px.bias"])
    maps = torch.sigmoid(logits) if shape.unet.classes == 1 else torch.softmax(logits, 1)[:, :-1]
    return np.asarray(maps[0])
