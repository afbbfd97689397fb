"""Where labelled frames come from when no recipe simulates them: the experiment itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

KEPT = ("mask_radius", "crop", "test_fraction", "augmentation", "schedule")
"""Fields of a recipe that mean something without a simulator."""


@dataclass(frozen=True)
class Origin:
    """`data`: in words; `parameters`: what else decided the labels (parent, digests, selection), plain values as JSON has them."""

    data: str
    parameters: Mapping[str, Any]
