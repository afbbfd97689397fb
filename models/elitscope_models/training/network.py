"""The U-Net that AtomAI trains (0.8.1, MIT; the ELIT paper's architecture), with AtomAI's names for its weights.

Equal names and equal arithmetic mean that an AtomAI state dict loads here as it is. One thing is done in another order: the 1 x 1
convolution of an upsampling step runs before the interpolation. Both are linear and the interpolation's weights add up to one, so the
result is the same, at a quarter of the work.

The light variant (`halved`) works on a grid of half the resolution and comes back to full resolution in its last layer: the same number of
weights at a quarter of the cost.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Upsampling = Literal["bilinear", "nearest"]


@dataclass(frozen=True)
class UNetShape:
    """What a U-Net is built from; the defaults are AtomAI's (594,033 parameters)."""

    classes: int = 1
    """Output channels: 1 gives a sigmoid; more give a softmax whose last channel is background."""
    nb_filters: int = 16
    layers: tuple[int, int, int, int] = field(default=(1, 2, 2, 3))
    """Convolutions per block on the way down, the last at the bottom; the way up mirrors the first three."""
    upsampling: Upsampling = "bilinear"
    halved: bool = False
    """The light variant: a first convolution 4 x 4 that halves the sides, a last one, transposed 2 x 2, that doubles them again."""

    @property
    def stride(self) -> int:
        """Sides of an image must be multiples of this: three halvings, four in the light variant."""
        return 16 if self.halved else 8

    @property
    def foreground(self) -> int:
        """Classes without background."""
        return 1 if self.classes == 1 else self.classes - 1


class ConvBlock(nn.Module):
    """Convolutions 3 x 3, each followed by LeakyReLU and then batch normalisation, in that order."""

    def __init__(self, convolutions: int, inputs: int, outputs: int, halve: bool = False) -> None:
        super().__init__()
        steps: list[nn.Module] = []
        for index in range(convolutions):
            first = nn.Conv2d(inputs, outputs, 4, stride=2, padding=1) if halve else nn.Conv2d(inputs, outputs, 3, padding=1)
            convolution = first if index == 0 else nn.Conv2d(outputs, outputs, 3, padding=1)
            steps += [convolution, nn.LeakyReLU(0.01), nn.BatchNorm2d(outputs)]
        self.block = nn.Sequential(*steps)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.block(x)
        return out


class UpsampleBlock(nn.Module):
    """Twice the size, half the channels."""

    def __init__(self, inputs: int, outputs: int, mode: Upsampling) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 1)
        self.mode = mode

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        if self.mode == "bilinear":
            return functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        return functional.interpolate(x, scale_factor=2.0, mode="nearest")


class UNet(nn.Module):
    """Image [n, 1, h, w] to logits [n, classes, h, w]; h and w multiples of `shape.stride`."""

    def __init__(self, shape: UNetShape) -> None:
        super().__init__()
        width, (first, second, third, bottom) = shape.nb_filters, shape.layers
        self.shape = shape
        self.c1 = ConvBlock(first, 1, width, shape.halved)
        self.c2 = ConvBlock(second, width, 2 * width)
        self.c3 = ConvBlock(third, 2 * width, 4 * width)
        self.bn = ConvBlock(bottom, 4 * width, 8 * width)
        self.upsample_block1 = UpsampleBlock(8 * width, 4 * width, shape.upsampling)
        self.c4 = ConvBlock(third, 8 * width, 4 * width)
        self.upsample_block2 = UpsampleBlock(4 * width, 2 * width, shape.upsampling)
        self.c5 = ConvBlock(second, 4 * width, 2 * width)
        self.upsample_block3 = UpsampleBlock(2 * width, width, shape.upsampling)
        self.c6 = ConvBlock(first, 2 * width, width)
        self.px = nn.ConvTranspose2d(width, shape.classes, 2, stride=2) if shape.halved else nn.Conv2d(width, shape.classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        c1 = self.c1(image)
        c2 = self.c2(functional.max_pool2d(c1, 2))
        c3 = self.c3(functional.max_pool2d(c2, 2))
        x = self.bn(functional.max_pool2d(c3, 2))
        x = self.c4(torch.cat([c3, self.upsample_block1(x)], 1))
        x = self.c5(torch.cat([c2, self.upsample_block2(x)], 1))
        x = self.c6(torch.cat([c1, self.upsample_block3(x)], 1))
        logits: Tensor = self.px(x)
        return logits


def build(shape: UNetShape) -> UNet:
    """The network of a shape, laid out in memory as convolutions on a CPU like it best."""
    return UNet(shape).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Xavier weights and zero biases from the generator alone, so that a member's seed decides its start."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.xavier_uniform_(module.weight, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def probabilities(logits: Tensor, shape: UNetShape) -> Tensor:
    """Foreground probabilities [n, class, h, w] of logits: sigmoid of one channel, or softmax without its last channel, background."""
    if shape.classes == 1:
        return torch.sigmoid(logits)
    return torch.softmax(logits, dim=1)[:, :-1]
