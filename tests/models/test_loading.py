from __future__ import annotations

import logging
from dataclasses import dataclass
from itertools import accumulate, cycle
from pathlib import Path

import numpy as np
import pytest

from elitscope_models.bundle import Bundle, Tolerance
from elitscope_models.ensemble import Ensemble
from elitscope_models.loading import load_best, open_ensemble, open_plan, speedup
from elitscope_models.plans import PlanUnavailable
from elitscope_models.runtime import Image, Maps, Network
from elitscope_models.runtimes.openvino import OpenVinoRuntime, supports_bf16
from tests.support.bundles import make_bundle


@dataclass(frozen=True)
class Shifted:
    """A network whose every probability is off by some amount, as a poor precision would have it."""

    network: Network
    by: float

    def __call__(self, image: Image) -> Maps:
        return (self.network(image) * np.float32(1 - self.by) + np.float32(self.by) / 2).astype(np.float32)


@dataclass(frozen=True)
class Imprecise:
    """fp32 in disguise: claims bf16 and adds a known error."""

    by: float
    precision: str = "bf16"
    name: str = "openvino-cpu"
    fingerprint: str = "imprecise"

    def load(self, onnx: bytes) -> Network:
        return Shifted(OpenVinoRuntime().load(onnx), self.by)


def twice_as_fast(ensemble: Ensemble, measure: Ensemble) -> float:
    return 2.0


def test_an_ensemble_opens_on_what_this_computer_has(bundle: Bundle) -> None:
    ensemble = open_ensemble(bundle, device="cpu", precision="fp32")
    assert ensemble.runtime.precision == "fp32"
    assert ensemble.members == (0, 1, 2)


@pytest.mark.parametrize("members", [None, (0, 2), (1,)])
def test_the_plan_of_a_reply_opens_the_same_plan_again(bundle: Bundle, members: tuple[int, ...] | None) -> None:
    for wanted in ("fp32", "onnxruntime-cpu"):
        plan = open_plan(bundle, wanted, members).plan(members)
        assert open_plan(bundle, plan, members).plan(members) == plan


def test_a_plan_of_other_members_is_refused_with_those_that_are_available(bundle: Bundle) -> None:
    plan = open_plan(bundle, "fp32").plan([0, 1])
    with pytest.raises(PlanUnavailable, match="not available here") as caught:
        open_plan(bundle, plan, [0, 2])
    assert open_plan(bundle, "fp32").plan([0, 2]) in str(caught.value)


def test_a_beginning_that_fits_several_plans_is_refused(bundle: Bundle) -> None:
    with pytest.raises(PlanUnavailable, match="fits several plans"):
        open_plan(bundle, "o")


def test_threads_are_part_of_the_plan(bundle: Bundle) -> None:
    plan = open_plan(bundle, "fp32", threads=3).plan()
    assert open_plan(bundle, plan, threads=3).plan() == plan
    with pytest.raises(PlanUnavailable):
        open_plan(bundle, plan, threads=4)


# ---------------------------------------------------------------------------------------------------- a precision is earned


def test_a_lower_precision_within_the_tolerance_is_taken_and_its_differences_are_recorded(
    bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        loaded = load_best(bundle, [Imprecise(by=0.01), OpenVinoRuntime()], race=twice_as_fast)
    assert loaded.runtime.precision == "bf16"
    assert loaded.agreement is not None
    assert 0 < loaded.agreement.mean <= bundle.manifest.tolerance.mean
    assert 0 < loaded.agreement.std <= bundle.manifest.tolerance.std
    assert 0 <= loaded.agreement.coordinates_px <= bundle.manifest.tolerance.coordinates_px
    assert (loaded.agreement.precision, loaded.agreement.speedup) == ("bf16", 2.0)
    assert "toy runs in bf16: mean" in caplog.text


@pytest.mark.parametrize(
    ("tolerance", "complaint"),
    [
        (Tolerance(mean=1e-9), "its mean differs"),
        (Tolerance(std=1e-9), "its spread differs"),
        (Tolerance(coordinates_px=1e-9), "its atoms lie off"),
    ],
)
def test_each_tolerance_can_cost_a_lower_precision_its_place(
    bundle: Bundle, tolerance: Tolerance, complaint: str, caplog: pytest.LogCaptureFixture
) -> None:
    strict = Bundle(bundle.path, bundle.manifest.model_copy(update={"tolerance": tolerance}), bundle.halo)
    loaded = load_best(strict, [Imprecise(by=0.01), OpenVinoRuntime()], race=twice_as_fast)
    assert loaded.runtime.precision == "fp32"
    assert loaded.agreement is not None and loaded.agreement.precision == "bf16"
    assert complaint in caplog.text


def test_a_lower_precision_that_is_no_faster_here_is_not_taken(bundle: Bundle, caplog: pytest.LogCaptureFixture) -> None:
    loaded = load_best(bundle, [Imprecise(by=0.01), OpenVinoRuntime()], race=lambda ensemble, measure: 0.6)
    assert loaded.runtime.precision == "fp32"
    assert "no faster (0.60 times)" in caplog.text


def test_fp32_alone_has_nothing_to_agree_with(bundle: Bundle) -> None:
    assert load_best(bundle, [OpenVinoRuntime()]).agreement is None


def test_the_speedup_is_the_median_of_passes_in_turns(bundle: Bundle, ensemble: Ensemble) -> None:
    passes = cycle([0.0, 3.0, 1.0])  # seconds between readings: a new turn, the measure's pass, the ensemble's
    times = accumulate(passes)
    assert speedup(ensemble, ensemble, lambda: next(times)) == pytest.approx(3.0)


@pytest.mark.skipif(not supports_bf16(), reason="this CPU does not compute in bf16")
def test_real_bf16_earns_its_place_or_loses_it_by_the_bundles_tolerance(tmp_path: Path) -> None:
    candidates = [OpenVinoRuntime("bf16"), OpenVinoRuntime("fp32")]
    lenient = Tolerance(coordinates_px=1.0)
    bundle = make_bundle(tmp_path / "toy")
    for tolerance, expected in ((lenient, "bf16"), (Tolerance(mean=1e-9, std=1e-9), "fp32")):
        judged = Bundle(bundle.path, bundle.manifest.model_copy(update={"tolerance": tolerance}), bundle.halo)
        assert load_best(judged, candidates, race=twice_as_fast).runtime.precision == expected
