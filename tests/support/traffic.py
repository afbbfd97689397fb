"""Two clients that stream without a pause, and whether what they got agrees with the audit log."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import TracebackType

import numpy as np

from elitscope import Client, Rejection, Result
from elitscope.rest.records import AuditEntry
from tests.support.server import PATIENCE

PAUSE_S = 0.01
"""Between frames, so that clients leave the processor to the server now and then."""


class Traffic:
    """One client that streams for as long as the `with` block lasts.

    `replies`: everything that came back, in order; `sent`: how many frames went out; `failure`: what ended it too early.
    """

    def __init__(self, server: str, stream: str, policy: str, frame: np.ndarray, timeout: float = PATIENCE) -> None:
        self.stream, self.replies, self.sent = stream, list[Result | Rejection](), 0
        self.failure: BaseException | None = None
        self._client = Client(server, stream=stream, policy=policy, outputs=("atoms",), timeout=timeout)
        self._frame = frame
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"traffic-{stream}")

    def __enter__(self) -> Traffic:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), f"stream {self.stream} does not end"

    def _run(self) -> None:
        try:
            with self._client as client:
                for reply in client.stream(self._frames(), sampling=0.1):
                    self.replies.append(reply)
        except BaseException as error:  # noqa: BLE001 - shown by the test
            self.failure = error

    def _frames(self) -> Iterator[np.ndarray]:
        while not self._stop.wait(PAUSE_S):
            self.sent += 1
            yield self._frame


def check_answers(traffic: Traffic, rejections: frozenset[str] = frozenset()) -> None:
    """No frame lost, none answered twice, none rejected but for the given reasons, revisions never going back."""
    assert traffic.failure is None, traffic.failure
    assert [reply.frame_id for reply in traffic.replies] == list(range(traffic.sent))
    codes = {reply.code for reply in traffic.replies if isinstance(reply, Rejection)}
    assert codes <= rejections, codes
    results = results_of(traffic)
    assert len({(result.epoch, result.sequence) for result in results}) == len(results)
    revisions = [result.revision for result in results]
    assert revisions == sorted(revisions)


def check_against_audit(traffic: Traffic, history: tuple[AuditEntry, ...], killed: bool = False) -> int:
    """Every reply names the ensemble and members that the audit has for its revision; the audit's first frames are the first ones.

    Where an engine was `killed`, what it noticed last may be lost with it: then a first frame is unknown, or one that came later. What a
    stream starts with is no entry of its own, so one revision may be missing in the audit: the first. Returns how many revisions were seen.
    """
    applied = {entry.revision: entry for entry in history if entry.stream == traffic.stream and entry.applied and entry.after is not None}
    firsts: dict[int, int] = {}
    for result in results_of(traffic):
        first_seen = firsts.setdefault(result.revision, result.frame_id)
        entry = applied.get(result.revision)
        if entry is None:
            assert result.revision == min(firsts), f"revision {result.revision} of frame {first_seen} is not in the audit"
        else:
            assert (result.ensemble, result.members) == entry.after, (result.frame_id, result.revision)
    for revision, entry in applied.items():
        noted, first = entry.first_frame_id, firsts.get(revision)
        assert noted == first or (killed and (noted is None or (first is not None and noted > first))), (revision, noted, first)
    return len(firsts)


def results_of(traffic: Traffic) -> list[Result]:
    """The replies that are results."""
    return [reply for reply in traffic.replies if isinstance(reply, Result)]
