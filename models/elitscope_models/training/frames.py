"""Labelled frames on disk, simulated once by several processes: frame i depends on (seed, i) alone, so their number changes nothing."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from elitscope_models.training.data import label
from elitscope_models.training.files import publish
from elitscope_models.training.interrupts import deaf_to_interrupts, ignore_interrupts
from elitscope_models.training.recipes import Recipe

_CHUNK = 16
"""Frames that a process draws before it says so."""


def write_frames(path: Path, recipe: Recipe, seed: int, workers: int, advance: Callable[[int], None]) -> None:
    """Simulate the frames of a recipe into the .npy file `path`: float16 [frame, layer, row, column], layers as in `Labelled`.

    Args:
        path: complete when it is there.
        recipe: what to simulate.
        seed: of the data.
        workers: processes to share the work.
        advance: told how many more are done.
    """
    first = labelled_frame(recipe, seed, 0)  # here, so that whatever a recipe prepares once is there before processes ask for it
    for left_behind in path.parent.glob(f".{path.name}.*"):  # by one that was killed
        left_behind.unlink(missing_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    shape = (recipe.frames, *first.shape)
    np.lib.format.open_memmap(beside, "w+", np.float16, shape).flush()
    chunks = [range(start, min(start + _CHUNK, recipe.frames)) for start in range(0, recipe.frames, _CHUNK)]
    try:
        for done in _drawn(beside, recipe, seed, chunks, min(workers, len(chunks))):
            advance(done)
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        publish(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def labelled_frame(recipe: Recipe, seed: int, index: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Layers of frame `index`, float32 [layer, row, column]."""
    return label(recipe.draw(np.random.default_rng((seed, index))), recipe)


def _drawn(path: Path, recipe: Recipe, seed: int, chunks: list[range], workers: int) -> Iterator[int]:
    if workers < 2:
        yield from (_draw(path, recipe, seed, chunk) for chunk in chunks)
        return
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _begin) as pool:
        with deaf_to_interrupts():
            pending = {pool.submit(_draw, path, recipe, seed, chunk) for chunk in chunks}
        try:
            while pending:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                yield from (each.result() for each in done)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _begin() -> None:
    """A process among several: deaf to Ctrl-C, and on one core."""
    ignore_interrupts()
    cv2.setNumThreads(1)


def _draw(path: Path, recipe: Recipe, seed: int, chunk: range) -> int:
    """Draw some frames into the file; how many."""
    layers = np.load(path, mmap_mode="r+")
    for index in chunk:
        layers[index] = labelled_frame(recipe, seed, index)
    return len(chunk)
