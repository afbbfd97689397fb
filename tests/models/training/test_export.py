"""Export: ONNX gives what torch gives, through every runtime, at every size."""

from __future__ import annotations

import numpy as np
import onnxruntime
import openvino
import pytest
import torch

from elitscope_models.graph import parse_graph
from elitscope_models.training import export as module
from elitscope_models.training.export import compare, export
from elitscope_models.training.network import UNet, UNetShape, initialise, probabilities

SHAPES = [
    UNetShape(nb_filters=4),
    UNetShape(nb_filters=4, layers=(1, 1, 2, 1), upsampling="nearest"),
    UNetShape(classes=3, nb_filters=4, layers=(1, 1, 1, 1)),
    UNetShape(nb_filters=4, halved=True),
]


def network(shape: UNetShape) -> UNet:
    made = UNet(shape)
    initialise(made, torch.Generator().manual_seed(0))
    rng = torch.Generator().manual_seed(1)
    for module_ in made.modules():
        if isinstance(module_, torch.nn.BatchNorm2d):  # statistics that are not those of a fresh network
            assert module_.running_mean is not None
            assert module_.running_var is not None
            module_.running_mean.normal_(generator=rng)
            module_.running_var.uniform_(0.5, 2.0, generator=rng)
    return made.eval()


@pytest.mark.parametrize("shape", SHAPES)
def test_onnx_runtime_and_openvino_give_what_torch_gives(shape: UNetShape) -> None:
    trained = network(shape)
    data = export(trained)
    image = np.random.default_rng(0).standard_normal((2, 1, 48, 80)).astype(np.float32)
    with torch.no_grad():
        expected = probabilities(trained(torch.from_numpy(image)), shape).numpy()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(data), "CPU", {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1})
    for found in (session.run(None, {"image": image})[0], compiled(image)[0]):
        assert found.shape == (2, shape.foreground, 48, 80)
        assert found == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_exported_is_what_a_bundle_accepts(shape: UNetShape) -> None:
    parse_graph(export(network(shape)), shape.foreground)


def test_equal_networks_give_equal_bytes() -> None:
    assert export(network(SHAPES[0])) == export(network(SHAPES[0]))


def test_an_export_that_differs_from_torch_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TOLERANCE", -1.0)
    with pytest.raises(RuntimeError, match="differs from torch"):
        export(network(SHAPES[0]))


@pytest.mark.parametrize("shape", SHAPES)
def test_half_the_bytes_give_nearly_the_same_probabilities(shape: UNetShape) -> None:
    trained = network(shape)
    full, half = export(trained), export(trained, half=True)
    assert len(half) < len(full)
    assert 0.0 < compare(trained, half) <= module.HALF_TOLERANCE
    assert export(trained, half=True) == half


def test_a_network_that_half_precision_changes_too_much_keeps_its_weights(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    trained = network(SHAPES[0])
    monkeypatch.setattr(module, "HALF_TOLERANCE", 1e-9)
    assert export(trained, half=True) == export(trained)
    assert "kept in single precision" in caplog.text


def test_weights_beyond_half_precision_stay_single(caplog: pytest.LogCaptureFixture) -> None:
    trained = network(SHAPES[0])
    with torch.no_grad():
        trained.px.weight.fill_(1e5)
    assert export(trained, tolerance=1.0, half=True) == export(trained, tolerance=1.0)
    assert "'network.px.weight' reach 100000" in caplog.text


def test_the_comparison_notices_another_network() -> None:
    other = network(SHAPES[0])
    with torch.no_grad():
        other.px.bias.add_(1.0)  # type: ignore[union-attr]
    assert compare(other, export(network(SHAPES[0]))) > 0.01
