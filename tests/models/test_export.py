from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from elitscope_models.bundle import Bundle, load_bundle, read_member
from elitscope_models.cli import main
from elitscope_models.manifest import Manifest
from tests.support.frames import dots, lattice

SHAPE = (64, 72)


def test_a_folder_holds_the_networks_that_are_left_under_a_version_of_its_own(bundle: Bundle, tmp_path: Path) -> None:
    out = tmp_path / "sharp"
    assert main(["export", str(bundle.path), "--members", "2,0", "--out", str(out)]) == 0
    left = load_bundle(out)
    assert left.manifest.member_ids == (0, 2)
    assert left.manifest.version == f"{bundle.manifest.version}+networks.0.2"
    assert read_member(left, 2) == read_member(bundle, 2)


def test_a_zip_holds_a_whole_bundle(bundle: Bundle, tmp_path: Path) -> None:
    assert main(["export", str(bundle.path), "--out", str(tmp_path / "all.zip")]) == 0
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        archive.extractall(tmp_path / "unpacked")
    assert load_bundle(tmp_path / "unpacked").digest == bundle.digest


def test_one_graph_gives_every_networks_map_their_mean_and_spread_at_any_shape(bundle: Bundle, tmp_path: Path) -> None:
    out = tmp_path / "all.onnx"
    assert main(["export", str(bundle.path), "--out", str(out)]) == 0
    whole = onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"])
    for shape in (SHAPE, (SHAPE[1], SHAPE[0])):
        image = dots(shape, lattice(shape))[None, None].astype(np.float32)
        maps, mean, std = whole.run(["maps", "mean", "std"], {"image": image})
        for member, own in zip(bundle.manifest.member_ids, maps, strict=True):
            alone = onnxruntime.InferenceSession(read_member(bundle, member), providers=["CPUExecutionProvider"])
            np.testing.assert_allclose(own, alone.run(None, {"image": image})[0][0], atol=1e-6)
        np.testing.assert_allclose(mean[0], maps.mean(axis=0), atol=1e-6)
        np.testing.assert_allclose(std[0], maps.std(axis=0), atol=1e-6)
        assert std.max() > 0.01
    (manifest,) = (each.value for each in onnx.load(out).metadata_props if each.key == "manifest")
    assert Manifest.model_validate_json(manifest) == bundle.manifest


@pytest.mark.parametrize("name", ["there", "there.zip", "there.onnx"])
def test_what_is_there_is_replaced_only_if_told_so(bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    out = tmp_path / name
    command = ["export", str(bundle.path), "--out", str(out)]
    assert main(command) == 0
    assert main(command) == 1
    assert f"{out} is already there" in capsys.readouterr().err
    assert main([*command, "--overwrite"]) == 0


def test_networks_that_are_not_there_are_named(bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(bundle.path), "--members", "0,9", "--out", str(tmp_path / "x")]) == 1
    assert "has no networks [9]: it has [0, 1, 2]" in capsys.readouterr().err
