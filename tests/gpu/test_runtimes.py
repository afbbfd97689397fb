"""The GPU runtimes against the CPU; skipped where there is no GPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from elitscope_models.bundle import Bundle, read_member
from elitscope_models.runtimes import choose
from elitscope_models.runtimes.hardware import gpu_count
from elitscope_models.runtimes.onnxruntime import OnnxRuntime
from tests.support.bundles import make_bundle

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(gpu_count() == 0, reason="no NVIDIA GPU here")]


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return make_bundle(tmp_path / "toy")


@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_the_gpu_agrees_with_the_cpu_and_repeats_its_bits(bundle: Bundle, device: str, tmp_path: Path) -> None:
    network = OnnxRuntime(device, cache_dir=tmp_path).load(read_member(bundle, 0))
    cpu = OnnxRuntime().load(read_member(bundle, 0))
    for shape in [(64, 64), (256, 128), (64, 64)]:
        image = np.random.default_rng(0).random(shape, dtype=np.float32)
        first = network(image).copy()
        np.testing.assert_allclose(first, cpu(image), atol=1e-4)
        np.testing.assert_array_equal(network(image), first)


def test_auto_takes_the_gpu() -> None:
    assert choose()[0].name == "onnxruntime-cuda"
