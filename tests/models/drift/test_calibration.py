"""Calibration: what is put in is found again, a calibrated bundle says so, and one that is not stays as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from elitscope_models.analyse import analyse
from elitscope_models.bundle import Bundle, Manifest, load_bundle, read_member, write_bundle
from elitscope_models.cli import main
from elitscope_models.drift.calibration import (
    Observed,
    fit,
    fit_precision,
    fit_sigma,
    observe,
    predicted_precision,
    reliability,
    within_one_sigma,
)
from elitscope_models.ensemble import Ensemble, load_ensemble
from elitscope_models.manifest import Calibration, PrecisionCalibration, SigmaCalibration
from elitscope_models.runtimes.openvino import OpenVinoRuntime
from elitscope_models.truth import KnownFrame, write_truth
from tests.support.frames import dots, lattice

SHAPE = (96, 96)
PLACES = lattice(SHAPE)
CALIBRATION = Calibration(
    data="dots",
    sigma=(SigmaCalibration(members=2, factor=3.0, floor=0.02),),
    precision=(PrecisionCalibration(members=1, evidence=(0.0, 1.0), precision=(0.0, 0.5)),),
)


def known(seed: int = 0) -> KnownFrame:
    rng = np.random.default_rng(seed)
    pixels = dots(SHAPE, PLACES) + rng.normal(0.0, 0.05, SHAPE)
    return KnownFrame(pixels.astype(np.float32), 0.1, PLACES, np.zeros(len(PLACES), int), np.ones(len(PLACES), bool), classes=("atom",))


def calibrated_bundle(bundle: Bundle, path: Path, calibration: Calibration) -> Bundle:
    manifest = Manifest.model_validate({**bundle.manifest.model_dump(), "version": "2", "calibration": calibration.model_dump()})
    return write_bundle(path, manifest, {member: read_member(bundle, member) for member in manifest.member_ids})


def observed(rng: np.random.Generator, factor: float, floor: float, count: int = 4000) -> Observed:
    spread = rng.gamma(2.0, 0.01, (count, 2))
    errors = rng.standard_normal((count, 2)) * np.hypot(factor * spread, floor)
    evidence = rng.random(count)
    return Observed(4, spread, errors, evidence, rng.random(count) < evidence**2)


def test_factor_and_floor_are_found_again_and_two_thirds_of_the_errors_lie_within_one_sigma() -> None:
    one = observed(np.random.default_rng(0), 2.0, 0.03)
    entry = fit_sigma(one)
    assert (entry.factor, entry.floor) == (pytest.approx(2.0, rel=0.1), pytest.approx(0.03, rel=0.1))
    fresh = observed(np.random.default_rng(1), 2.0, 0.03)
    assert within_one_sigma(fresh, entry) == pytest.approx(0.683, abs=0.02)
    assert within_one_sigma(fresh, None) < 0.5


def test_predicted_precision_is_what_is_observed() -> None:
    entry = fit_precision(observed(np.random.default_rng(0), 1.0, 0.02))
    assert list(entry.precision) == sorted(entry.precision)
    fresh = observed(np.random.default_rng(1), 1.0, 0.02)
    for one in reliability(predicted_precision(fresh, entry), fresh.right):
        assert one.predicted == pytest.approx(one.observed, abs=0.05)


@pytest.mark.parametrize("right", [True, False])
def test_atoms_that_are_all_right_or_all_wrong_can_be_fitted(right: bool) -> None:
    few = Observed(1, np.zeros((0, 2)), np.zeros((0, 2)), np.full(50, 0.7), np.full(50, right))
    entry = fit({1: few}, "few").precision[0]
    assert (entry.evidence, entry.precision) == ((0.0, 0.7), (0.0, float(right)))


def test_selections_of_every_size_are_observed(ensemble: Ensemble) -> None:
    frame = known()
    maps = analyse(frame.pixels, 0.1, ensemble).member_maps
    assert maps is not None
    found = observe(frame, maps, 2, np.random.default_rng(0))
    assert set(found) == {1, 2, 3}
    assert len(found[1].errors) == 0
    assert len(found[2].errors) == 2 * len(found[3].errors) > 0
    assert found[3].right.mean() > 0.9


def test_a_calibrated_bundle_gives_other_sigmas_and_another_probability_and_nothing_else(
    bundle: Bundle, ensemble: Ensemble, tmp_path: Path
) -> None:
    frame = known()
    calibrated = load_ensemble(calibrated_bundle(bundle, tmp_path / "fresh", CALIBRATION), OpenVinoRuntime())
    before, after = (analyse(frame.pixels, (0.1, 0.2), one) for one in (ensemble, calibrated))
    assert np.allclose(after.atoms["sigma_row"], np.hypot(3.0 * before.atoms["sigma_row"], 0.02 / 0.1), equal_nan=True)
    assert np.allclose(after.atoms["sigma_column"], np.hypot(3.0 * before.atoms["sigma_column"], 0.02 / 0.2), equal_nan=True)
    assert np.allclose(after.atoms["probability"], 0.5 * before.atoms["support"] * before.atoms["probability"])
    for name in ("row", "column", "support", "area"):
        assert np.array_equal(after.atoms[name], before.atoms[name])
    assert np.array_equal(after.mean, before.mean)
    assert after.atoms.sampling == before.atoms.sampling


def test_plans_tell_a_calibrated_bundle_and_its_spread_needs_no_warning(bundle: Bundle, ensemble: Ensemble, tmp_path: Path) -> None:
    calibrated = load_ensemble(calibrated_bundle(bundle, tmp_path / "fresh", CALIBRATION), OpenVinoRuntime())
    assert calibrated.plan() != ensemble.plan()
    frame = known()
    warnings = [analyse(frame.pixels, 0.1, one).warnings for one in (ensemble, calibrated)]
    assert "spread_uncalibrated" in warnings[0]
    assert "spread_uncalibrated" not in warnings[1]


def test_a_single_member_has_no_sigma_calibrated_or_not(bundle: Bundle, tmp_path: Path) -> None:
    calibrated = load_ensemble(calibrated_bundle(bundle, tmp_path / "fresh", CALIBRATION), OpenVinoRuntime())
    assert np.isnan(analyse(known().pixels, 0.1, calibrated, [0]).atoms["sigma_row"]).all()


def test_a_bundle_that_is_not_calibrated_reads_as_before(bundle: Bundle) -> None:
    assert "calibration" not in bundle.manifest.model_dump(mode="json")
    assert "calibration" not in (bundle.path / "manifest.json").read_text()


def test_calibrations_survive_the_way_to_disk(bundle: Bundle, tmp_path: Path) -> None:
    calibrated_bundle(bundle, tmp_path / "fresh", CALIBRATION)
    assert load_bundle(tmp_path / "fresh").manifest.calibration == CALIBRATION


@pytest.mark.parametrize(
    "wrong",
    [
        {"precision": [{"members": 1, "evidence": [0.5, 0.5], "precision": [0.1, 0.2]}]},
        {"precision": [{"members": 1, "evidence": [0.5], "precision": [0.1, 0.2]}]},
        {"sigma": [{"members": 3, "factor": 1, "floor": 0}, {"members": 2, "factor": 1, "floor": 0}]},
    ],
)
def test_calibrations_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"evidence|calibration\.sigma"):
        Calibration.model_validate({"data": "x", **wrong})


def test_the_command_writes_a_new_version_and_leaves_the_old_one_alone(
    bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_truth(tmp_path / "truth.npz", [known(seed) for seed in range(4)], ["atom"])
    before = (bundle.path / "manifest.json").read_bytes()
    arguments = ["calibrate", str(bundle.path), "--truth", str(tmp_path / "truth.npz"), "--out", str(tmp_path / "fresh"), "--threads", "1"]
    assert main([*arguments, "--plot", str(tmp_path / "curves.png")]) == 0
    fresh = load_bundle(tmp_path / "fresh").manifest
    assert fresh.version == "1+calibrated"
    assert fresh.calibration is not None
    assert fresh.calibration.data == "4 frames of truth.npz"
    assert [entry.members for entry in fresh.calibration.sigma] == [2, 3]
    assert [entry.members for entry in fresh.calibration.precision] == [1, 2, 3]
    assert (bundle.path / "manifest.json").read_bytes() == before
    assert (tmp_path / "curves.png").stat().st_size > 1000
    assert "Errors within one sigma" in capsys.readouterr().out
    assert main(arguments) == 2
    assert "already there" in capsys.readouterr().err
    assert main(["calibrate", str(tmp_path / "fresh"), *arguments[2:], "--overwrite"]) == 2
    assert "calibrated already" in capsys.readouterr().err
