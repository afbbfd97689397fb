from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from elitscope_models.bundle import Bundle, BundleInvalid, write_bundle
from elitscope_models.ensemble import Ensemble, load_ensemble
from elitscope_models.runtimes.openvino import OpenVinoRuntime
from tests.support.bundles import dot_network, make_bundle, network_file, toy_manifest


def test_every_member_is_loaded_and_can_be_run_alone(bundle: Bundle, ensemble: Ensemble) -> None:
    image = np.random.default_rng(0).random((64, 64), dtype=np.float32)
    assert ensemble.members == bundle.manifest.member_ids == (0, 1, 2)
    assert ensemble.classes == ("C",)
    maps = [ensemble.forward(image, member).copy() for member in ensemble.members]
    assert all(own.shape == (1, 64, 64) for own in maps)
    assert not np.array_equal(maps[0], maps[1])


def test_members_are_chosen_in_the_manifests_order(ensemble: Ensemble) -> None:
    assert ensemble.choose() == (0, 1, 2)
    assert ensemble.choose([2, 0]) == (0, 2)
    assert ensemble.choose({1}) == (1,)


@pytest.mark.parametrize(("members", "complaint"), [([], "no member is selected"), ([0, 7, 9], r"members \[7, 9\] are unknown")])
def test_a_selection_that_can_not_be_run_is_refused(ensemble: Ensemble, members: list[int], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        ensemble.choose(members)


def test_the_plan_names_runtime_precision_and_the_active_members(ensemble: Ensemble, second_opinion: Ensemble) -> None:
    assert ensemble.plan().startswith("openvino-cpu-fp32-")
    assert second_opinion.plan().startswith("onnxruntime-cpu-fp32-")
    plans = {ensemble.plan(), ensemble.plan([0]), ensemble.plan([1]), second_opinion.plan()}
    assert len(plans) == 4
    assert ensemble.plan([2, 0, 1]) == ensemble.plan()


def test_the_plan_tells_tilings_and_threads_apart(bundle: Bundle, ensemble: Ensemble) -> None:
    assert load_ensemble(bundle, OpenVinoRuntime(), max_tile=256).plan() != ensemble.plan()
    assert load_ensemble(bundle, OpenVinoRuntime(threads=1)).plan() != ensemble.plan() or OpenVinoRuntime().fingerprint.endswith(
        "1 threads"
    )
    assert load_ensemble(bundle, OpenVinoRuntime()).plan() == ensemble.plan()


def bundle_of(path: Path, network: bytes) -> Bundle:
    files = {0: dot_network(), 3: network}
    return write_bundle(path, toy_manifest(files), files)


@pytest.mark.parametrize(
    ("node", "complaint"),
    [
        (helper.make_node("Mul", ["image", "seven"], ["probabilities"]), "outside 0…1"),
        (helper.make_node("Log", ["image"], ["probabilities"]), "outside 0…1"),
        (helper.make_node("Conv", ["image", "kernel"], ["probabilities"], kernel_shape=[3, 3]), r"shape \(1, 126, 126\)"),
        (helper.make_node("Add", ["image", "kernel"], ["probabilities"]), "OpenVINO"),
    ],
    ids=["too large", "not a number", "another shape", "does not run"],
)
def test_what_gives_no_probabilities_is_no_member(tmp_path: Path, node: onnx.NodeProto, complaint: str) -> None:
    weights = {"seven": np.full((1, 1, 1, 1), 7, np.float32), "kernel": np.ones((1, 1, 3, 3), np.float32)}
    bundle = bundle_of(tmp_path / "bad", network_file([node], weights))
    with pytest.raises(BundleInvalid, match=complaint) as caught:
        load_ensemble(bundle, OpenVinoRuntime())
    assert "member-03.onnx" in str(caught.value)


def test_a_member_that_changed_since_the_check_is_not_run(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "toy")
    (bundle.path / "member-01.onnx").write_bytes(dot_network(5.0))
    with pytest.raises(BundleInvalid, match="sha256"):
        load_ensemble(bundle, OpenVinoRuntime())
