from __future__ import annotations

import json
import re
from pathlib import Path

import h5py
import numpy as np
import pytest

from elitscope_models.analyse import analyse
from elitscope_models.bundle import Bundle
from elitscope_models.cli import main
from elitscope_models.compare import Check
from elitscope_models.loading import open_ensemble, open_plan
from tests.support.bundles import dot_network, make_bundle
from tests.support.frames import dots, lattice

SHAPE = (61, 75)


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    """Three frames, uint16, of odd shape."""
    noise = np.random.default_rng(0).random((3, *SHAPE))
    np.save(tmp_path / "movie.npy", (dots(SHAPE, lattice(SHAPE), peak=500.0, floor=20.0) + noise).astype(np.uint16))
    return tmp_path / "movie.npy"


def test_predict_gives_the_numbers_of_analyse_bit_for_bit(bundle: Bundle, movie: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.h5"
    assert main(["predict", str(movie), "--bundle", str(bundle.path), "--sampling", "0.1", "--save", str(out)]) == 0
    ensemble = open_ensemble(bundle)
    with h5py.File(out) as file:
        assert len(file["frames"]) == 3
        for index, pixels in enumerate(np.load(movie)):
            group, found = file[f"frames/{index:06d}"], analyse(pixels, 0.1, ensemble)
            np.testing.assert_array_equal(group["pixels"][...], pixels)
            np.testing.assert_array_equal(group["mean"][...], found.mean)
            np.testing.assert_array_equal(group["std"][...], found.std)
            np.testing.assert_array_equal(group["members"][...], found.member_maps)
            assert group["atoms"][...].tobytes() == found.atoms.tobytes()
            assert group.attrs["plan"] == found.plan


def test_predict_runs_the_plan_and_the_members_that_a_reply_named(bundle: Bundle, movie: Path, tmp_path: Path) -> None:
    plan = open_plan(bundle, "onnxruntime-cpu", (0, 2)).plan((0, 2))
    out = tmp_path / "out.npz"
    assert main(["predict", str(movie), "--bundle", str(bundle.path), "--members", "0,2", "--plan", plan, "--save", str(out)]) == 0
    with np.load(out) as saved:
        assert saved["000002/plan"] == plan
        assert saved["000002/members"].shape == (2, 1, *SHAPE)
        found = analyse(np.load(movie)[2], None, open_plan(bundle, plan, (0, 2)), (0, 2))
        np.testing.assert_array_equal(saved["000002/mean"], found.mean)
        np.testing.assert_array_equal(saved["000002/atoms"], np.asarray(found.atoms))


def test_networks_that_are_none_are_a_usage_error(bundle: Bundle, movie: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["predict", str(movie), "--bundle", str(bundle.path), "--members", "two"])
    assert "'two' is no list of numbers: give them with commas between" in capsys.readouterr().err


@pytest.mark.parametrize(("missing", "words"), [("torch", "pip install 'elitscope-service[train]'"), ("elsewhere", "No module")])
def test_a_library_that_training_needs_is_named_with_how_to_get_it(
    missing: str, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(args: object) -> int:
        raise ModuleNotFoundError(f"No module named {missing!r}", name=f"{missing}.nn")

    monkeypatch.setattr("elitscope_models.commands.inspect.run", run)
    assert main(["inspect", "graphene"]) == 1
    assert words in capsys.readouterr().err


def test_predict_prints_a_line_of_json_a_frame(bundle: Bundle, movie: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(movie), "--bundle", str(bundle.path), "--members", "1", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["frame_id"] for line in lines] == [0, 1, 2]
    assert lines[0]["warnings"] == ["sampling_unknown", "single_member"]
    assert lines[0]["mean_spread"] is None
    assert lines[0]["atoms"][0]["sigma_row"] is None
    assert len(lines[0]["atoms"]) == len(lattice(SHAPE))


def test_predict_prints_a_table_and_draws_overlays(bundle: Bundle, movie: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(movie), "--bundle", str(bundle.path), "--plot", str(tmp_path / "plots")]) == 0
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == [f"frame-{index:06d}.png" for index in range(3)]
    shown = capsys.readouterr().out
    assert "sampling_unknown (3 of 3 frames)" in shown
    assert open_ensemble(bundle).plan() in shown


def test_a_frame_that_can_not_be_analysed_is_reported_and_the_others_go_on(
    bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pixels = np.stack([dots(SHAPE, lattice(SHAPE)), np.full(SHAPE, np.nan, np.float32), dots(SHAPE, lattice(SHAPE))])
    np.save(tmp_path / "movie.npy", pixels)
    command = ["predict", str(tmp_path / "movie.npy"), "--bundle", str(bundle.path), "--json", "--save", str(tmp_path / "out.h5")]
    assert main(command) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.get("code") for line in lines] == [None, "frame_invalid", None]
    with h5py.File(tmp_path / "out.h5") as file:
        assert [group.attrs["outcome"] for group in file["frames"].values()] == ["result", "rejection", "result"]


WRONG = [
    ("a bundle that there is not", ["--bundle", "grafene"], "no bundle 'grafene'"),
    ("a member that there is not", ["--members", "7"], r"members [7] are unknown"),
    ("a plan that there is not", ["--plan", "abacus"], "plan 'abacus' is not available here"),
]


@pytest.mark.parametrize(("arguments", "complaint"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_mistakes_are_one_line_on_standard_error(
    bundle: Bundle, movie: Path, arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(movie), "--bundle", str(bundle.path), *arguments]) == 1
    error = capsys.readouterr().err
    assert complaint in error
    assert len(error.strip().splitlines()) == 1


@pytest.mark.parametrize("name", ["out.h5", "out.npz"])
def test_an_existing_file_is_not_overwritten(
    bundle: Bundle, movie: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(b"precious")
    assert main(["predict", str(movie), "--bundle", str(bundle.path), "--save", str(tmp_path / name)]) == 1
    assert (tmp_path / name).read_bytes() == b"precious"
    assert "exists already" in capsys.readouterr().err


def test_inspect_shows_members_and_training(bundle: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(bundle.path)]) == 0
    shown = capsys.readouterr().out
    for expected in (
        "toy 1",
        "0.1 Å/px",
        "iou",
        "0.9000",
        bundle.manifest.members[2].sha256[:12],
        "spread not calibrated",
        bundle.digest[:32],
    ):
        assert expected in shown


def test_inspect_says_how_atoms_are_placed_where_members_come_from_and_how_large_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parent = {"name": "graphene", "version": "1", "member": 3}
    made = make_bundle(tmp_path / "child", training={"parameters": {"parent": parent, "mask_radius": 0.5}})
    assert main(["inspect", str(made.path)]) == 0
    lines = [re.split(r"  +", line.strip(), maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    rows = {parts[0]: parts[1] for parts in lines if len(parts) > 1}
    assert rows["atoms"].startswith("weighted by probability")
    assert rows["parent"] == "name graphene, version 1, member 3"
    assert rows["mask radius"] == "0.5"
    assert rows["on disk"] == f"{sum(path.stat().st_size for path in made.path.iterdir()) / 1e6:.1f} MB"


def test_inspect_gives_the_manifest_as_json(bundle: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(bundle.path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == bundle.manifest.model_dump(mode="json")


def test_verify_passes_a_sound_bundle(bundle: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(bundle.path)]) == 0
    shown = capsys.readouterr().out
    assert "3 checksums" in shown
    assert "onnxruntime-cpu-fp32" in shown


@pytest.mark.parametrize(("precision", "code"), [("bf16", 0), ("fp32", 1)])
def test_a_faster_precision_that_differs_is_passed_over_and_makes_no_bundle_unfit(
    bundle: Bundle, precision: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    checks = [
        Check("openvino-cpu-fp32-0", 0.0, 0.0, 0.0, (9, 9), True),
        Check(f"openvino-cpu-{precision}-1", 0.1, 0.1, 1.0, (9, 8), False, precision),
    ]
    monkeypatch.setattr("elitscope_models.crosscheck.cross_check", lambda bundle: iter(checks))
    assert main(["verify", str(bundle.path)]) == code
    shown = capsys.readouterr().out
    assert ("passed over for fp32" in shown, "not fit to serve" in shown) == (code == 0, code == 1)


def test_verify_fails_a_changed_bundle_with_the_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_bundle(tmp_path / "toy").path
    (folder / "member-00.onnx").write_bytes(dot_network(4.0))
    assert main(["verify", str(folder)]) == 1
    assert "sha256" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["predict", "inspect", "verify"])
def test_help_has_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    assert f"elitscope-models {command}" in capsys.readouterr().out.split("examples:")[1]
