"""`elitscope-models evaluate`: from a file of truth to tables, JSON, Markdown and pictures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from elitscope.simulator import movie
from elitscope_models.bundle import Bundle
from elitscope_models.cli import main
from elitscope_models.truth import from_simulated, write_truth
from tests.support.bundles import make_bundle


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("truth") / "movie.npz"
    write_truth(path, map(from_simulated, movie(shape=(96, 80), frames=6, seed=3, sampling=0.1, drift="all")), ("C", "Si"))
    return path


def evaluated(bundle: Bundle, *options: object) -> int:
    return main(["evaluate", str(bundle.path), "--plan", "fp32", "--threads", "1", *map(str, options)])


def test_json_has_every_figure_of_ensemble_segments_members_and_frames(
    bundle: Bundle, truth: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluated(bundle, "--truth", truth, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["bundle"] == "toy 1"
    assert [part["name"] for part in found["segments"]] == ["none", "dose", "defocus", "contamination", "scan", "magnification"]
    assert [member["name"] for member in found["members"]] == ["member 0", "member 1", "member 2"]
    assert [frame["name"] for frame in found["frames"]][:2] == ["0 none", "1 dose"]
    assert found["frames"][found["worst_frame"]]["f1"] == min(frame["f1"] for frame in found["frames"])
    assert found["member_iou"]["mean"] == pytest.approx(sum(member["iou"] for member in found["members"]) / 3)
    assert found["confusion"]["found"] == ["C", "missed"]
    assert set(found["confusion"]["true"]) == {"C", "Si", "not there"}


def test_tables_are_whole_on_a_narrow_terminal(
    bundle: Bundle, truth: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert evaluated(bundle, "--truth", truth) == 0
    said = capsys.readouterr().out
    assert "…" not in said
    for words in ("contamination", "found per true", "farthest from it", "member 2", "missed", "plan openvino-cpu-fp32"):
        assert words in said


def test_a_card_is_markdown_and_nothing_else(bundle: Bundle, truth: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluated(bundle, "--truth", truth, "--card") == 0
    first, *tables = capsys.readouterr().out.strip().split("\n\n")
    assert first.startswith("`toy 1`, plan `openvino-cpu-fp32")
    assert len(tables) == 3
    assert all(line.startswith("|") for table in tables for line in table.splitlines())


def test_pictures_go_into_a_folder_or_into_one_file(
    bundle: Bundle, truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluated(bundle, "--truth", truth, "--plot", tmp_path / "new" / "folder") == 0
    assert evaluated(bundle, "--truth", truth, "--plot", tmp_path / "one.png") == 0
    written = [tmp_path / "new" / "folder" / f"{name}.png" for name in ("members", "segments", "worst")] + [tmp_path / "one.png"]
    assert capsys.readouterr().err.splitlines() == [str(path) for path in written]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written)
    widths = [int.from_bytes(path.read_bytes()[16:20]) for path in written]
    assert widths[3] == 3 * widths[0]


def test_simulated_frames_need_no_file(bundle: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluated(bundle, "--drift", "none", "--frames", "1", "--seed", "4", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["segments"], found["ensemble"]["frames"]) == ([], 1)


def test_frames_of_the_bundle_s_own_recipe_are_drawn_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = make_bundle(tmp_path / "toy", members=2, training={"recipe": "graphene"})
    assert evaluated(made, "--recipe", "--frames", "2", "--seed", "4", "--card") == 0
    assert "| toy 1 | 2 |" in capsys.readouterr().out


def test_what_can_not_be_judged_on_ends_with_2_and_a_reason(bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluated(bundle, "--recipe") == 2
    assert "recipe 'none' is not one of graphene" in capsys.readouterr().err
    assert evaluated(bundle, "--frames", "0") == 2
    assert "0 frames are too few" in capsys.readouterr().err
    assert evaluated(bundle, "--truth", tmp_path / "nothing.npz") == 2
    assert "nothing.npz can't be read" in capsys.readouterr().err
