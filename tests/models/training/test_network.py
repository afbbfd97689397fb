"""The network is AtomAI's: its size, its weights' names, its arithmetic."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from elitscope_models.training.network import ConvBlock, UNet, UNetShape, UpsampleBlock, initialise, probabilities


def test_the_default_has_as_many_parameters_and_names_as_atomai_s() -> None:
    network = UNet(UNetShape())
    assert sum(p.numel() for p in network.parameters()) == 594_033
    names = set(network.state_dict())
    assert len(names) == 99
    assert {"c1.block.0.weight", "c1.block.2.running_mean", "upsample_block1.conv.bias", "bn.block.8.weight", "px.weight"} <= names


def test_layers_are_convolution_then_activation_then_normalisation() -> None:
    assert [type(module).__name__ for module in ConvBlock(2, 1, 4).block] == ["Conv2d", "LeakyReLU", "BatchNorm2d"] * 2


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_convolving_before_the_interpolation_gives_what_atomai_s_order_gives(mode: str) -> None:
    block = UpsampleBlock(6, 3, mode)  # type: ignore[arg-type]
    x = torch.randn(2, 6, 5, 7, generator=torch.Generator().manual_seed(0))
    options = {"align_corners": False} if mode == "bilinear" else {}
    expected = block.conv(functional.interpolate(x, scale_factor=2.0, mode=mode, **options))  # type: ignore[arg-type]
    torch.testing.assert_close(block(x), expected)


@pytest.mark.parametrize("classes", [1, 3])
def test_probabilities_leave_background_out(classes: int) -> None:
    shape = UNetShape(classes=classes, nb_filters=2)
    logits = UNet(shape)(torch.randn(1, 1, 16, 24, generator=torch.Generator().manual_seed(0)))
    assert logits.shape == (1, classes, 16, 24)
    maps = probabilities(logits, shape)
    assert maps.shape == (1, shape.foreground, 16, 24)
    assert bool(((maps >= 0) & (maps <= 1)).all())
    assert shape.foreground == 1 or bool((maps.sum(dim=1) < 1).all())


def test_the_seed_decides_the_first_weights() -> None:
    def weights(seed: int) -> torch.Tensor:
        network = UNet(UNetShape(nb_filters=2))
        initialise(network, torch.Generator().manual_seed(seed))
        return network.c3.block[0].weight.detach().clone()  # type: ignore[union-attr,operator]

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_the_light_variant_has_as_many_weights_and_answers_on_the_image_s_own_grid() -> None:
    light = UNetShape(classes=3, nb_filters=2, halved=True)
    assert UNet(light)(torch.zeros(1, 1, 32, 48)).shape == (1, 3, 32, 48)
    assert light.stride == 2 * UNetShape().stride
    weights = sum(p.numel() for p in UNet(UNetShape(halved=True)).parameters())
    assert abs(weights - 594_033) < 500
