"""One stream as it is watched: which frames advice is given by, when it starts anew, and how deselected networks are seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from elitscope.messages import Event, ResultMessage
from elitscope.types import Result, Timing
from elitscope_models.analyse import analyse
from elitscope_models.drift.kept import watch_to_json
from elitscope_models.drift.watch import Watch
from elitscope_models.ensemble import Ensemble
from elitscope_models.manifest import Manifest
from elitscope_service.monitor import stream as stream_module
from elitscope_service.monitor.advice import advise
from elitscope_service.monitor.listener import ENDED
from elitscope_service.monitor.stream import KEEP_S, KEPT_LOOKS, MOST_HELD, StreamWatch
from elitscope_service.monitor.watching import Watching
from elitscope_service.store.documents import AppliedSelection
from elitscope_service.store.drift import WatchRecord
from tests.service.builders import Clock
from tests.support.frames import dots, lattice

SHAPE = (48, 56)
FRAME = dots(SHAPE, lattice(SHAPE), floor=0.1)


class Published:
    """Publications of an ensemble's frames."""

    def __init__(self, ensemble: Ensemble) -> None:
        self.ensemble = ensemble
        self.manifest = ensemble.bundle.manifest

    def look(self, sequence: int, members: tuple[int, ...] = (0, 1, 2), **changes: Any) -> ResultMessage:
        """All of a frame."""
        found = analyse(FRAME, 0.1, self.ensemble, members)
        whole = Result(
            frame_id=100 + sequence,
            stream="haadf",
            sequence=sequence,
            ensemble="toy",
            ensemble_version="1",
            members=members,
            revision=1,
            plan=found.plan,
            classes=found.classes,
            sampling=found.sampling,
            warnings=(),
            timing=Timing(),
            mean=found.mean,
            std=found.std,
            atoms=found.atoms,
            member_maps=found.member_maps,
            epoch="e1",
        )
        return ResultMessage(replace(whole, **changes), FRAME)

    def inactive(self, sequence: int, members: tuple[int, ...]) -> ResultMessage:
        """The maps of networks that took no part in a frame."""
        return ResultMessage(replace(self.look(sequence, members).result, std=None))


@pytest.fixture(scope="module")
def published(toy_ensemble: Ensemble) -> Published:
    return Published(toy_ensemble)


def watched(kept: WatchRecord | None = None) -> StreamWatch:
    return StreamWatch("haadf", lambda: kept)


def test_a_frame_that_is_looked_at_gives_figures_of_every_network(published: Published) -> None:
    finding = watched().see(published.look(0), published.manifest, at=7.0)
    assert (finding.stream, finding.ensemble, finding.revision, finding.frame_id, finding.at) == ("haadf", "toy", 1, 100, 7.0)
    assert (finding.members, finding.everyone, finding.count) == ((0, 1, 2), (0, 1, 2), 1)
    assert set(finding.look.by_member) == {0, 1, 2}
    assert finding.judgement.state == "learning"
    assert finding.looks == finding.whole == (finding.look,)


def test_advice_goes_by_frames_of_the_selection_in_force_alone_and_what_is_usual_goes_on(published: Published) -> None:
    stream = watched()
    for sequence in range(KEPT_LOOKS + 2):
        finding = stream.see(published.look(sequence), published.manifest, at=0.0)
    assert len(finding.looks) == KEPT_LOOKS
    finding = stream.see(published.look(99, (0, 1), revision=2), published.manifest, at=0.0)
    assert finding.looks == (finding.look,)
    assert finding.count == KEPT_LOOKS + 3


@pytest.mark.parametrize("changes", [{"ensemble": "other"}, {"ensemble_version": "2"}])
def test_another_ensemble_or_version_starts_anew(published: Published, changes: Any) -> None:
    stream = watched()
    stream.see(published.look(0), published.manifest, at=0.0)
    finding = stream.see(published.look(1, **changes), published.manifest, at=0.0)
    assert (finding.count, len(finding.whole)) == (1, 1)


def test_what_was_learned_is_kept_now_and_then_and_a_watch_that_begins_again_goes_on_from_there(published: Published) -> None:
    stream = watched()
    findings = [stream.see(published.look(sequence), published.manifest, at=KEEP_S / 5 * sequence) for sequence in range(7)]
    kept = [finding.learned for finding in findings]
    assert [record is not None for record in kept] == [True, False, False, False, False, True, False]
    last = kept[5]
    assert last is not None and (last.ensemble, last.version, last.looks) == ("toy", "1", 6)
    again = watched(WatchRecord.loads(last.dumps())).see(published.look(6), published.manifest, at=6.0)
    assert again.count == 7
    assert repr(again.judgement) == repr(findings[6].judgement)


