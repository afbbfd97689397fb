"""One frame through eight of AtomAI's default U-Nets, against what one would use instead: mean, spread and atoms, in turns in one run.

elitscope answers a client through ZeroMQ; its peers compute in this process: AtomAI's `EnsemblePredictor` and `Locator` (where AtomAI is
installed), torch and ONNX Runtime, a network after the other, with elitscope's own search for atoms. Ratios are medians of each turn's.
"""

from __future__ import annotations

import importlib.util
import io
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.default_unets import GFLOP_512, SAMPLING, as_bundle, default_unets, reference_file
from elitscope import Client
from elitscope.simulator import movie
from elitscope_models.atoms import THRESHOLD, atom_steps
from elitscope_models.bundle import Bundle, read_member
from elitscope_models.ensemble import load_ensemble
from elitscope_models.preprocess import prepare
from elitscope_models.runtimes import choose
from elitscope_models.spread import mean_and_std
from elitscope_models.steps import finish
from elitscope_models.training.atomai import AtomAIFile
from tests.support.server import RunningServer

MEMBERS = 8
SIDES = (256, 512)
STAGES = ("queue_ms", "preprocess_ms", "inference_ms", "atoms_ms", "total_ms")

Peer = Callable[[np.ndarray], object]


def run(console: Console, quick: bool) -> dict[str, Any]:
    path = reference_file()
    if path is None:
        console.print("left out: AtomAI's file of networks is not there (set ELITSCOPE_TEST_DATA)")
        return {"left_out": True}
    file, repeats = default_unets(path, MEMBERS), 4 if quick else 15
    with tempfile.TemporaryDirectory() as folder:
        bundle = as_bundle(file, Path(folder) / "bundles")
        peers = _peers(file, path, bundle)
        with RunningServer("--bundles", bundle.path, data_dir=Path(folder) / "data") as server, Client(server.server) as client:
            rows = [_measure(client, peers, side, repeats) for side in SIDES]
    ceiling = _matrix_product_gflops()
    for row in rows:
        work = MEMBERS * GFLOP_512 * (row["side"] / 512) ** 2
        row["arithmetic_gflops"] = 1e3 * work / row["stages"]["inference_ms"]
        row["share_of_matrix_product"] = row["arithmetic_gflops"] / ceiling
    _print(console, rows, ceiling)
    return {"members": MEMBERS, "repeats": repeats, "fp32_matrix_product_gflops": ceiling, "rows": rows}


def _peers(file: AtomAIFile, path: Path, bundle: Bundle) -> dict[str, Peer]:
    locate = _search(bundle)
    peers: dict[str, Peer] = {"torch, one network after the other": _torch(file, locate), "ONNX Runtime CPU": _onnxruntime(bundle, locate)}
    return {"AtomAI": _atomai(file, path), **peers} if importlib.util.find_spec("atomai") else peers


def _atomai(file: AtomAIFile, path: Path) -> Peer:
    import atomai

    skeleton, _ = atomai.models.load_ensemble(str(path))
    predictor = atomai.predictors.EnsemblePredictor(skeleton, dict(file.weights), nb_classes=1, verbose=0)
    predictor.everbose = predictor.verbose = False

    def work(frame: np.ndarray) -> object:
        predictor.output_shape = None
        with redirect_stdout(io.StringIO()):
            mean, variance = predictor.predict(frame, num_batches=1)
            return variance, atomai.predictors.Locator(0.5, dist_edge=5).run(mean)

    return work


def _search(bundle: Bundle) -> Callable[[np.ndarray, np.ndarray], object]:
    manifest = bundle.manifest
    ensemble = load_ensemble(bundle, choose("cpu")[0])

    def locate(frame: np.ndarray, maps: np.ndarray) -> object:
        prepared = prepare(frame, (SAMPLING, SAMPLING), manifest, ensemble.tiling)
        mean, std = np.empty(maps.shape[1:], np.float32), np.empty(maps.shape[1:], np.float32)
        mean_and_std(maps[:, 0], mean[0], std[0])
        atoms = finish(atom_steps(mean, maps, prepared.grid, (SAMPLING, SAMPLING), THRESHOLD, manifest.atoms.kind))
        return mean, std, atoms

    return locate


