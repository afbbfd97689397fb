"""An ensemble is a bundle that grows, and says how it was made."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from elitscope_models.bundle import Manifest, load_bundle
from elitscope_models.training.data import Labelled
from elitscope_models.training.ensemble import train_ensemble
from elitscope_models.training.progress import TrainingProgress
from elitscope_models.training.recipes import Recipe


@pytest.fixture
def short(tiny: Recipe) -> Recipe:
    return replace(tiny, schedule=replace(tiny.schedule, steps=3, averaged=1, recount=1))


def test_the_bundle_says_how_its_members_were_made(short: Recipe, tiny_data: Labelled, tmp_path: Path) -> None:
    log = StringIO()
    with TrainingProgress(2, Console(file=log)) as progress:
        written = train_ensemble(short, 2, tmp_path / "g", 5, "3", progress, lambda recipe, frames, seed: tiny_data)
    manifest = load_bundle(tmp_path / "g").manifest
    assert manifest == written.manifest
    assert (manifest.name, manifest.version, manifest.member_ids, manifest.class_names) == ("graphene", "3", (0, 1), ("atom",))
    assert (manifest.training.recipe, manifest.training.seed, manifest.training.domain) == ("tiny", 5, "simulation")
    assert not manifest.training.calibrated
    assert "torch" in manifest.training.software
    assert manifest.normalisation == short.normalisation
    assert all(0.0 < member.metrics["iou"] < 1.0 for member in manifest.members)
    assert manifest.members[0].sha256 != manifest.members[1].sha256
    assert "member 2 of 2: step 3 of 3, loss" in log.getvalue()


def test_training_that_stops_early_leaves_the_members_that_are_done(short: Recipe, tiny_data: Labelled, tmp_path: Path) -> None:
    class Stopped(Exception):
        pass

    class Progress(TrainingProgress):
        def member(self, index: int):  # type: ignore[no-untyped-def]
            if index == 1:
                raise Stopped
            return super().member(index)

    with pytest.raises(Stopped), Progress(2, Console(file=StringIO())) as progress:
        train_ensemble(short, 2, tmp_path / "g", 5, "3", progress, lambda recipe, frames, seed: tiny_data)
    assert load_bundle(tmp_path / "g").manifest.member_ids == (0,)


def test_resumed_training_gives_what_training_in_one_go_gives(short: Recipe, tiny_data: Labelled, tmp_path: Path) -> None:
    def train(folder: str, members: int, seed: int = 5, resume: bool = False) -> Manifest:
        progress = TrainingProgress(members, Console(file=StringIO()))
        return train_ensemble(short, members, tmp_path / folder, seed, "3", progress, lambda recipe, frames, s: tiny_data, resume).manifest

    train("parts", 1)
    assert train("parts", 2, resume=True) == train("whole", 2) == train("whole", 2, resume=True)
    with pytest.raises(ValueError, match="seed 6"):
        train("parts", 3, seed=6, resume=True)


def test_an_ensemble_of_nothing_is_refused(short: Recipe, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="0 members"):
        train_ensemble(short, 0, tmp_path / "g", 5, "3", TrainingProgress(0, Console(file=StringIO())))


def test_a_terminal_gets_a_bar_with_loss_iou_and_time_left(short: Recipe, tiny_data: Labelled, tmp_path: Path) -> None:
    screen = StringIO()
    with TrainingProgress(1, Console(file=screen, force_terminal=True, width=120)) as progress:
        train_ensemble(short, 1, tmp_path / "g", 5, "3", progress, lambda recipe, frames, seed: tiny_data)
    assert "3/3" in screen.getvalue()
    assert "IoU" in screen.getvalue()
