"""Variations of training patches: the ELIT paper's lists, on normalised patches, with a random scale for each.

Zoom, noise and blur that depend on the microscope are drawn by the simulator already, where there is one; what is added here keeps a
network from leaning on a simulator's exact noise and grey values. The paper's two lists are `SIMULATED`, for data whose simulator draws no
imaging conditions, and `EXPERIMENTAL`, for frames that bring their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from elitscope.simulator.scan import shift_rows

Patch = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True)
class Augmentation:
    """Upper ends of the random scales; zero switches a variation off. With all of them off, and `turns`, a patch stays as it is."""

    gaussian_noise: float = 0.12
    """Standard deviation, in units of an atom's height."""
    poisson_noise: float = 0.1
    """Variance per unit of signal."""
    blur: float = 1.0
    """px, standard deviation."""
    contrast: float = 0.25
    """Relative change of contrast, and half as much of the zero level."""
    zoom: float = 1.0
    """Largest magnification; 1 for data whose sampling varies already."""
    chance: float = 0.4
    """Probability of each variation but `turns`."""
    turns: bool = True
    """Quarter turns and mirror images, each of the eight as likely."""
    scale: float = 0.0
    """Relative change of the magnification, up or down; what a smaller one leaves free at the border is mirrored."""
    row_jitter: float = 0.0
    """px, rms displacement of rows against each other; masks stay, since atoms are where they were on average."""


SIMULATED = Augmentation(gaussian_noise=0.07, poisson_noise=0.1, blur=2.0, contrast=0.25, zoom=2.0, chance=1.0)
"""The paper's variations of simulated frames, every one of them on every patch, as strong as AtomAI's (0.8) on images from 0 to 1."""
EXPERIMENTAL = Augmentation(gaussian_noise=0.07, poisson_noise=0.0, blur=0.0, contrast=0.0, scale=0.05, chance=1.0)
"""The paper's variations of experimental frames, in patches of `EXPERIMENTAL_CROP`: turns, mirror images, a little magnification, Gaussian
noise, and nothing else. Its "small scale jittering" is read as one of scale; whoever reads it as jitter of the scan has `row_jitter`."""
EXPERIMENTAL_CROP = 224
"""px, side of the paper's patches of experimental frames."""


def crop(layers: Patch, side: int, margin: int, rng: np.random.Generator) -> Patch:
    """A random square of `layers` [layer, row, column], at least `margin` px from the border where there is room."""
    corner = [_start(length, side, margin, rng) for length in layers.shape[1:]]
    return layers[:, corner[0] : corner[0] + side, corner[1] : corner[1] + side]


def augment(layers: Patch, augmentation: Augmentation, rng: np.random.Generator) -> Patch:
    """A variation of one patch.

    Args:
        layers: float32 [layer, row, column], square: the image first, then masks and weights, which move with it but stay as they are.
        augmentation: how strong.
        rng: source of every choice.

    Returns:
        float32 [layer, row, column], contiguous, a copy.
    """
    if augmentation.turns:
        layers = np.rot90(layers, int(rng.integers(4)), axes=(1, 2))
        if rng.random() < 0.5:
            layers = layers[:, :, ::-1]
    layers = np.array(layers, np.float32, order="C")
    if augmentation.zoom > 1.0 and rng.random() < augmentation.chance:
        layers = _zoom(layers, rng.uniform(1.0, augmentation.zoom), rng)
    if augmentation.scale > 0 and rng.random() < augmentation.chance:
        layers = _rescale(layers, 1.0 + augmentation.scale * rng.uniform(-1.0, 1.0))
    layers[0] = _vary(layers[0], augmentation, rng)
    return layers


def _vary(image: Patch, augmentation: Augmentation, rng: np.random.Generator) -> Patch:
    def chosen() -> bool:
        return bool(rng.random() < augmentation.chance)

    if augmentation.row_jitter > 0 and chosen():
        shifts = rng.uniform(0.0, augmentation.row_jitter) * rng.standard_normal(len(image))
        image = shift_rows(image, shifts).astype(np.float32)
    if augmentation.blur > 0 and chosen():
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.2, max(0.2, augmentation.blur))), np.float32)
    if augmentation.poisson_noise > 0 and chosen():
        electrons = 1.0 / rng.uniform(0.01 * augmentation.poisson_noise, augmentation.poisson_noise)
        image = (image + (rng.poisson(image.clip(0.0) * electrons) / electrons - image.clip(0.0))).astype(np.float32)
    if augmentation.gaussian_noise > 0 and chosen():
        image = image + np.float32(rng.uniform(0.0, augmentation.gaussian_noise)) * rng.standard_normal(image.shape, dtype=np.float32)
    if augmentation.contrast > 0 and chosen():
        scale, shift = 1.0 + augmentation.contrast * rng.uniform(-1.0, 1.0, 2) * (1.0, 0.5)
        image = image * np.float32(scale) + np.float32(shift - 1.0)
    return image


def _zoom(layers: Patch, factor: float, rng: np.random.Generator) -> Patch:
    """The patch magnified about a random place; masks by nearest neighbour, so that they stay 0 or 1."""
    side = layers.shape[1]
    part = crop(layers, max(2, round(side / factor)), 0, rng)
    image = cv2.resize(np.ascontiguousarray(part[0]), (side, side), interpolation=cv2.INTER_LINEAR)
    others = [cv2.resize(np.ascontiguousarray(layer), (side, side), interpolation=cv2.INTER_NEAREST) for layer in part[1:]]
    return np.stack([image, *others]).astype(np.float32)


def _rescale(layers: Patch, factor: float) -> Patch:
    """The patch magnified about its middle, or reduced and continued as in a mirror."""
    side = layers.shape[1]
    shift = (1.0 - factor) * (side - 1) / 2.0
    matrix = np.array([[factor, 0.0, shift], [0.0, factor, shift]])
    methods = [cv2.INTER_LINEAR] + [cv2.INTER_NEAREST] * (len(layers) - 1)
    scaled = [
        cv2.warpAffine(layer, matrix, (side, side), flags=method, borderMode=cv2.BORDER_REFLECT_101)
        for layer, method in zip(layers, methods, strict=True)
    ]
    return np.stack(scaled).astype(np.float32)


def _start(length: int, side: int, margin: int, rng: np.random.Generator) -> int:
    if side > length:
        raise ValueError(f"a patch of {side} px does not fit into {length} px: simulate larger frames or take smaller patches")
    margin = min(margin, (length - side) // 2)
    return int(rng.integers(margin, length - side - margin + 1))
