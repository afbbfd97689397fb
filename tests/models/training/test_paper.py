"""The paper's recipe: its own parameters, and from dynamics to bundle in small."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from elitscope.simulator import Conditions, Specimen
from elitscope_models.bundle import load_bundle
from elitscope_models.normalise import MinMax
from elitscope_models.training.augment import SIMULATED
from elitscope_models.training.data import label
from elitscope_models.training.dynamics import Dynamics
from elitscope_models.training.molecular import MolecularSheets
from elitscope_models.training.network import UNetShape
from elitscope_models.training.recipes import RECIPES, PaperRecipe, Recipe
from tests.support.training import train_here


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    """The recipe with everything in small: a cell of 18 atoms for two steps, patches of 64 px, hardly any network."""
    monkeypatch.setenv("ELITSCOPE_CACHE", str(tmp_path / "cache"))
    paper = RECIPES["paper"]
    return replace(
        paper,
        specimens=MolecularSheets(Dynamics(cells=3, remaining=14, steps=2, snapshots=1)),
        frames=6,
        side=88,
        crop=64,
        network=UNetShape(nb_filters=2, layers=(1, 1, 1, 1)),
        schedule=replace(paper.schedule, steps=4, batch=2, averaged=2, recount=1, check=2, threads=1),
    )


def test_its_parameters_are_the_papers() -> None:
    paper = RECIPES["paper"]
    assert 1 / paper.sampling == pytest.approx(12)
    assert paper.mask_radius / paper.sampling == pytest.approx(5)
    assert paper.crop == 256
    assert paper.network == UNetShape(nb_filters=64, layers=(2, 3, 3, 4))
    assert (paper.schedule.steps, paper.schedule.averaged, paper.schedule.learning_rate) == (2000, 30, 1e-3)
    assert paper.schedule.patience > 0
    assert paper.augmentation == SIMULATED
    assert paper.normalisation == MinMax()
    assert isinstance(paper.specimens, MolecularSheets)
    assert paper.specimens.dynamics == Dynamics(cells=10, remaining=10, temperature=300.0, steps=2000, snapshots=10)


def test_it_runs_from_molecular_dynamics_to_a_bundle(small: Recipe, tmp_path: Path) -> None:
    train_here(small, 2, tmp_path / "paper")
    bundle = load_bundle(tmp_path / "paper")
    assert bundle.manifest.member_ids == (0, 1)
    assert bundle.manifest.training.recipe == "paper"
    assert bundle.manifest.normalisation == MinMax()
    specimens = bundle.manifest.training.parameters["specimens"]
    assert specimens["dynamics"]["remaining"] == 14  # type: ignore[index,call-overload]
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".npz"]


def test_its_frames_are_all_of_one_sampling_with_discs_of_five_pixels(small: Recipe) -> None:
    frames = [small.draw(np.random.default_rng(seed)) for seed in range(3)]
    assert {frame.sampling for frame in frames} == {small.sampling}
    image, mask, weight = label(frames[0], small)
    assert (image.min(), image.max()) == (0.0, 1.0)
    assert weight.all()
    inner = ((frames[0].positions > 6) & (frames[0].positions < 81)).all(axis=1)
    assert mask.sum() > 60 * inner.sum()
    rows, columns = np.rint(frames[0].positions[inner]).astype(int).T
    assert mask[rows, columns].all()


def test_its_images_can_come_from_elsewhere(small: Recipe) -> None:
    def blank(specimen: Specimen, shape: tuple[int, int], sampling: float, conditions: Conditions) -> np.ndarray:
        return np.zeros(shape, np.float32)

    assert isinstance(small, PaperRecipe)
    drawn, replaced = (replace(small, imager=imager).draw(np.random.default_rng(0)) for imager in (None, blank))
    assert np.array_equal(drawn.positions, replaced.positions)
    assert np.ptp(replaced.pixels) < 100 < np.ptp(drawn.pixels)
    assert isinstance(RECIPES["paper-multislice"], PaperRecipe)
    assert RECIPES["paper-multislice"].imager is not None
