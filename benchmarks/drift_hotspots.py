"""How many of the atoms that hop while a frame is scanned are told as hotspots, and what else is told."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from statistics import median

import numpy as np

from elitscope.hotspots import HotspotTable
from elitscope.simulator import SimulatedFrame, movie
from elitscope_models.analyse import Analysis, analyse
from elitscope_models.bundle import load_bundle
from elitscope_models.ensemble import Ensemble
from elitscope_models.hotspots import disc_radius, hotspot_steps
from elitscope_models.loading import open_ensemble
from elitscope_models.sheets import Sheet
from elitscope_models.steps import finish
from elitscope_models.zoo import find_bundle

BUNDLES = ("graphene-si", "graphene")
SEEDS = (501, 502, 503)
"""None of those that kinds and bounds were chosen with."""
_FRAMES, _HOPS, _SHAPE = 20, 3, (256, 256)
_PARTS = (("3 hops a frame", _HOPS, "none"), ("no hops", 0, "none"), ("no hops, contamination", 0, "contamination"))
"""What is shown, atoms that hop in each frame, and what drifts."""
_DIRTY = 1.0
"""Å of carbon on an atom."""
_TIMED = 50


def hotspots_sheet() -> Sheet:
    """A row a bundle and part: what is told of hops, and where else."""
    rows = []
    for name in BUNDLES:
        ensemble = open_ensemble(load_bundle(find_bundle(name)), device="cpu", precision="fp32", threads=1)
        rows += [(f"{name}: {part}", *_counted(ensemble, hops, drift)) for part, hops, drift in _PARTS]
    headers = ("256² frames, 3 specimens", "frames", "hops", "told", "other places", "of these at impurities", "under carbon")
    return Sheet("Hotspots", headers, tuple(rows))


def cost_sheet() -> Sheet:
    """What looking for them takes, processor time of one thread."""
    ensemble = open_ensemble(load_bundle(find_bundle("graphene")), device="cpu", precision="fp32", threads=1)
    frame = next(movie(shape=(512, 512), frames=1, seed=SEEDS[0], sampling=0.098, hops=_HOPS))
    found = analyse(frame.pixels, frame.sampling, ensemble)
    radius, times = disc_radius(ensemble.bundle.manifest, found.sampling), []
    for _ in range(_TIMED):
        begun = time.thread_time()
        finish(hotspot_steps(found.std, found.atoms, (512, 512), radius))
        times.append(1e3 * (time.thread_time() - begun))
    title, headers = "What hotspots cost", ("512², eight members", "atoms", "median, ms", "least, ms")
    return Sheet(title, headers, (("processor time", f"{len(found.atoms):,}", f"{median(times):.2f}", f"{min(times):.2f}"),))


def _counted(ensemble: Ensemble, hops: int, drift: str) -> tuple[str, ...]:
    counts: Counter[str] = Counter()
    for seed in SEEDS:
        for frame in movie(shape=_SHAPE, frames=_FRAMES, seed=seed, drift=drift, hops=hops):
            counts["frames"] += 1
            counts.update(_judged(frame, analyse(frame.pixels, frame.sampling, ensemble, keep_members=False)))
    return tuple(str(counts[name]) for name in ("frames", "hops", "told", "other", "impurity", "carbon"))


def _judged(frame: SimulatedFrame, found: Analysis) -> Iterator[str]:
    """One word for each hop, each that was told, and each other place."""
    spots = found.hotspots
    assert spots is not None
    elsewhere = np.ones(len(spots), bool)
    for ends in frame.hops:
        there = np.any([_near(spots, np.array(end)) for end in ends], axis=0)
        elsewhere &= ~there
        yield from ("hops", "told")[: 1 + bool(there.any())]
    for spot in spots[elsewhere]:
        yield "other"
        near = np.hypot(frame.positions[:, 0] - spot["row"], frame.positions[:, 1] - spot["column"]) <= spot["radius"]
        if frame.class_ids[near].any():
            yield "impurity"
        elif (frame.contamination[near] > _DIRTY).any():
            yield "carbon"


def _near(spots: HotspotTable, place: np.ndarray) -> np.ndarray:
    return np.asarray(np.hypot(spots["row"] - place[0], spots["column"] - place[1]) <= spots["radius"])