@pytest.mark.parametrize("changes", [{"ensemble": "other"}, {"version": "2"}, {"watch": {"of": "another version"}}])
def test_what_was_kept_of_something_else_is_left(published: Published, changes: Any) -> None:
    kept = WatchRecord(ensemble="toy", version="1", looks=50, watch=watch_to_json(Watch())).model_copy(update=changes)
    assert watched(kept).see(published.look(0), published.manifest, at=0.0).count == 1


def test_deselected_networks_are_seen_in_the_frame_that_their_maps_are_of(published: Published) -> None:
    stream = watched()
    for sequence in range(3):
        stream.see(published.look(sequence, (0, 1)), published.manifest, at=0.0)
    stream.see_inactive(published.inactive(1, (2,)), published.manifest)
    stream.see_inactive(published.inactive(77, (2,)), published.manifest)
    (whole,) = stream.see(published.look(3, (0, 1)), published.manifest, at=0.0).whole
    assert whole.frame_id == 101
    assert set(whole.by_member) == {0, 1, 2}


def test_what_is_held_for_deselected_networks_is_bounded(published: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = watched()
    for sequence in range(MOST_HELD + 3):
        stream.see(published.look(sequence, (0, 1)), published.manifest, at=0.0)
    assert len(stream._held) == MOST_HELD
    monkeypatch.setattr(stream_module, "MOST_HELD_BYTES", 3 * stream_module._nbytes(published.look(0, (0, 1))))
    stream.see(published.look(99, (0, 1)), published.manifest, at=0.0)
    assert [held.result.sequence for held in stream._held] == [MOST_HELD + 1, MOST_HELD + 2, 99]


# ------------------------------------------------------------------------------------------------------------ all streams


class Known:
    """A registry of one ensemble."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest

    def of(self, name: str, version: str) -> Manifest | None:
        return self._manifest if (name, version) == ("toy", "1") else None


def test_a_frame_of_an_ensemble_that_is_not_known_is_left(published: Published) -> None:
    watching = Watching(Known(published.manifest), Clock(), Clock(5.0))
    assert watching.take("look/haadf/", published.look(0, ensemble="gone")) is None
    finding = watching.take("look/haadf/", published.look(0))
    assert finding is not None and finding.at == 5.0


def test_a_stream_that_has_ended_is_another_one_when_it_comes_back(published: Published) -> None:
    watching = Watching(Known(published.manifest), Clock(), Clock())
    for _ in range(2):
        watching.take("look/haadf/", published.look(0))
    assert watching.take(f"{ENDED}/haadf/", Event({"event": "stream_stopped", "stream": "haadf"})) is None
    finding = watching.take("look/haadf/", published.look(1))
    assert finding is not None and finding.count == 1


def test_a_defect_costs_the_look_at_that_frame_alone(published: Published, caplog: pytest.LogCaptureFixture) -> None:
    watching = Watching(Known(published.manifest), Clock(), Clock())
    broken = published.look(0)
    assert watching.take("look/haadf/", ResultMessage(replace(broken.result, mean=np.zeros((1, 2)), member_maps=np.zeros(3)))) is None
    assert "could not be looked at" in caplog.text
    assert watching.take("look/haadf/", published.look(1)) is not None


# ---------------------------------------------------------------------------------------------------------------- advice


def applied(revision: int = 1, members: tuple[int, ...] = (0, 1, 2)) -> AppliedSelection:
    return AppliedSelection(
        stream="haadf",
        revision=revision,
        last_revision=revision,
        ensemble="toy",
        members=members,
        min_members=1,
        preference=(0, 1, 2),
        author="ana",
        role="operator",
        reason="",
        since=1.0,
        touched=True,
    )


def test_nothing_is_advised_on_a_selection_whose_frames_were_not_seen(published: Published) -> None:
    finding = watched().see(published.look(0), published.manifest, at=0.0)
    advice = advise(finding, applied(revision=2), (published.manifest,))
    assert (advice.kind, advice.confidence) == ("no_change", 0.0)
    assert "revision 2" in advice.reasons[0]


def test_where_all_is_well_nothing_is_advised(published: Published) -> None:
    stream = watched()
    for sequence in range(6):
        finding = stream.see(published.look(sequence), published.manifest, at=0.0)
    assert advise(finding, applied(), (published.manifest,)).kind == "no_change"
