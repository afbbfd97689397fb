"""Files from AtomAI: what they hold comes out as AtomAI computes it, and what could be anything else is refused."""

from __future__ import annotations

import zipfile
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.nn import functional

from elitscope_models.analyse import Analysis, analyse
from elitscope_models.bundle import BundleInvalid, load_bundle
from elitscope_models.cli import main
from elitscope_models.ensemble import Ensemble
from elitscope_models.loading import open_plan
from elitscope_models.score import score
from elitscope_models.training.atomai import AtomAIInvalid, read_atomai
from elitscope_models.training.atomai_network import AtomAIShape, AtomAIUNet
from elitscope_models.training.network import UNetShape
from tests.support.atomai import described, saved, slowly, weights

SAMPLING = 0.12
TINY = AtomAIShape(UNetShape(nb_filters=2, layers=(1, 1, 1, 1)))
TINY_CLASSES = AtomAIShape(UNetShape(classes=3, nb_filters=2, layers=(1, 2, 1, 1), upsampling="nearest"))
CODE_RAN: list[str] = []


def imported(file: Path, out: Path, *options: str) -> Path:
    assert main(["import-atomai", str(file), "--out", str(out), "--sampling", str(SAMPLING), *options]) == 0
    return out


def opened(bundle: Path, atoms: str | None = None) -> Ensemble:
    found = load_bundle(bundle)
    return open_plan(found if atoms is None else replace(found, manifest=found.manifest.with_atoms("atomai")), "fp32")


