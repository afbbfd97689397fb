"""What AtomAI trained, imported and served: AtomAI's own numbers come back through the sockets."""

from pathlib import Path

import numpy as np
import pytest

from elitscope import Client
from elitscope_models.bundle import Tolerance, load_bundle, read_member, write_bundle
from elitscope_models.cli import main
from tests.support.server import PATIENCE, RunningServer

SAMPLING = 0.12
ONLY_FP32 = Tolerance(mean=1e-7, std=1e-7)
"""Nothing that computes in less meets it, so that a server stays with fp32."""
OUTPUTS = ("mean", "std", "atoms")
FRAMES = {"graphene": ("graphene", "graphene_200x168"), "multiclass": ("multiclass",)}


class Reference:
    """What AtomAI itself made of the frames of one of its ensembles."""

    def __init__(self, folder: Path, name: str):
        self._folder, self._names = folder, FRAMES[name]

    def __iter__(self):
        """Frame; mean and variance [row, column, class], background last; places [atom, (row, column, class)]."""
        for name in self._names:
            frames, mean, variance = (self._array(f"{name}_{part}.npz") for part in ("frames", "mean", "var"))
            places = self._array(f"{name}_coords.npy")
            for index, frame in enumerate(frames):
                yield frame, mean[index], variance[index], places[places[:, 0] == index][:, 1:]

    def _array(self, name):
        loaded = np.load(self._folder / name)
        return loaded if name.endswith(".npy") else loaded[loaded.files[0]]


@pytest.fixture(scope="module")
def atomai(shared_data):
    return shared_data / "atomai"


@pytest.fixture(scope="module")
def bundles(atomai, tmp_path_factory):
    """A folder with both ensembles, each as imported and once more held to fp32."""
    folder = tmp_path_factory.mktemp("bundles")
    for name in FRAMES:
        file = atomai / f"{name}_ensemble_metadict.tar"
        assert main(["import-atomai", str(file), "--out", str(folder / name), "--sampling", str(SAMPLING), "--atoms", "atomai"]) == 0
        made = load_bundle(folder / name)
        exact = made.manifest.model_copy(update={"name": f"{name}-fp32", "tolerance": ONLY_FP32})
        write_bundle(folder / exact.name, exact, {member: read_member(made, member) for member in exact.member_ids})
    return folder


def served(bundles, name, frames, data_dir):
    """A server's answers to the frames, one after the other."""
    with (
        RunningServer("--bundles", bundles, "--ensemble", name, data_dir=data_dir) as server,
        Client(server.server, stream="brought", outputs=OUTPUTS, timeout=PATIENCE) as client,
    ):
        return [client.infer(frame, sampling=SAMPLING) for frame in frames]


def foreground(maps, result):
    """AtomAI's [row, column, class] as [class, row, column] without background."""
    return np.moveaxis(maps, -1, 0)[: len(result.classes)]


@pytest.mark.parametrize("name", FRAMES)
def test_in_fp32_a_server_gives_atomai_s_mean_variance_and_places(atomai, bundles, name, tmp_path):
    known = list(Reference(atomai, name))
    for result, (_, mean, variance, places) in zip(
        served(bundles, f"{name}-fp32", [frame for frame, *_ in known], tmp_path), known, strict=True
    ):
        assert "-fp32-" in result.plan
        assert result.mean == pytest.approx(foreground(mean, result), abs=1e-4)
        assert result.std.astype(float) ** 2 == pytest.approx(foreground(variance, result), abs=1e-4)
        ours = np.column_stack([result.atoms["row"], result.atoms["column"], result.atoms["class_id"]])
        np.testing.assert_array_equal(ours, places.astype(np.float32))


@pytest.mark.parametrize("name", FRAMES)
def test_as_imported_a_server_stays_within_the_bundle_s_tolerance(atomai, bundles, name, tmp_path):
    known, tolerance = list(Reference(atomai, name)), load_bundle(bundles / name).manifest.tolerance
    for result, (_, mean, variance, places) in zip(served(bundles, name, [frame for frame, *_ in known], tmp_path), known, strict=True):
        assert np.abs(result.mean - foreground(mean, result)).mean() <= tolerance.mean
        assert np.abs(result.std - np.sqrt(foreground(variance, result))).mean() <= tolerance.std
        assert len(result.atoms) == pytest.approx(len(places), abs=1)
