from __future__ import annotations

from dataclasses import replace

import numpy as np

from elitscope.types import AtomTable
from elitscope_models.analyse import analyse
from elitscope_models.bundle import Bundle, Tolerance
from elitscope_models.compare import compare
from elitscope_models.crosscheck import cross_check
from elitscope_models.ensemble import Ensemble
from tests.support.frames import dots, lattice


def test_every_plan_of_this_computer_agrees_on_a_sound_bundle(bundle: Bundle) -> None:
    checks = list(cross_check(bundle))
    names = [check.plan.rsplit("-", 1)[0] for check in checks]
    assert names[0] == "openvino-cpu-fp32"
    assert "onnxruntime-cpu-fp32" in names
    assert all(check.within for check in checks)
    assert (checks[0].mean, checks[0].std, checks[0].coordinates_px) == (0, 0, 0)


def test_differences_beyond_the_tolerance_are_noticed(ensemble: Ensemble) -> None:
    first = analyse(dots((64, 64), lattice((64, 64))), 0.1, ensemble)
    assert compare(first, first, Tolerance()).within
    assert not compare(first, replace(first, mean=first.mean + np.float32(0.02)), Tolerance()).within
    assert first.std is not None
    assert not compare(first, replace(first, std=first.std + np.float32(0.02)), Tolerance()).within
    moved = first.atoms.copy()
    moved["row"][3] += 1
    check = compare(first, replace(first, atoms=moved), Tolerance())
    assert not check.within
    assert check.coordinates_px > 0.9


def test_an_analysis_without_the_others_sure_atoms_is_far_off(ensemble: Ensemble) -> None:
    first = analyse(dots((64, 64), lattice((64, 64)), sigma=3.0), 0.1, ensemble)
    sure = first.atoms.copy()
    sure["probability"] = 0.9
    none = AtomTable.from_records(np.asarray(first.atoms[:0]).copy(), first.sampling)
    assert not compare(replace(first, atoms=sure), replace(first, atoms=none), Tolerance()).within
    assert compare(replace(first, atoms=none), replace(first, atoms=none), Tolerance()).within
