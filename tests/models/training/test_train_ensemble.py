"""An ensemble is a bundle that grows, and says how it was made."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from elitscope_models.bundle import load_bundle
from elitscope_models.training.ensemble import TrainingFailed, train_ensemble
from elitscope_models.training.progress import TrainingProgress
from elitscope_models.training.recipes import Recipe
from elitscope_models.training.workshop import Workshop
from tests.support.training import InThisProcess, member_files, train_here


@pytest.fixture
def short(tiny: Recipe) -> Recipe:
    return replace(tiny, schedule=replace(tiny.schedule, steps=3, averaged=1, recount=1))


class Stopped(Exception):
    pass


class StopsAt(TrainingProgress):
    """Fails, as a Ctrl-C would, at the first step of a member."""

    def __init__(self, members: int, stop: int) -> None:
        super().__init__(members, Console(file=StringIO()))
        self._stop = stop

    def step(self, index, step):  # type: ignore[no-untyped-def]
        if index == self._stop:
            raise Stopped
        super().step(index, step)


def test_the_bundle_says_how_its_members_were_made(short: Recipe, tmp_path: Path) -> None:
    log = StringIO()
    with TrainingProgress(2, Console(file=log)) as progress:
        written = train_here(short, 2, tmp_path / "g", progress=progress)
    manifest = load_bundle(tmp_path / "g").manifest
    assert manifest == written.manifest
    assert (manifest.name, manifest.version, manifest.member_ids) == (short.ensemble, "3", (0, 1))
    assert manifest.class_names == short.classes
    assert (manifest.training.recipe, manifest.training.seed, manifest.training.domain) == ("tiny", 5, "simulation")
    assert not manifest.training.calibrated
    assert manifest.architecture.halo is not None
    assert "torch" in manifest.training.software
    assert manifest.training.parameters["schedule"]["threads"] == 1  # type: ignore[index,call-overload]
    assert manifest.normalisation == short.normalisation
    assert all(0.0 < member.metrics["iou"] < 1.0 and member.metrics["steps"] == 3 for member in manifest.members)
    assert manifest.members[0].sha256 != manifest.members[1].sha256
    assert "member 2 of 2: 3 of 3, loss" in log.getvalue()


def test_a_finished_bundle_leaves_nothing_beside_it(short: Recipe, tmp_path: Path) -> None:
    train_here(short, 1, tmp_path / "g")
    assert [entry.name for entry in tmp_path.iterdir()] == ["g"]


def test_training_that_stops_leaves_the_members_that_are_done_and_goes_on_from_there(short: Recipe, tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        train_here(short, 2, tmp_path / "g", progress=StopsAt(2, stop=1))
    assert load_bundle(tmp_path / "g").manifest.member_ids == (0,)
    with pytest.raises(ValueError, match="--resume"):
        train_here(short, 2, tmp_path / "g")
    assert train_here(short, 2, tmp_path / "g", resume=True).manifest == train_here(short, 2, tmp_path / "whole").manifest
    assert member_files(tmp_path / "g") == member_files(tmp_path / "whole")


def test_members_that_are_done_survive_the_loss_of_the_bundle(short: Recipe, tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        train_here(short, 2, tmp_path / "g", progress=StopsAt(2, stop=1))
    (tmp_path / "g").rename(tmp_path / "gone")  # as a kill between the two renames of its replacement would have it
    with pytest.raises(Stopped):
        train_here(short, 2, tmp_path / "g", resume=True, progress=StopsAt(2, stop=1))
    assert set(member_files(Workshop.beside(tmp_path / "g").folder)) >= {"member-00.onnx", "frames.npy"}


def test_a_finished_bundle_takes_more_members(short: Recipe, tmp_path: Path) -> None:
    train_here(short, 1, tmp_path / "parts")
    more = train_here(short, 2, tmp_path / "parts", resume=True).manifest
    assert more == train_here(short, 2, tmp_path / "whole").manifest
    assert more == train_here(short, 2, tmp_path / "whole", resume=True).manifest


def test_a_resume_with_anything_else_is_refused_in_words(short: Recipe, tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        train_here(short, 2, tmp_path / "g", progress=StopsAt(2, stop=1))
    with pytest.raises(ValueError, match="seed 5, asked for 6"):
        train_here(short, 2, tmp_path / "g", seed=6, resume=True)
    with pytest.raises(ValueError, match=r"schedule\.threads 1, asked for 2"):
        train_here(replace(short, schedule=replace(short.schedule, threads=2)), 2, tmp_path / "g", resume=True)
    with pytest.raises(ValueError, match=r"frames 12, asked for 13"):
        train_here(replace(short, frames=13), 2, tmp_path / "g", resume=True)


def test_frames_without_members_are_no_reason_to_refuse_another_training(short: Recipe, tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        train_here(short, 1, tmp_path / "g", progress=StopsAt(1, stop=0))
    assert Workshop.beside(tmp_path / "g").frames_file.exists()
    assert train_here(short, 1, tmp_path / "g", seed=6).manifest == train_here(short, 1, tmp_path / "whole", seed=6).manifest


def test_two_trainings_do_not_share_a_folder(short: Recipe, tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        train_here(short, 2, tmp_path / "g", progress=StopsAt(2, stop=1))
    with Workshop.beside(tmp_path / "g").held(), pytest.raises(ValueError, match="another process"):
        train_here(short, 2, tmp_path / "g", resume=True)
    assert train_here(short, 2, tmp_path / "g", resume=True).manifest.member_ids == (0, 1)


def test_members_that_fail_are_named_and_the_others_kept(short: Recipe, tmp_path: Path) -> None:
    class Crew(InThisProcess):
        def run(self, jobs, report, done):  # type: ignore[no-untyped-def]
            super().run(jobs[1:], report, done)
            return {0: "out of memory"}

    progress = TrainingProgress(2, Console(file=StringIO()))
    with pytest.raises(TrainingFailed, match="member 0: out of memory"):
        train_ensemble(short, 2, tmp_path / "g", 5, "3", progress, Crew())
    assert load_bundle(tmp_path / "g").manifest.member_ids == (1,)
    assert train_here(short, 2, tmp_path / "g", resume=True).manifest.member_ids == (0, 1)


def test_an_ensemble_of_nothing_is_refused(short: Recipe, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="0 members"):
        train_here(short, 0, tmp_path / "g")


def test_a_terminal_gets_a_bar_a_member_and_one_for_the_whole(short: Recipe, tmp_path: Path) -> None:
    screen = StringIO()
    with TrainingProgress(2, Console(file=screen, force_terminal=True, width=120)) as progress:
        train_here(short, 2, tmp_path / "g", progress=progress)
    assert "member 2 of 2" in screen.getvalue()
    assert "all members" in screen.getvalue()
    assert "6/6" in screen.getvalue()
    assert "IoU" in screen.getvalue()


def test_the_whole_is_what_is_left_to_do(short: Recipe, tmp_path: Path) -> None:
    train_here(short, 1, tmp_path / "g")
    screen = StringIO()
    with TrainingProgress(3, Console(file=screen, force_terminal=True, width=120)) as progress:
        train_here(short, 3, tmp_path / "g", resume=True, progress=progress)
    assert "6/6" in screen.getvalue()
    assert "/9" not in screen.getvalue()
