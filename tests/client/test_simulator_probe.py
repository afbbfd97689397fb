"""The wave-optical probe: sharp in focus, fainter out of it, and reversed beyond."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from elitscope.simulator import Conditions, Probe, SimulatedFrame, Specimen, expose, graphene

QUIET = Conditions(electrons=2e3, width=0.75, row_jitter=0.0, background=0.0, readout=0.0)
ABERRATED = Probe(spherical=1e4, astigmatism=(8.0, 0.3), coma=(150.0, 1.0), threefold=(120.0, 2.0))


def sheet(defocus: float) -> SimulatedFrame:
    rng = np.random.default_rng(0)
    specimen = graphene((30.0, 30.0), rng, vacancies=0.0, dopants=0.0)
    return expose(specimen, (300, 300), 0.1, replace(QUIET, probe=replace(ABERRATED, defocus=defocus)), rng)


def test_the_lattice_fades_with_defocus_and_comes_back_reversed() -> None:
    """Signal on C over that 1 Å aside in multislice frames of the same microscope: 2.81, 2.08, 1.33, 1.01, 0.85."""
    contrasts = [float(np.median(sheet(defocus).contrast)) for defocus in (10.0, 32.0, 50.0, 62.0, 79.0)]
    assert contrasts == pytest.approx([2.81, 2.08, 1.33, 1.01, 0.85], abs=0.05)


def test_a_probe_keeps_the_electrons_and_puts_the_atom_where_it_is() -> None:
    atom = Specimen(np.array([[10.2, 9.5]]), np.zeros(1, np.int32), np.ones(1), ("C",))
    rng = np.random.default_rng(0)
    sharp, blurred = (expose(atom, (200, 200), 0.1, c, rng) for c in (QUIET, replace(QUIET, probe=Probe(defocus=15.0))))
    counts = [frame.pixels.astype(float) - QUIET.offset for frame in (sharp, blurred)]
    assert counts[1].sum() == pytest.approx(counts[0].sum(), rel=0.02)
    assert counts[1].max() < 0.9 * counts[0].max()
    grid = np.indices((200, 200))
    centre = [float((axis * counts[1] ** 2).sum() / (counts[1] ** 2).sum()) for axis in grid]
    assert centre == pytest.approx([102.0, 95.0], abs=0.2)


@pytest.mark.parametrize("shape", [(64, 64), (65, 48), (33, 47)])
@pytest.mark.parametrize("sampling", [0.05, 0.1, 0.4])
def test_the_transfer_function_is_one_at_zero_and_nowhere_above(shape: tuple[int, int], sampling: float) -> None:
    transfer = ABERRATED.transfer(shape, sampling)
    assert transfer.shape == (shape[0], shape[1] // 2 + 1)
    assert abs(transfer[0, 0] - 1.0) < 1e-4
    assert float(np.abs(transfer).max()) <= 1.0 + 1e-4


def test_the_signal_of_an_atom_is_what_its_pixel_expects() -> None:
    frame = sheet(10.0)
    middle = ((frame.positions > 30) & (frame.positions < 270)).all(axis=1)
    rows, columns = np.rint(frame.positions[middle]).astype(int).T
    electrons = (frame.pixels[rows, columns] - QUIET.offset) / QUIET.gain
    assert float(np.median(electrons / frame.signal[middle])) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("wrong", [{"high_tension": 0.0}, {"convergence": -0.03}])
def test_a_probe_that_can_not_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=repr(next(iter(wrong.values())))):
        Probe(**wrong)
