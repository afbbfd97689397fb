"""The ensembles that ship: whole, honest about themselves, and good enough."""

from __future__ import annotations

from pathlib import Path

import pytest

from elitscope_models.bundle import load_bundle
from elitscope_models.evaluate import evaluate
from elitscope_models.loading import open_ensemble
from elitscope_models.training.recipes import RECIPES
from elitscope_models.truth import read_truth

ZOO = Path(__file__).resolve().parents[2] / "models" / "zoo"
BUNDLES = sorted(manifest.parent for manifest in ZOO.glob("*/manifest.json"))


@pytest.mark.parametrize("folder", BUNDLES, ids=lambda folder: folder.name)
def test_a_shipped_bundle_is_whole_and_says_where_it_comes_from(folder: Path) -> None:
    manifest = load_bundle(folder).manifest
    recipe = RECIPES[manifest.training.recipe]
    assert manifest.name == folder.name
    assert 4 <= len(manifest.members) <= 8
    assert manifest.normalisation == recipe.normalisation
    assert manifest.sampling_range == recipe.sampling_range
    assert manifest.training.domain == "simulation"
    assert not manifest.training.calibrated
    assert all(member.metrics["iou"] > 0.7 for member in manifest.members)
    assert (folder / "README.md").is_file()


@pytest.mark.parametrize("folder", BUNDLES, ids=lambda folder: folder.name)
def test_a_shipped_bundle_is_small_enough_for_git(folder: Path) -> None:
    sizes = [file.stat().st_size for file in folder.iterdir()]
    assert max(sizes) < 4 << 20
    assert sum(sizes) < 15 << 20


def test_graphene_finds_the_atoms_of_nominal_multislice_frames(shared_data: Path) -> None:
    ensemble = open_ensemble(load_bundle(ZOO / "graphene"), device="cpu", threads=2)
    frames = list(read_truth(shared_data / "multislice" / "graphene_drift.npz"))
    nominal = [frame for frame in frames if frame.segment == "nominal"]
    result = evaluate(nominal[::4], ensemble)
    assert len(nominal) == 8
    assert result.ensemble.atoms.f1 > 0.99
    assert result.ensemble.atoms.rmse < 0.06
