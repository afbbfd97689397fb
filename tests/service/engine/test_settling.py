"""The engine's half of changing a selection: every row of its table, and every place where it can be interrupted."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from elitscope_service.engine import settling
from elitscope_service.engine.saved import load_selections
from elitscope_service.selection import Selection
from elitscope_service.store import keys
from elitscope_service.store.documents import FirstFrame, SelectionState
from elitscope_service.store.selections import document_of
from tests.service.selecting import Engine, applied, ask, audit, fake_ensemble, record, undo_stack


def contents(store: Any) -> dict[str, str]:
    """Everything in the store, as it is kept."""
    return {key: _value(store, key) for key in store.scan_iter()}


def _value(store: Any, key: str) -> str:
    match store.type(key):
        case "string":
            return str(store.get(key))
        case "list":
            return str(store.lrange(key, 0, -1))
        case "hash":
            return str(store.hgetall(key))
        case "set":
            return str(sorted(store.smembers(key)))
    return str(store.xrange(key))


@pytest.fixture
def engine(store: Any, tmp_path: Path) -> Engine:
    engine = Engine(store, tmp_path / "selections.json", {"graphene": fake_ensemble("graphene"), "mos2": fake_ensemble("mos2", 2)})
    engine.round()
    return engine


def test_at_its_first_start_the_default_is_written_down_and_nothing_is_audited(engine: Engine, store: Any) -> None:
    document = applied(store, "default")
    assert document is not None
    assert (document.revision, document.members, document.touched) == (1, (0, 1, 2, 3), False)
    assert store.smembers(keys.SELECTIONS) == {"default"}
    assert audit(store) == []


def test_what_is_wanted_comes_into_force_and_everybody_is_told(engine: Engine, store: Any) -> None:
    ask(store, 2, (1, 3))
    engine.round()
    assert engine.members() == (1, 3)
    document = applied(store)
    assert document is not None and document == record(store, "c2").result
    assert (document.revision, document.author, document.reason, document.since, document.touched) == (2, "ana", "fog", 3.0, True)
    (entry,) = audit(store)
    assert (entry.action, entry.author, entry.role, entry.reason, entry.revision, entry.outcome) == (
        "only",
        "ana",
        "operator",
        "fog",
        2,
        "applied",
    )
    assert (entry.before, entry.after) == (
        SelectionState(ensemble="graphene", members=(0, 1, 2, 3)),
        SelectionState(ensemble="graphene", members=(1, 3)),
    )
    assert [(event["stream"], event["revision"]) for event in engine.events] == [("haadf", 2)]
    assert load_selections(engine.file)["haadf"].members == (1, 3)


def test_a_round_without_anything_to_do_writes_nothing(engine: Engine, store: Any) -> None:
    ask(store, 2, (1, 3))
    engine.round()
    before = contents(store)
    engine.round()
    assert contents(store) == before


@pytest.mark.parametrize(
    ("changes", "members", "code"),
    [
        ({"ensemble": "gold"}, None, "ensemble_unknown"),
        ({"ensemble": "asleep"}, None, "ensemble_unavailable"),
        ({}, (0, 9), "member_unknown"),
        ({}, (), "last_member"),
        ({"base": 7}, (0,), "revision_mismatch"),
        ({"ensemble": "gold", "action": "undo"}, (0,), "nothing_to_undo"),
        ({"ensemble": "mos2", "action": "undo"}, (3,), "nothing_to_undo"),
    ],
)
@pytest.mark.parametrize("known", [True, False], ids=["known stream", "new stream"])
def test_what_can_not_be_is_put_back_and_said(
    engine: Engine, store: Any, changes: dict[str, Any], members: tuple[int, ...] | None, code: str, known: bool
) -> None:
    if known:
        engine.members()
        engine.round()
    ask(store, 2, members, **changes)
    engine.round()
    assert store.get(keys.wanted("haadf")) is None
    settled = record(store, "c2")
    assert (settled.status, settled.code, settled.result) == ("refused", code, None)
    (entry,) = audit(store)
    assert (entry.outcome, entry.code, entry.after, entry.revision) == ("refused", code, None, None)
    document = applied(store)
    if known:
        assert document is not None and (document.revision, document.last_revision) == (1, 2)
    else:
        assert document is None and store.smembers(keys.SELECTIONS) == {"default"}
    assert engine.members() == (0, 1, 2, 3)
    assert engine.events == []


def test_a_disk_that_is_full_refuses_the_change(engine: Engine, store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, selections: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(settling, "save_selections", full)
    ask(store, 2, (1,))
    engine.round()
    assert (record(store, "c2").code, engine.members()) == ("store_unavailable", (0, 1, 2, 3))


def test_undo_walks_back_and_leaves_no_step_behind(engine: Engine, store: Any) -> None:
    for revision, members in ((2, (0,)), (3, (1,)), (4, (1,)), (5, (2,))):
        ask(store, revision, members)
        engine.round()
    assert undo_stack(store) == [(1,), (0,), (0, 1, 2, 3)], "a change that changes nothing is no step"
    for revision, members in ((6, (1,)), (7, (0,)), (8, (0, 1, 2, 3))):
        ask(store, revision, members, action="undo")
        engine.round()
        assert engine.members() == members
    assert undo_stack(store) == []


def test_the_default_is_changed_for_new_streams_alone(engine: Engine, store: Any) -> None:
    engine.members("old")
    ask(store, 2, (3,), stream="default")
    engine.round()
    assert (engine.members("old"), engine.members("new")) == ((0, 1, 2, 3), (3,))
    engine.round()
    new = applied(store, "new")
    assert new is not None and (new.revision, new.touched) == (2, False)


def test_all_members_are_meant_where_none_are_named(engine: Engine, store: Any) -> None:
    ask(store, 2, None, ensemble="mos2")
    engine.round()
    assert (engine.selections.of("haadf").ensemble, engine.members()) == ("mos2", (0, 1))


def test_a_store_that_was_emptied_gets_back_what_is_in_force(engine: Engine, store: Any) -> None:
    ask(store, 2, (1, 3))
    engine.round()
    store.flushall()
    engine.round()
    document = applied(store)
    assert document is not None and (document.revision, document.members) == (2, (1, 3))
    assert [(entry.action, entry.author, entry.stream) for entry in audit(store)] == [("restore", "server", "haadf")]


def test_what_the_store_acknowledged_while_the_engines_file_was_lost_comes_back(engine: Engine, store: Any) -> None:
    ask(store, 2, (1, 3))
    engine.round()
    engine.file.unlink()
    engine.start()
    assert engine.members() == (1, 3)


def test_a_running_engine_takes_over_a_later_selection_of_a_store_that_comes_back(engine: Engine, store: Any) -> None:
    later = Selection("mos2", (1,), revision=9, author="ben", preference=(0, 1), touched=True)
    store.set(keys.applied("haadf"), document_of("haadf", later).dumps())
    store.sadd(keys.SELECTIONS, "haadf")
    engine.round()
    assert (engine.members(), engine.selections.of("haadf").revision) == ((1,), 9)


def test_an_ensemble_that_is_gone_at_the_start_is_replaced_and_that_is_audited(engine: Engine, store: Any) -> None:
    ask(store, 2, None, ensemble="mos2")
    engine.round()
    del engine.ensembles["mos2"]
    engine.start()
    engine.round()
    document = applied(store)
    assert document is not None and (document.ensemble, document.author) == ("graphene", "server")
    assert document.revision > 2 and "mos2" in document.reason
    assert "mos2" in audit(store)[-1].reason


def test_a_selection_that_can_not_be_read_hurts_no_other_stream(engine: Engine, store: Any) -> None:
    store.set(keys.wanted("bad"), "{}")
    store.sadd(keys.SELECTIONS, "bad")
    ask(store, 2, (1,))
    engine.round()
    assert engine.members() == (1,)


def test_untouched_copies_are_forgotten_and_what_somebody_set_is_not(engine: Engine, store: Any) -> None:
    for stream in ("copy", "set", "wanted"):
        engine.members(stream)
    engine.round()
    ask(store, 2, (1,), stream="set")
    engine.round()
    ask(store, 2, (1,), stream="wanted", command="w")
    assert [engine.settler.forget(stream) for stream in ("copy", "set", "wanted", "never-seen")] == [True, True, False, True]
    assert applied(store, "copy") is None and engine.selections.in_force("copy") is None
    engine.round()
    assert (engine.members("set"), engine.members("wanted")) == ((1,), (1,))
    assert store.smembers(keys.SELECTIONS) == {"default", "set", "wanted"}


def test_the_first_frame_under_a_revision_is_the_first_one_that_was_said(engine: Engine, store: Any) -> None:
    for frame_id in (5, 6):
        engine.settler.note_first_frame("haadf", 1, FirstFrame(frame_id=frame_id, at=1.0))
    assert FirstFrame.loads(store.hget(keys.first_frames("haadf"), "1")).frame_id == 5


# -------------------------------------------------------------------------------------------------------- interruptions


class Interrupted(Exception):
    """The process, or the store, ends here."""


def interrupt_before_the_swap(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def put(stream: str, selection: Selection) -> None:
        raise Interrupted

    monkeypatch.setattr(engine.selections, "put", put)


def interrupt_before_the_file(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def save(path: Path, selections: Any) -> None:
        raise Interrupted

    monkeypatch.setattr(settling, "save_selections", save)


def interrupt_before_the_store_has_it(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def execute(self: Any, raise_on_error: bool = True) -> Any:
        raise redis.ConnectionError("gone")

    monkeypatch.setattr(redis.client.Pipeline, "execute", execute)


def interrupt_after_the_store_has_it(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    execute = redis.client.Pipeline.execute

    def execute_and_lose_the_answer(self: Any, raise_on_error: bool = True) -> Any:
        execute(self, raise_on_error)
        raise redis.ConnectionError("gone")

    monkeypatch.setattr(redis.client.Pipeline, "execute", execute_and_lose_the_answer)


POINTS = [interrupt_before_the_file, interrupt_before_the_swap, interrupt_before_the_store_has_it, interrupt_after_the_store_has_it]


@pytest.mark.parametrize("interrupt", POINTS)
@pytest.mark.parametrize("then", ["restart", "go on"])
@pytest.mark.parametrize("wanted", [(1, 3), (9,)], ids=["good", "refused"])
def test_wherever_it_is_interrupted_a_command_is_settled_once(
    engine: Engine, store: Any, interrupt: Callable[[Engine, pytest.MonkeyPatch], None], then: str, wanted: tuple[int, ...]
) -> None:
    engine.members()
    engine.round()
    ask(store, 2, wanted)
    with pytest.MonkeyPatch.context() as patch:
        interrupt(engine, patch)
        with contextlib.suppress(Interrupted, redis.ConnectionError):
            engine.round()
    if then == "restart":
        engine.start()
    engine.round()
    engine.round()
    (entry,) = audit(store)
    settled = record(store, "c2")
    if wanted == (9,):
        assert (settled.status, entry.outcome, engine.members()) == ("refused", "refused", (0, 1, 2, 3))
    else:
        assert (settled.status, entry.outcome, engine.members(), entry.revision) == ("applied", "applied", (1, 3), 2)
        assert entry.before == SelectionState(ensemble="graphene", members=(0, 1, 2, 3))
        assert undo_stack(store) == [(0, 1, 2, 3)]
    ask(store, 3, (0,), base=engine.selections.of("haadf").revision)
    engine.round()
    assert engine.members() == (0,)
