"""A watch that was kept goes on as if it had never been away."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from elitscope_models.drift.kept import watch_from_json, watch_to_json
from elitscope_models.drift.look import Look
from elitscope_models.drift.watch import Judgement, Watch


def look(frame_id: int, rng: np.random.Generator, drifted: bool, members: tuple[int, ...]) -> Look:
    fog = {member: {"fog": 0.1 + 0.4 * drifted + 0.02 * rng.random(), "short_pairs": math.nan} for member in members}
    return Look(frame_id, "toy", members, {"spread": 0.1 + 0.02 * rng.random()}, fog, (), math.nan)


def judged(interrupted: bool) -> list[Judgement]:
    """Of frames that drift from the 30th on; one network is taken out at the 40th."""
    rng, watch, judgements = np.random.default_rng(0), Watch(learn=20), []
    for frame in range(60):
        judgements.append(watch.update(look(frame, rng, frame >= 30, (0, 1, 2) if frame < 40 else (0, 1))))
        if interrupted:
            watch = watch_from_json(json.loads(json.dumps(watch_to_json(watch), allow_nan=False)))
    return judgements


def test_an_interrupted_watch_judges_as_one_that_was_not() -> None:
    whole = judged(interrupted=False)
    assert any(judgement.alarms for judgement in whole)
    assert [repr(judgement) for judgement in judged(interrupted=True)] == [repr(judgement) for judgement in whole]


@pytest.mark.parametrize(
    "change",
    [{"format": 0}, {"charts": [["no signal", None, {}]]}, {"charts": [["fog", 1, {"least": 1.0}]]}, {"limits": 3}, {"learn": None}],
)
def test_what_another_version_kept_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"version|format"):
        watch_from_json({**watch_to_json(Watch()), **change})
