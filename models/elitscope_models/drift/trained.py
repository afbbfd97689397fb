"""What images an ensemble was trained on, where that is known, and how far a frame is from them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from elitscope_models.manifest import Manifest

Range = tuple[float, float]

_GRAPHENE = {"signal_to_noise": (-28.5, 2.5), "contrast": (0.004, 0.987), "sharpness": (0.264, 0.596), "line_noise": (0.980, 1.044)}
_SILICON = {"signal_to_noise": (-21.8, 4.8), "contrast": (0.003, 0.946), "sharpness": (0.264, 0.595), "line_noise": (0.982, 1.045)}
_SQUARE = {"signal_to_noise": (-20.4, 3.3), "contrast": (0.004, 0.945), "sharpness": (0.277, 0.485), "line_noise": (0.963, 1.101)}

TRAINED: Mapping[str, Mapping[str, Range]] = MappingProxyType({"graphene": _GRAPHENE, "graphene-si": _SILICON, "square-lattice": _SQUARE})
"""By recipe and signal: what lies between the first and the last percent of 150 frames drawn by it."""


def beyond_training(values: Mapping[str, float], manifest: Manifest) -> float:
    """How far the farthest of these signals lies outside its range, in widths of that: 0 and up; NaN where no range is known.

    Args:
        values: signal → value, of an image.
        manifest: of the ensemble; its recipe decides.
    """
    ranges = TRAINED.get(manifest.training.recipe, {})
    outside = [
        max(low - values[name], values[name] - high, 0.0) / (high - low)
        for name, (low, high) in ranges.items()
        if math.isfinite(values.get(name, math.nan))
    ]
    return max(outside, default=math.nan)
