"""Signals of the image alone: what changed at the microscope, whatever the networks make of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from elitscope.types import Sampling
from elitscope_models.drift.halving import halved, roomy
from elitscope_models.drift.lattices import planes
from elitscope_models.drift.noise import line_noise, pixel_noise
from elitscope_models.drift.spectrum import lattice_spacing, sampling_error, sharpness, spectrum
from elitscope_models.drift.trained import beyond_training
from elitscope_models.manifest import Manifest

Array = np.ndarray[Any, np.dtype[Any]]

NAMES = ("signal_to_noise", "contrast", "sharpness", "line_noise", "lattice_spacing", "sampling_error", "beyond_training")
_LARGEST = 1024
"""px: of larger frames the middle is looked at."""


@dataclass(frozen=True)
class Seen:
    """`image`: float32 [row, column], finite; `noise`: standard deviation of a pixel."""

    image: Array
    noise: float


def prepare_image(pixels: Array) -> Seen | None:
    """The frame as float32, what is not finite replaced; None where it is no image, or flat."""
    if pixels.ndim != 2 or min(pixels.shape) < 16:
        return None
    image = np.ascontiguousarray(pixels, np.float32)
    finite = np.isfinite(image)
    if not finite.any():
        return None
    if not finite.all():
        image = np.where(finite, image, np.median(image[finite])).astype(np.float32)
    if not image.max() > image.min():
        return None
    return Seen(image, pixel_noise(image))


def image_signals(seen: Seen | None, sampling: Sampling | None, radius: float, manifest: Manifest) -> dict[str, float]:
    """Value of each of `NAMES`, NaN where it can't be computed.

    Args:
        seen: the frame.
        sampling: Å/px (row, column), as stated.
        radius: px, of an atom's disc.
        manifest: of the ensemble; knows which lattice to expect.
    """
    values = dict.fromkeys(NAMES, math.nan)
    if seen is None:
        return values
    image = _middle(seen.image)
    atoms, rest = _variances(image, radius, seen.noise)
    if atoms > 0 and seen.noise > 0:
        values["signal_to_noise"] = 10.0 * math.log10(atoms / seen.noise**2)
    if atoms + rest > 0:
        values["contrast"] = atoms / (atoms + rest)
    values["line_noise"] = line_noise(image)
    if sampling is not None:
        fine = roomy(radius, image.shape)
        mean = math.sqrt(sampling[0] * sampling[1]) * (2 if fine else 1)
        found = spectrum(halved(image) if fine else image)
        values["sharpness"] = sharpness(found, mean)
        values["lattice_spacing"] = lattice_spacing(found, mean)
        values["sampling_error"] = sampling_error(found, mean, planes(manifest))
    values["beyond_training"] = beyond_training(values, manifest)
    return values


def _middle(image: Array) -> Array:
    top, left = (max(0, (side - _LARGEST) // 2) for side in image.shape)
    return image[top : top + _LARGEST, left : left + _LARGEST]


def _variances(image: Array, radius: float, noise: float) -> tuple[float, float]:
    """Variance at the scale of an atom, noise taken out, and of what is coarser. The first is that of most pixels: a few bright atoms more
    or less in the frame are no change of the dose."""
    inner, outer = max(0.5, 0.5 * radius), 2.5 * radius
    narrow = cv2.GaussianBlur(image, (0, 0), inner)
    rows, columns = image.shape
    small = cv2.resize(narrow, (max(1, columns // 4), max(1, rows // 4)), interpolation=cv2.INTER_AREA)
    wide = cv2.resize(cv2.GaussianBlur(small, (0, 0), max(0.5, outer / 4.0)), (columns, rows), interpolation=cv2.INTER_LINEAR)
    remaining = noise**2 / (4.0 * math.pi * inner**2)
    fine = (narrow - wide)[::2, ::2]
    usual = 1.4826 * float(np.median(np.abs(fine - np.median(fine))))
    return max(0.0, usual**2 - remaining), float(wide.var())
