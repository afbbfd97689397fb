"""Members put together for GPUs: tried on the CPU's provider, which is bound the same way."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from elitscope_models.analyse import analyse
from elitscope_models.bundle import Bundle, read_member
from elitscope_models.loading import load_plan, open_plan
from elitscope_models.runtime import NetworkInvalid
from elitscope_models.runtimes.bound import bind
from elitscope_models.runtimes.fused_onnx import fused_onnx
from elitscope_models.runtimes.onnxruntime import OnnxRuntime
from tests.support.frames import dots, lattice

SHAPE = (64, 72)
IMAGE = dots(SHAPE, lattice(SHAPE), floor=0.1).astype(np.float32)


def files(bundle: Bundle, members: tuple[int, ...] = (0, 2)) -> list[bytes]:
    return [read_member(bundle, member) for member in members]


def results(whole: Any, members: int, classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    found = (np.empty((members, classes, *SHAPE), np.float32), *(np.empty((classes, *SHAPE), np.float32) for _ in range(2)))
    whole(IMAGE, *found)
    return found


@pytest.mark.parametrize(("fixture", "classes"), [("bundle", 1), ("two_class_bundle", 2)])
def test_one_bound_call_gives_what_members_give_one_by_one(fixture: str, classes: int, request: pytest.FixtureRequest) -> None:
    bundle = request.getfixturevalue(fixture)
    runtime = OnnxRuntime()
    expected = np.stack([runtime.load(file)(IMAGE).copy() for file in files(bundle)])
    whole = runtime.fuse(["a", "b"], lambda: files(bundle), SHAPE)
    for _ in range(2):
        maps, mean, std = results(whole, 2, classes)
        np.testing.assert_allclose(maps, expected, atol=1e-6)
        np.testing.assert_allclose(mean, expected.mean(0), atol=1e-6)
        np.testing.assert_allclose(std, expected.std(0), atol=1e-6)


def test_the_bound_plan_opens_by_its_name(bundle: Bundle) -> None:
    expected = analyse(IMAGE, 0.1, load_plan(bundle, OnnxRuntime(), whole=True))
    assert expected.plan.startswith("onnxruntime-fused-cpu-fp32-")
    again = analyse(IMAGE, 0.1, open_plan(bundle, expected.plan))
    assert (again.plan, again.mean.tobytes()) == (expected.plan, expected.mean.tobytes())


def test_results_of_an_earlier_call_are_left_alone(bundle: Bundle) -> None:
    whole = OnnxRuntime().fuse(["a", "b"], lambda: files(bundle), SHAPE)
    first = results(whole, 2, 1)
    kept = [array.copy() for array in first]
    whole(np.zeros(SHAPE, np.float32), *(np.empty_like(array) for array in first))
    assert all(np.array_equal(array, before) for array, before in zip(first, kept, strict=True))


def test_what_can_not_be_captured_is_run_without_a_cuda_graph(bundle: Bundle, caplog: pytest.LogCaptureFixture) -> None:
    graph, classes = fused_onnx(files(bundle), SHAPE)
    asked: list[bool] = []

    def make(captured: bool) -> onnxruntime.InferenceSession:
        asked.append(captured)
        if captured:
            raise RuntimeError("this session cannot use the graph capture feature")
        return onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])

    with caplog.at_level(logging.INFO), pytest.raises(Exception, match=r"(?i)cuda|device"):
        bind(make, "cuda", 2, classes, SHAPE)  # there is no such device here: as far as it gets
    assert asked == [True, False]
    assert "graph capture" in caplog.text
    asked.clear()
    bind(make, "cpu", 2, classes, SHAPE)
    assert asked == [False]


def test_settings_of_a_gpu_ask_for_capture_only_where_it_is_tried(tmp_path: Path) -> None:
    for captured in (False, True):
        (_, cuda), _ = OnnxRuntime("cuda")._providers(captured)
        assert cuda["enable_cuda_graph"] == str(int(captured))
        (_, tensorrt), (_, fallback), _ = OnnxRuntime("tensorrt", "bf16", cache_dir=tmp_path)._providers(captured)
        assert tensorrt["trt_cuda_graph_enable"] == str(captured)
        assert (tensorrt["trt_engine_cache_enable"], tensorrt["trt_engine_cache_path"]) == ("True", str(tmp_path))
        assert "enable_cuda_graph" not in fallback


def test_networks_that_do_not_fit_together_are_refused_in_words(bundle: Bundle) -> None:
    old = onnx.load_model_from_string(files(bundle)[0])
    old.opset_import[0].version = 16
    with pytest.raises(NetworkInvalid, match="opset 16"):
        OnnxRuntime().fuse(["a", "b"], lambda: [old.SerializeToString(), files(bundle)[1]], SHAPE)