SHAPES = [
    TINY,
    TINY_CLASSES,
    replace(TINY, batch_norm=False),
    replace(TINY_CLASSES, dropout=True),
    replace(TINY, batch_norm=False, dropout=True),
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_an_ensemble_comes_back_as_its_members_compute(shape: AtomAIShape, tmp_path: Path) -> None:
    members = {0: weights(shape, 1), 5: weights(shape, 2)}
    ensemble = opened(imported(saved(tmp_path / "e.tar", described(shape, members)), tmp_path / "tiny"))
    frame = np.random.default_rng(0).integers(10, 500, (40, 56)).astype(np.uint16)
    found = analyse(frame, SAMPLING, ensemble)
    image = (frame - frame.min()).astype(np.float32) / np.float32(frame.max() - frame.min())
    expected = np.stack([slowly(shape, own, image) for own in members.values()])
    assert found.members == (0, 5)
    assert found.member_maps == pytest.approx(expected, abs=1e-5)
    assert found.mean == pytest.approx(expected.mean(axis=0), abs=1e-5)
    assert found.std == pytest.approx(expected.std(axis=0), abs=1e-5)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    unet=st.builds(
        UNetShape,
        classes=st.sampled_from([1, 2, 3, 5]),
        nb_filters=st.integers(1, 5),
        layers=st.tuples(*[st.integers(1, 3)] * 4),
        upsampling=st.sampled_from(["bilinear", "nearest"]),
    ),
    batch_norm=st.booleans(),
    dropout=st.booleans(),
    alone=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_networks_of_any_shape_come_back_as_they_compute(
    unet: UNetShape, batch_norm: bool, dropout: bool, alone: bool, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    room, shape = tmp_path_factory.mktemp("any"), AtomAIShape(unet, batch_norm, dropout)
    own = weights(shape, seed, std=0.1 if batch_norm else 0.2)
    ensemble = opened(imported(saved(room / "any.tar", described(shape, own if alone else {3: own})), room / "any"))
    frame = np.random.default_rng(seed).random((24, 32), np.float32)
    found = analyse(frame, SAMPLING, ensemble)
    image = (frame - frame.min()) / (frame.max() - frame.min())
    assert found.members == (0 if alone else 3,)
    assert len(found.classes) == unet.foreground
    assert found.mean == pytest.approx(slowly(shape, own, image), abs=1e-4)


def test_a_dilated_bottom_adds_up_all_of_its_layers(tmp_path: Path) -> None:
    shape = replace(TINY, unet=replace(TINY.unet, layers=(1, 1, 1, 2)), dropout=True, with_dilation=True)
    own = weights(shape, 3)
    assert {"bn.atrous_module.0.weight", "bn.atrous_module.3.running_var", "bn.atrous_module.4.bias"} <= own.keys()
    network = read_atomai(saved(tmp_path / "d.tar", described(shape, own))).network(0)
    x = torch.randn(1, 8, 12, 12, generator=torch.Generator().manual_seed(0))
    total, y = torch.zeros(()), x
    for place, reach in ((0, 2), (4, 4)):
        y = functional.conv2d(
            y, own[f"bn.atrous_module.{place}.weight"], own[f"bn.atrous_module.{place}.bias"], padding=reach, dilation=reach
        )
        total = total + 2 * y  # the dropout, which passes it on, counts too
        y = functional.leaky_relu(y, 0.01)
        total = total + y
        mean, var, gain, bias = (own[f"bn.atrous_module.{place + 3}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        y = functional.batch_norm(y, mean, var, gain, bias)
        total = total + y
    with torch.no_grad():
        torch.testing.assert_close(network.bn(x), total)
    assert load_bundle(imported(tmp_path / "d.tar", tmp_path / "dilated")).halo > 64


def test_a_single_network_is_read_past_its_optimiser(tmp_path: Path) -> None:
    network = AtomAIUNet(TINY)
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.zeros(1, 1, 16, 16)).sum().backward()
    optimizer.step()
    file = saved(tmp_path / "model.tar", described(TINY, network.state_dict()) | {"optimizer": optimizer})
    manifest = load_bundle(imported(file, tmp_path / "alone")).manifest
    assert manifest.member_ids == (0,)


def test_the_manifest_says_what_is_known_and_what_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = saved(tmp_path / "e.tar", described(TINY_CLASSES, {0: weights(TINY_CLASSES, 0), 1: weights(TINY_CLASSES, 1)}))
    plain = load_bundle(imported(file, tmp_path / "plain")).manifest
    assert (plain.name, plain.class_names, plain.normalisation.kind, plain.atoms.kind) == (
        "plain",
        ("class-0", "class-1"),
        "minmax",
        "weighted",
    )
    assert (plain.training.recipe, plain.training.domain, plain.training.calibrated) == ("atomai", "simulation", False)
    assert "unknown" in plain.license
    assert plain.sampling_range == pytest.approx((0.096, 0.15))
    options = [
        "--classes",
        "C,Si",
        "--name",
        "doped",
        "--normalisation",
        "local",
        "--experiment",
        "--license",
        "CC-BY-4.0",
        "--atoms",
        "atomai",
    ]
    other = load_bundle(imported(file, tmp_path / "other", *options, "--sampling-range", "0.1,0.2")).manifest
    assert (other.name, other.class_names, other.normalisation.kind, other.atoms.kind) == ("doped", ("C", "Si"), "local", "atomai")
    assert (other.training.domain, other.license, other.sampling_range) == ("experiment", "CC-BY-4.0", (0.1, 0.2))
    assert main(["verify", str(tmp_path / "other")]) == 0
    capsys.readouterr()


def explode() -> None:
    CODE_RAN.append("boom")


class Bomb:
    """Unpickled, it leaves a trace."""

    def __reduce__(self) -> tuple[Any, ...]:
        return explode, ()


def broken(**changes: Any) -> dict[str, Any]:
    whole = described(TINY, {0: weights(TINY, 0)}) | changes
    return {name: value for name, value in whole.items() if value is not KeyError}


def with_weight(name: str, value: Any) -> dict[str, Any]:
    return broken(weights={0: weights(TINY, 0), 3: OrderedDict(weights(TINY, 1) | {name: value})})


REFUSED: list[tuple[str, Any, str]] = [
    ("an object with code", broken(optimizer=Bomb()), r"refers to '\S*test_atomai_import\.explode'"),
    ("an object with code, weights and all", Bomb(), "refused"),
    ("no dictionary", [1, 2], "holds a list"),
    ("no model type", broken(model_type=KeyError), "key 'model_type' is missing: it has 'model'"),
    ("no filters", broken(nb_filters=KeyError), "key 'nb_filters' is missing"),
    ("no weights", broken(weights=KeyError), "key 'weights' is missing"),
    ("another kind of model", broken(model_type="imspec"), "model_type is 'imspec'"),
    ("another network", broken(model="dilnet"), "model is 'dilnet': only 'Unet'"),
    ("an upsampling of its own", broken(upsampling="cubic"), "upsampling is 'cubic'"),
    ("too few layers", broken(layers=[1, 2, 2]), r"layers is \[1, 2, 2\]"),
    ("layers that are no numbers", broken(layers=[1, 2, "2", 3]), "layers is '2'"),
    ("a flag that is none", broken(dropout=0.5), "dropout is 0.5"),
    ("classes without end", broken(nb_classes=1000), "nb_classes is 1000"),
    ("other filters than it says", broken(nb_filters=4), r"c1.block.0.weight has shape \(2, 1, 3, 3\), but nb_classes 1, nb_filters 4"),
    ("other layers than it says", broken(layers=[1, 1, 1, 2]), "member 0 lacks 'bn.block.3.bias'"),
    ("a flag that its weights deny", broken(batch_norm=False), "has the unknown 'bn.block.2.bias'"),
    ("a shape of its own", with_weight("px.weight", torch.zeros(1, 2, 3, 3)), r"member 3: px.weight has shape \(1, 2, 3, 3\)"),
    ("no tensor", with_weight("px.bias", 0.0), "px.bias is a float"),
    ("whole numbers", with_weight("px.bias", torch.zeros(1, dtype=torch.int32)), "px.bias is torch.int32"),
    ("not a number", with_weight("px.bias", torch.tensor([float("nan")])), "px.bias holds values that are not finite"),
    ("members without numbers", broken(weights={(0, 1): weights(TINY, 0)}), r"member \(0, 1\)"),
    ("members without weights", broken(weights={0: 5}), "member 0 is 5"),
    ("no members", broken(weights={}), "weights is {}"),
]


@pytest.mark.parametrize(("content", "complaint"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_is_wrong_is_refused_and_quoted(content: Any, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(AtomAIInvalid, match=complaint) as refusal:
        read_atomai(saved(tmp_path / "bad.tar", content))
    assert "bad.tar" in str(refusal.value)
    assert "weights_only" not in str(refusal.value)  # torch's advice to load it all the same is not passed on
    assert not CODE_RAN


def test_files_that_torch_did_not_save_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.tar").write_bytes(b"just text")
    with pytest.raises(AtomAIInvalid, match="begins with b'just tex' and is no zip"):
        read_atomai(tmp_path / "text.tar")
    with zipfile.ZipFile(tmp_path / "other.tar", "w") as archive:
        archive.writestr("something", "else")
    with pytest.raises(AtomAIInvalid, match="not saved by torch"):
        read_atomai(tmp_path / "other.tar")
    with pytest.raises(AtomAIInvalid, match="no such file"):
        read_atomai(tmp_path / "missing.tar")


def test_a_refused_import_leaves_nothing_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    file, out = saved(tmp_path / "in" / "e.tar", described(TINY, {0: weights(TINY, 0)})), tmp_path / "out"
    command = ["import-atomai", str(file), "--out", str(out), "--sampling"]
    assert main([*command, "-1"]) == 2
    assert main([*command, "0.1", "--name", "Not A Name"]) == 2
    assert main([*command, "0.1", "--classes", "C,Si"]) == 1
    assert main([*command, "0.1", "--sampling-range", "0.2,0.3"]) == 2
    said = capsys.readouterr().err
    for words in ("--sampling -1.0", "--name 'Not A Name'", "2 classes (C, Si) for networks with 1", "lies outside sampling_range"):
        assert words in said
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_bundle_that_is_there_stays_unless_it_is_to_be_replaced(tmp_path: Path) -> None:
    file = saved(tmp_path / "e.tar", described(TINY, {0: weights(TINY, 0)}))
    out = imported(file, tmp_path / "out")
    with pytest.raises(BundleInvalid, match="already there"):
        main(["--debug", "import-atomai", str(file), "--out", str(out), "--sampling", "0.2"])
    assert load_bundle(out).manifest.sampling == SAMPLING
    assert load_bundle(imported(file, out, "--overwrite", "--name", "new")).manifest.name == "new"


class Reference:
    """AtomAI's ensembles and its own numbers for them; each ensemble is imported once."""

    def __init__(self, data: Path, room: Path) -> None:
        self._data = data / "atomai"
        self._room = room
        self._opened: dict[tuple[str, str | None], Ensemble] = {}

    def ensemble(self, name: str, atoms: str | None = None) -> Ensemble:
        bundle = self._room / name
        if not bundle.exists():
            imported(self._data / f"{name}_ensemble_metadict.tar", bundle)
        if (name, atoms) not in self._opened:
            self._opened[name, atoms] = opened(bundle, atoms)
        return self._opened[name, atoms]

    def __getitem__(self, name: str) -> np.ndarray:
        loaded = np.load(self._data / name)
        return np.asarray(loaded if name.endswith(".npy") else loaded[loaded.files[0]])


@pytest.fixture(scope="module")
def reference(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    return Reference(shared_data, tmp_path_factory.mktemp("imported"))


def channels_first(maps: np.ndarray, found: Analysis) -> np.ndarray:
    """AtomAI's [..., row, column, class] as [..., class, row, column] without background."""
    return np.moveaxis(maps, -1, -3)[..., : len(found.classes), :, :]


SETS = [("graphene", "graphene"), ("graphene", "graphene_200x168"), ("multiclass", "multiclass")]


@pytest.mark.parametrize(("ensemble", "frames"), SETS, ids=[frames for _, frames in SETS])
def test_mean_variance_and_places_are_atomai_s_own(reference: Reference, ensemble: str, frames: str) -> None:
    theirs = reference.ensemble(ensemble, "atomai")
    mean, variance, places = reference[f"{frames}_mean.npz"], reference[f"{frames}_var.npz"], reference[f"{frames}_coords.npy"]
    for index, frame in enumerate(reference[f"{frames}_frames.npz"]):
        found = analyse(frame, SAMPLING, theirs)
        assert found.std is not None
        assert found.mean == pytest.approx(channels_first(mean[index], found), abs=1e-4)
        assert found.std.astype(float) ** 2 == pytest.approx(channels_first(variance[index], found), abs=1e-4)
        # no mean here lies within 1e-5 of the threshold, and ours is nearer to theirs than that: not one place may differ
        assert np.abs(mean[index][..., : len(found.classes)] - 0.5).min() > 1e-5
        ours = np.column_stack([found.atoms["row"], found.atoms["column"], found.atoms["class_id"]])
        np.testing.assert_array_equal(ours, places[places[:, 0] == index][:, 1:].astype(np.float32))


@pytest.mark.parametrize("name", ["graphene", "multiclass"])
def test_every_member_is_atomai_s_own(reference: Reference, name: str) -> None:
    found = analyse(reference[f"{name}_frames.npz"][0], SAMPLING, reference.ensemble(name))
    assert found.member_maps == pytest.approx(channels_first(reference[f"{name}_members_frame0.npz"], found), abs=1e-4)


@pytest.mark.parametrize("atoms", [None, "atomai"])
def test_frames_whose_sides_are_no_multiples_of_8_are_no_trouble(reference: Reference, atoms: str | None) -> None:
    frame, truth = reference["graphene_250x197_frames.npz"][0], reference["graphene_250x197_truth.npy"]
    found = analyse(frame, SAMPLING, reference.ensemble("graphene", atoms))
    result = score(found.atoms.positions(), truth[:, 1:3], frame.shape, SAMPLING)
    assert found.mean.shape == (1, 250, 197)
    assert result.recall >= 0.99
    assert result.precision >= 0.99


def test_predict_places_atoms_as_asked(reference: Reference, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "frame.npy", reference["graphene_frames.npz"][0])
    bundle = reference.ensemble("graphene").bundle.path
    rows, plans = {}, set()
    for kind in ("weighted", "atomai"):
        out = tmp_path / f"{kind}.npz"
        assert (
            main(["predict", str(tmp_path / "frame.npy"), "--bundle", str(bundle), "--plan", "fp32", "--atoms", kind, "--save", str(out)])
            == 0
        )
        with np.load(out) as kept:
            rows[kind], plan = kept["000000/atoms"]["row"], str(kept["000000/plan"])
            plans.add(plan)
    theirs = reference["graphene_coords.npy"]
    np.testing.assert_array_equal(rows["atomai"], theirs[theirs[:, 0] == 0][:, 1].astype(np.float32))
    assert len(rows["weighted"]) > len(rows["atomai"])
    assert len(plans) == 2
    capsys.readouterr()