def _scaled(frame: np.ndarray) -> np.ndarray:
    low, high = frame.min(), frame.max()
    return ((frame - low) / (high - low))[None, None].astype(np.float32)


def _torch(file: AtomAIFile, locate: Callable[[np.ndarray, np.ndarray], object]) -> Peer:
    networks = [file.network(member) for member in file.weights]

    @torch.inference_mode()
    def work(frame: np.ndarray) -> object:
        image = torch.from_numpy(_scaled(frame))
        return locate(frame, np.concatenate([torch.sigmoid(network(image)).numpy() for network in networks]))

    return work


def _onnxruntime(bundle: Bundle, locate: Callable[[np.ndarray, np.ndarray], object]) -> Peer:
    sessions = [
        onnxruntime.InferenceSession(read_member(bundle, member.id), providers=["CPUExecutionProvider"])
        for member in bundle.manifest.members
    ]

    def work(frame: np.ndarray) -> object:
        image = _scaled(frame)
        return locate(frame, np.concatenate([session.run(None, {"image": image})[0] for session in sessions]))

    return work


def _measure(client: Client, peers: dict[str, Peer], side: int, repeats: int) -> dict[str, Any]:
    frames = [frame.pixels for frame in movie("graphene", (side, side), 3, seed=1, drift="none", sampling=SAMPLING)]
    ours, others, stages = list[float](), list[list[float]](), list[list[float]]()
    for _ in range(12):  # until the plan of all networks in one call is compiled
        client.infer(frames[0], sampling=SAMPLING)
    for turn in range(repeats + 1):
        frame = frames[turn % len(frames)]
        others.append([_time(lambda work=work, frame=frame: work(frame)) for work in peers.values()])
        client.infer(frame, sampling=SAMPLING)  # caches are full of the peers' networks: both sides begin warm
        started = time.perf_counter()
        result = client.infer(frame, sampling=SAMPLING)
        ours.append(1e3 * (time.perf_counter() - started))
        stages.append([getattr(result.timing, stage) for stage in STAGES])
    own, rest = np.array(ours[1:]), np.array(others[1:])
    medians = dict(zip(STAGES, np.median(stages[1:], axis=0).tolist(), strict=True))
    return {
        "side": side,
        "plan": result.plan,
        "elitscope_ms": float(np.median(own)),
        "elitscope_p99_ms": float(np.percentile(own, 99)),
        "around_ms": float(np.median(own - np.array(stages[1:])[:, STAGES.index("inference_ms")])),
        "stages": medians,
        "peers": {
            name: {"ms": float(np.median(rest[:, i])), "times_elitscope": float(np.median(rest[:, i] / own))}
            for i, name in enumerate(peers)
        },
    }


def _time(work: Callable[[], object]) -> float:
    """Milliseconds of the second of two runs: the first finds caches full of somebody else's."""
    work()
    started = time.perf_counter()
    work()
    return 1e3 * (time.perf_counter() - started)


def _matrix_product_gflops(side: int = 4096) -> float:
    """What the processor reaches in fp32 where nothing stands in its way."""
    a, b = torch.randn(side, side), torch.randn(side, side)
    seconds = [_time(lambda: a @ b) / 1e3 for _ in range(3)]
    return 2 * side**3 / min(seconds) / 1e9


def _print(console: Console, rows: list[dict[str, Any]], ceiling: float) -> None:
    table = Table(title=f"{MEMBERS} default U-Nets: mean, spread, atoms of one frame; medians")
    for column in ("", "side", "ms", "times elitscope's"):
        table.add_column(column, justify="left" if not column else "right")
    for row in rows:
        table.add_row("elitscope, client to client", f"{row['side']}²", f"{row['elitscope_ms']:.0f}", "1")
        table.add_row("  of it, around the networks", "", f"{row['around_ms']:.1f}", "")
        for name, peer in row["peers"].items():
            table.add_row(name, f"{row['side']}²", f"{peer['ms']:.0f}", f"{peer['times_elitscope']:.2f}")
    console.print(table)
    for row in rows:
        console.print(
            f"{row['side']}²: {row['arithmetic_gflops']:.0f} GFLOP/s, "
            f"{row['share_of_matrix_product']:.0%} of the fp32 matrix product ({ceiling:.0f})"
        )
