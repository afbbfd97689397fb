"""AtomAI's U-Net with all of its options, layers numbered as AtomAI numbers them, so that its weights load as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from elitscope_models.training.network import ConvBlock, UNet, UNetShape


@dataclass(frozen=True)
class AtomAIShape:
    """What AtomAI builds a U-Net from. `unet`: all that this project's U-Nets have too; the rest are AtomAI's options."""

    unet: UNetShape
    batch_norm: bool = True
    dropout: bool = False
    with_dilation: bool = False

    def __str__(self) -> str:
        """In AtomAI's words, for those who look for what does not fit."""
        unet = self.unet
        return (
            f"nb_classes {unet.classes}, nb_filters {unet.nb_filters}, layers {list(unet.layers)}, batch_norm {self.batch_norm}, "
            f"dropout {self.dropout}, with_dilation {self.with_dilation}"
        )


class AtomAIUNet(UNet):
    """The U-Net as AtomAI numbers its layers, with all of its options. Dropout does nothing when predicting, except to that numbering."""

    def __init__(self, shape: AtomAIShape) -> None:
        super().__init__(shape.unet)
        if shape.batch_norm and not shape.dropout and not shape.with_dilation:
            return
        width, (first, second, third, bottom) = shape.unet.nb_filters, shape.unet.layers
        self.c1 = _Block(first, 1, width, shape.batch_norm)
        self.c2 = _Block(second, width, 2 * width, shape.batch_norm)
        self.c3 = _Block(third, 2 * width, 4 * width, shape.batch_norm, shape.dropout)
        bottom_block = _DilatedBlock if shape.with_dilation else _Block
        self.bn = bottom_block(bottom, 4 * width, 8 * width, shape.batch_norm, shape.dropout)
        self.c4 = _Block(third, 8 * width, 4 * width, shape.batch_norm, shape.dropout)
        self.c5 = _Block(second, 4 * width, 2 * width, shape.batch_norm)
        self.c6 = _Block(first, 2 * width, width, shape.batch_norm)


class _Block(ConvBlock):
    def __init__(self, convolutions: int, inputs: int, outputs: int, batch_norm: bool, dropout: bool = False) -> None:
        super().__init__(0, inputs, outputs)
        self.block = _layers(inputs, outputs, [1] * convolutions, batch_norm, dropout)


class _DilatedBlock(_Block):
    """Convolutions that reach ever farther; what comes out is the sum over every layer, activations and dropouts among them."""

    def __init__(self, convolutions: int, inputs: int, outputs: int, batch_norm: bool, dropout: bool = False) -> None:
        super().__init__(0, inputs, outputs, batch_norm, dropout)
        self.atrous_module = _layers(inputs, outputs, range(2, 2 * convolutions + 1, 2), batch_norm, dropout)

    def forward(self, x: Tensor) -> Tensor:
        first, *others = self.atrous_module
        x = first(x)
        total = x
        for layer in others:
            x = layer(x)
            total = total + x
        return total


def _layers(inputs: int, outputs: int, reaches: Sequence[int], batch_norm: bool, dropout: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for index, reach in enumerate(reaches):
        layers.append(nn.Conv2d(outputs if index else inputs, outputs, 3, padding=reach, dilation=reach))
        layers += [nn.Dropout()] if dropout else []
        layers.append(nn.LeakyReLU(0.01))
        layers += [nn.BatchNorm2d(outputs)] if batch_norm else []
    return nn.Sequential(*layers)
