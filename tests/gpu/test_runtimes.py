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


@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_all_members_in_one_call_agree_with_the_cpu_and_repeat_their_bits(bundle: Bundle, device: str, tmp_path: Path) -> None:
    image = np.random.default_rng(0).random((256, 128), dtype=np.float32)
    files = [read_member(bundle, member) for member in bundle.manifest.member_ids]

    def run(runtime: OnnxRuntime, times: int = 1) -> list[np.ndarray]:
        whole = runtime.fuse([str(member) for member in bundle.manifest.member_ids], lambda: files, image.shape)
        room = [np.empty((len(files), 1, *image.shape), np.float32), *(np.empty((1, *image.shape), np.float32) for _ in range(2))]
        for _ in range(times):
            whole(image, *room)
        return room

    once, often, cpu = run(OnnxRuntime(device, cache_dir=tmp_path)), run(OnnxRuntime(device, cache_dir=tmp_path), 5), run(OnnxRuntime())
    for first, last, expected in zip(once, often, cpu, strict=True):
        np.testing.assert_array_equal(first, last)
        np.testing.assert_allclose(first, expected, atol=1e-4)
