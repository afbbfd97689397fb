"""The last frame for whoever comes late, and the networks that are not in force: on a real engine, and by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from elitscope.messages import FrameMessage, ResultMessage
from elitscope_models.analyse import analyse
from elitscope_models.ensemble import Ensemble
from elitscope_service.engine.aside import Aside
from elitscope_service.engine.leisure import SETTLED_S
from elitscope_service.engine.subscriptions import Subscriptions
from elitscope_service.engine.wishes import Wishes
from elitscope_service.pipeline import FramePath
from elitscope_service.scheduler import Job
from elitscope_service.selection import Selection, Selections
from tests.service.builders import SESSION, Clock, frame
from tests.service.wire import Peer, RunningEngine, Subscriber
from tests.support.frames import dots, lattice

FRAME = dots((64, 72), lattice((64, 72)), floor=0.1)


class Bench:
    """An `Aside` over one frame that was answered by networks 0 and 2 of three."""

    def __init__(self, ensemble: Ensemble, topics: tuple[str, ...], hertz: float = 4.0, most_bytes: int = 1 << 20) -> None:
        self.clock, self.subscriptions = Clock(), Subscriptions()
        self.wishes = Wishes(self.subscriptions, hertz, self.clock)
        self.published: list[tuple[str, Any]] = []
        self.aside = Aside(self.wishes, lambda name: ensemble, lambda *entry: self.published.append(entry), self.clock, most_bytes)
        self.ensemble = ensemble
        for topic in topics:
            self.join(topic)

    def join(self, topic: str) -> None:
        self.subscriptions.note(b"\1" + topic.encode())
        self.aside.joined(topic)

    def answer(self, message: FrameMessage | None = None) -> Any:
        """Analyse a frame and keep it; the whole result."""
        message = message or frame(0, pixels=FRAME)
        selections = Selections(Selection("toy", (0, 2), revision=3))
        path = FramePath("e1", selections, lambda name: self.ensemble, lambda stream: 0, lambda stream: (), self.clock)
        steps = path.frame_steps(Job(SESSION, message.frame_id, message.stream, 1, 0.0, payload=message))
        while True:
            try:
                next(steps)
            except StopIteration as end:
                analysed = end.value
                break
        self.aside.keep(analysed.frame, analysed.result, ())
        return analysed.result

    def settle(self) -> None:
        """A pause that has lasted; all that there is to do is done."""
        self.aside.leisure.idle()
        self.clock.now += SETTLED_S
        while self.aside.work():
            pass


def test_networks_that_are_not_in_force_are_run_on_the_last_frame(toy_ensemble: Ensemble) -> None:
    bench = Bench(toy_ensemble, ("inactive/haadf/",))
    result = bench.answer()
    bench.settle()
    ((topic, message),) = bench.published
    assert (topic, message.result.members, message.result.revision) == ("inactive/haadf/", (1,), 3)
    assert message.result.mean.tobytes() == result.mean.tobytes()
    assert message.result.atoms.tobytes() == result.atoms.tobytes()
    alone = analyse(FRAME, None, toy_ensemble, (1,)).member_maps
    assert alone is not None and message.result.member_maps.tobytes() == alone.tobytes()


def test_maps_of_a_paused_stream_are_those_of_its_reply(toy_ensemble: Ensemble) -> None:
    bench = Bench(toy_ensemble, ("members/haadf/",))
    result = bench.answer(frame(0, pixels=FRAME, outputs=("members",)))
    bench.settle()
    ((_, message),) = bench.published
    assert (message.result.members, message.result.mean) == ((0, 2), None)
    assert message.result.member_maps.tobytes() == result.member_maps.tobytes()


def test_without_leisure_no_network_is_run(toy_ensemble: Ensemble) -> None:
    bench = Bench(toy_ensemble, ("inactive/", "members/"))
    bench.answer()
    bench.aside.leisure.begin()
    assert not bench.aside.work()
    assert bench.published == []


def test_what_nobody_wants_is_neither_shown_nor_computed(toy_ensemble: Ensemble) -> None:
    bench = Bench(toy_ensemble, ("inactive/bf/", "status/"))
    bench.answer()
    bench.aside.show()
    bench.settle()
    assert bench.published == []
    assert bench.aside.wait_s(1.0) == 1.0


def test_who_joins_is_shown_the_last_frame_once(toy_ensemble: Ensemble) -> None:
    bench = Bench(toy_ensemble, ())
    bench.answer()
    for _ in range(2):
        bench.join("preview/haadf/")
        for _ in range(3):
            bench.aside.show()
        bench.clock.now += 1
    assert [topic for topic, _ in bench.published] == ["preview/haadf/"] * 2
    assert bench.published[0][1].frame is not None


def test_a_preview_whose_time_had_not_come_follows(toy_ensemble: Ensemble) -> None:
    bench = Bench(toy_ensemble, ("preview/haadf/",), hertz=4)
    for index in range(3):
        bench.answer(frame(index, pixels=FRAME))
        bench.aside.show()
        bench.clock.now += 0.04
    assert [message.result.frame_id for _, message in bench.published] == [0]
    bench.clock.now += 0.2
    bench.aside.show()
    assert [message.result.frame_id for _, message in bench.published] == [0, 2]


def test_with_previews_switched_off_nothing_is_owed(toy_ensemble: Ensemble) -> None:
    bench = Bench(toy_ensemble, ("preview/", "members/", "inactive/"), hertz=0)
    bench.answer()
    bench.aside.show()
    bench.settle()
    assert bench.published == []
    assert bench.aside.wait_s(1.0) == 1.0


def test_what_is_kept_is_bounded_in_bytes_at_the_cost_of_the_oldest(toy_ensemble: Ensemble) -> None:
    bench = Bench(toy_ensemble, (), most_bytes=4 * 4 * FRAME.size)
    for stream in ("a", "b"):
        bench.answer(frame(0, pixels=FRAME, stream=stream))
    bench.join("preview/")
    bench.aside.show()
    assert [topic for topic, _ in bench.published] == ["preview/b/"]


@pytest.mark.parametrize("gone", [None, "other version"])
def test_an_ensemble_that_is_gone_is_not_run(toy_ensemble: Ensemble, gone: str | None) -> None:
    bench = Bench(toy_ensemble, ("inactive/",))
    bench.answer()
    manifest = toy_ensemble.bundle.manifest.model_copy(update={"version": "2"})
    other = None if gone is None else replace(toy_ensemble, bundle=replace(toy_ensemble.bundle, manifest=manifest))
    bench.aside._ensemble = lambda name: other
    bench.settle()
    assert bench.published == []


def test_a_late_subscriber_is_sent_the_last_frame_by_the_engine(start_engine: Callable[..., RunningEngine]) -> None:
    engine = start_engine()
    with Peer(engine.bind).greet(SESSION) as peer:
        reply = peer.ask(frame(5, pixels=FRAME, outputs=("mean", "members")))
    assert isinstance(reply, ResultMessage)
    with Subscriber(engine.publish, "preview/haadf/", "members/haadf/") as subscriber:
        preview = subscriber.until(lambda topic, message: topic == "preview/haadf/")
        members = subscriber.until(lambda topic, message: topic == "members/haadf/")
    assert preview.result.frame_id == members.result.frame_id == 5
    assert np.array_equal(preview.frame, FRAME)
    assert preview.result.mean.tobytes() == reply.result.mean.tobytes()  # type: ignore[union-attr]
    assert members.result.member_maps.tobytes() == reply.result.member_maps.tobytes()  # type: ignore[union-attr]
