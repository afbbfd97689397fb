from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

import elitscope_models.runtimes as runtimes_module
from elitscope_models.bundle import Bundle, read_member
from elitscope_models.cores import usable_cores
from elitscope_models.runtime import NetworkInvalid, Runtime, RuntimeUnavailable
from elitscope_models.runtimes import all_runtimes, choose
from elitscope_models.runtimes.hardware import bf16_is_faster, gpu_count, processor
from elitscope_models.runtimes.onnxruntime import OnnxRuntime
from elitscope_models.runtimes.openvino import OpenVinoRuntime, supports_bf16
from tests.support.bundles import network_file

ON_CPU = [OpenVinoRuntime(), OnnxRuntime()]
SHAPES = [(64, 64), (8, 8), (120, 72), (64, 64)]


def image(shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def test_openvino_and_onnx_runtime_agree_on_every_member_and_shape(bundle: Bundle) -> None:
    for member in bundle.manifest.member_ids:
        onnx = read_member(bundle, member)
        ours, theirs = OpenVinoRuntime().load(onnx), OnnxRuntime().load(onnx)
        for shape in SHAPES:
            np.testing.assert_allclose(ours(image(shape)), theirs(image(shape)), atol=1e-4)


@pytest.mark.parametrize("runtime", ON_CPU, ids=lambda runtime: runtime.name)
def test_a_network_gives_a_map_per_class_of_the_images_shape(runtime: Runtime, two_class_bundle: Bundle) -> None:
    network = runtime.load(read_member(two_class_bundle, 0))
    for shape in SHAPES:
        maps = network(image(shape))
        assert maps.shape == (2, *shape)
        assert maps.dtype == np.float32


@pytest.mark.parametrize("runtime", ON_CPU, ids=lambda runtime: runtime.name)
def test_results_repeat_bit_for_bit_also_after_another_shape(runtime: Runtime, bundle: Bundle) -> None:
    network = runtime.load(read_member(bundle, 0))
    first = network(image((120, 72))).copy()
    for shape in SHAPES:
        network(image(shape, seed=1))
    np.testing.assert_array_equal(network(image((120, 72))), first)
    np.testing.assert_array_equal(runtime.load(read_member(bundle, 0))(image((120, 72))), first)


def test_openvino_holds_no_pass_on_a_core_of_its_choice(bundle: Bundle, tmp_path: Path) -> None:
    """It takes the first cores otherwise, also where the API keeps those busy and others idle."""
    onnx = read_member(bundle, 0)
    for runtime in (OpenVinoRuntime(), OpenVinoRuntime(cache_dir=tmp_path), OpenVinoRuntime(cache_dir=tmp_path)):
        assert runtime.load(onnx).compiled.get_property("ENABLE_CPU_PINNING") is False
        whole = runtime.fuse(["one", "other"], lambda: [onnx, onnx], (64, 64))
        assert whole.request.get_compiled_model().get_property("ENABLE_CPU_PINNING") is False


def test_compiled_networks_from_the_cache_give_the_same_bits(bundle: Bundle, tmp_path: Path) -> None:
    onnx = read_member(bundle, 0)
    expected = OpenVinoRuntime().load(onnx)(image((64, 64))).copy()
    for _ in range(2):
        np.testing.assert_array_equal(OpenVinoRuntime(cache_dir=tmp_path).load(onnx)(image((64, 64))), expected)
    assert any(tmp_path.iterdir())


def test_two_members_run_in_two_threads_without_mixing_up(bundle: Bundle) -> None:
    networks = [OpenVinoRuntime().load(read_member(bundle, member)) for member in (0, 2)]
    expected = [network(image((64, 64))).copy() for network in networks]
    failures: list[str] = []

    def repeat(index: int) -> None:
        repeated = [np.array_equal(networks[index](image((64, 64))), expected[index]) for _ in range(20)]
        failures.extend(f"member {index}" for same in repeated if not same)

    threads = [threading.Thread(target=repeat, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.parametrize("runtime", ON_CPU, ids=lambda runtime: runtime.name)
def test_what_a_runtime_refuses_is_one_error_with_its_reason(runtime: Runtime) -> None:
    with pytest.raises(NetworkInvalid):
        runtime.load(b"not onnx")
    uneven = network_file([helper.make_node("Add", ["image", "offset"], ["probabilities"])], {"offset": np.zeros((1, 1, 3, 3), np.float32)})
    network = runtime.load(uneven)
    with pytest.raises(NetworkInvalid, match=r"shape \(64, 64\)"):
        network(image((64, 64)))


def test_bf16_is_computed_in_bf16_where_the_cpu_can(bundle: Bundle) -> None:
    if not supports_bf16():
        with pytest.raises(RuntimeUnavailable, match="bf16"):
            choose("cpu", "bf16")
        pytest.skip("this CPU does not compute in bf16")
    onnx = read_member(bundle, 0)
    exact, rough = OpenVinoRuntime("fp32").load(onnx)(image((64, 64))), OpenVinoRuntime("bf16").load(onnx)(image((64, 64)))
    assert 0 < np.abs(exact - rough).max() < 0.05


def test_fingerprints_tell_threads_versions_and_hardware_apart() -> None:
    assert OpenVinoRuntime(threads=1).fingerprint != OpenVinoRuntime(threads=2).fingerprint
    assert OpenVinoRuntime().fingerprint == OpenVinoRuntime(threads=usable_cores()).fingerprint
    assert processor() in OpenVinoRuntime().fingerprint
    assert OpenVinoRuntime().fingerprint != OnnxRuntime().fingerprint


def test_auto_takes_fp32_on_a_cpu_without_matrix_units(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtimes_module, "gpu_count", lambda: 0)
    monkeypatch.setattr(runtimes_module, "bf16_is_faster", lambda: False)
    assert [(r.name, r.precision) for r in choose()] == [("openvino-cpu", "fp32")]


@pytest.mark.skipif(not supports_bf16(), reason="this CPU does not compute in bf16")
def test_auto_tries_bf16_against_fp32_where_matrix_units_make_it_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtimes_module, "gpu_count", lambda: 0)
    monkeypatch.setattr(runtimes_module, "bf16_is_faster", lambda: True)
    assert [r.precision for r in choose()] == ["bf16", "fp32"]


def test_without_openvino_onnx_runtime_takes_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtimes_module, "_has_openvino", lambda: False)
    assert [r.name for r in choose("cpu")] == ["onnxruntime-cpu"]
    assert [r.name for r in all_runtimes() if "cpu" in r.name] == ["onnxruntime-cpu"]
    with pytest.raises(RuntimeUnavailable, match="needs OpenVINO"):
        choose("cpu", "bf16")


@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_a_gpu_that_is_not_there_is_said_to_be_missing(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtimes_module, "gpu_count", lambda: 0)
    with pytest.raises(RuntimeUnavailable, match="no NVIDIA GPU"):
        choose(device)


@pytest.mark.skipif(gpu_count() > 0, reason="this computer has a GPU")
def test_onnx_runtime_does_not_fall_back_to_the_cpu_without_a_word(bundle: Bundle) -> None:
    with pytest.raises((RuntimeUnavailable, NetworkInvalid)):
        OnnxRuntime("cuda").load(read_member(bundle, 0))


@pytest.mark.parametrize(("device", "precision"), [("tpu", "auto"), ("cpu", "int3")])
def test_unknown_devices_and_precisions_are_refused(device: str, precision: str) -> None:
    with pytest.raises(ValueError, match="choose of"):
        choose(device, precision)
    assert gpu_count() >= 0


def test_a_precision_that_a_device_lacks_is_refused() -> None:
    with pytest.raises(RuntimeUnavailable, match="computes in fp32, not bf16"):
        OnnxRuntime("cuda", "bf16")


def test_the_processor_is_read_from_the_systems_list(tmp_path: Path) -> None:
    listed = tmp_path / "cpuinfo"
    listed.write_text("model name\t: Quick 9000\nflags\t\t: fpu avx2 amx_bf16 amx_tile\n\nmodel name\t: Slow 1\nflags\t\t: fpu\n")
    assert processor(listed) == "Quick 9000 avx2 amx_bf16"
    assert bf16_is_faster(listed)
    listed.write_text("model name\t: Slow 1\nflags\t\t: fpu avx512_bf16\n")
    assert not bf16_is_faster(listed)
    assert not bf16_is_faster(tmp_path / "nowhere")
    assert processor(tmp_path / "nowhere")
