"""Two writers and an engine: every order in which their steps can come, against a real store.

A writer's steps are its reads, its writes and its looks at the outcome; each waits for its turn in the schedule. The engine's step is a
round, or a restart: all that it had in memory is gone, and it starts from its file and the store.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import redis

from elitscope.errors import ElitscopeError, StoreUnavailable, rejection_error
from elitscope_service import changes
from elitscope_service.api.callers import named_caller
from elitscope_service.changes import Changes
from elitscope_service.orders import Order, make_order
from elitscope_service.planners import Plan, Planner
from elitscope_service.store import keys
from elitscope_service.store.connect import open_async_store
from elitscope_service.store.documents import AppliedSelection, SelectionState
from tests.service.builders import Clock
from tests.service.selecting import Engine, ask, audit, fake_ensemble, record
from tests.support.stores import StoreServer


class Gate:
    """Lets one writer's next step through when it is its turn."""

    def __init__(self) -> None:
        self._permits = asyncio.Semaphore(0)
        self.arrived = asyncio.Event()
        self.free = False

    async def __call__(self) -> None:
        if not self.free:
            self.arrived.set()
            await self._permits.acquire()

    async def step(self, writer: asyncio.Task[Any]) -> None:
        """Let it go on until it wants to make its next step, or is done."""
        self.arrived.clear()
        self._permits.release()
        arriving = asyncio.create_task(self.arrived.wait())
        await asyncio.wait([arriving, writer], return_when=asyncio.FIRST_COMPLETED)
        arriving.cancel()

    def open(self) -> None:
        """From now on everything goes through."""
        self.free = True
        self._permits.release()


class Gated:
    """A client, a pipeline or a subscription that asks the gate before it reads, writes or looks. `deaf`: notifications are lost."""

    STEPS = ("watch", "execute", "get")

    def __init__(self, inner: Any, gate: Gate, deaf: bool) -> None:
        self._inner, self._gate, self._deaf = inner, gate, deaf

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name in self.STEPS:

            async def step(*args: Any, **options: Any) -> Any:
                await self._gate()
                return await found(*args, **options)

            return step
        if name in ("pipeline", "pubsub"):
            return lambda **options: Gated(found(**options), self._gate, self._deaf)
        if name == "get_message" and self._deaf:
            return _hear_nothing
        return found

    async def __aenter__(self) -> Gated:
        await self._inner.__aenter__()
        return self

    async def __aexit__(self, *what: Any) -> None:
        await self._inner.__aexit__(*what)


async def _hear_nothing(timeout: float) -> None:
    await asyncio.sleep(0)


def deselect(member: int) -> Planner:
    def plan(now: AppliedSelection, undo: SelectionState | None) -> Plan:
        members = tuple(m for m in now.members if m != member)
        if not members:
            raise rejection_error("last_member", "none")
        return Plan(now.ensemble, members)

    return plan


def order(name: str, if_match: str | None = None, key: str | None = None, role: str = "operator") -> Order:
    return make_order("haadf", "deselect", named_caller(name, role), "fog", 10.0, name, key, if_match)


async def outcome(change: Awaitable[AppliedSelection]) -> Any:
    """The revision that it came to, or the code of why not."""
    try:
        return (await change).revision
    except ElitscopeError as error:
        return error.code


def prepare(store: Any, file: Path) -> Engine:
    """An engine with stream haadf at revision 1, members 0 to 3."""
    store.flushall()
    file.unlink(missing_ok=True)
    engine = Engine(store, file, {"graphene": fake_ensemble("graphene")})
    engine.members()
    engine.settler.save()
    engine.round()
    return engine


async def play(url: str, engine: Engine, schedule: str, one: Any, two: Any, deaf: bool) -> list[Any]:
    """Two writers' outcomes. In the schedule, "a" and "b" are writers' steps, "e" a round of the engine, "r" its restart."""
    client = open_async_store(url)
    gates = [Gate(), Gate()]
    writers = [
        asyncio.create_task(outcome(Changes(Gated(client, gate, deaf), Clock()).change(*what)))  # type: ignore[arg-type]
        for gate, what in zip(gates, (one, two), strict=True)
    ]
    for gate in gates:
        await gate.arrived.wait()
    for letter in schedule:
        if letter == "e":
            engine.round()
        elif letter == "r":
            engine.start()
        else:
            number = "ab".index(letter)
            await gates[number].step(writers[number])
    for gate in gates:
        gate.open()
    while not all(writer.done() for writer in writers):
        engine.round()
        await asyncio.wait(writers, timeout=0.005)
    await client.aclose()
    return [writer.result() for writer in writers]


def schedules(letters: str) -> list[str]:
    """Every order of the steps, but for those that are others with the writers' names exchanged."""
    every = sorted({"".join(steps) for steps in permutations(letters)})
    return [schedule for schedule in every if schedule.index("a") < schedule.index("b")]


SCHEDULES = schedules("aabbee") + schedules("aabber")[::3]


@pytest.fixture(autouse=True)
def quick_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for its turn looks again soon."""
    monkeypatch.setattr(changes, "TURN_S", 0.001)
    monkeypatch.setattr(changes, "LOOK_AGAIN_S", 0.001)


def walk(
    store_server: StoreServer,
    store: Any,
    file: Path,
    one: Callable[[], Any],
    two: Callable[[], Any],
    check: Callable[[str, list[Any], Engine], None],
) -> None:
    async def all_of_them() -> None:
        for number, schedule in enumerate(SCHEDULES):
            engine = prepare(store, file)
            outcomes = await asyncio.wait_for(play(store_server.url, engine, schedule, one(), two(), deaf=bool(number % 2)), 20.0)
            check(schedule, outcomes, engine)

    asyncio.run(all_of_them())


def test_whatever_the_order_both_of_two_changes_come_into_force_one_after_the_other(
    store_server: StoreServer, store: Any, tmp_path: Path
) -> None:
    def check(schedule: str, outcomes: list[Any], engine: Engine) -> None:
        assert sorted(outcomes) == [2, 3], schedule
        assert engine.members() == (2, 3), schedule
        first, second = audit(store)
        assert (first.revision, second.revision) == (2, 3), schedule
        assert first.after == second.before, schedule
        assert second.after is not None and second.after.members == (2, 3), schedule

    walk(store_server, store, tmp_path / "s.json", lambda: (order("ana"), deselect(0)), lambda: (order("ben"), deselect(1)), check)


def test_whatever_the_order_one_of_two_changes_of_the_same_revision_is_refused(
    store_server: StoreServer, store: Any, tmp_path: Path
) -> None:
    def check(schedule: str, outcomes: list[Any], engine: Engine) -> None:
        assert sorted(map(str, outcomes)) == ["2", "revision_mismatch"], schedule
        assert engine.members() == ((1, 2, 3) if outcomes[0] == 2 else (0, 2, 3)), schedule
        assert sorted(entry.outcome for entry in audit(store)) == ["applied", "refused"], schedule

    ones, twos = (lambda: (order("ana", '"1"'), deselect(0))), (lambda: (order("ben", '"1"'), deselect(1)))
    walk(store_server, store, tmp_path / "s.json", ones, twos, check)


def test_whatever_the_order_a_command_sent_twice_under_its_key_is_carried_out_once(
    store_server: StoreServer, store: Any, tmp_path: Path
) -> None:
    def check(schedule: str, outcomes: list[Any], engine: Engine) -> None:
        assert outcomes == [2, 2], schedule
        assert engine.members() == (1, 2, 3), schedule
        assert len(audit(store)) == 1, schedule

    same = lambda: (order("ana", key="k"), deselect(0))  # noqa: E731
    walk(store_server, store, tmp_path / "s.json", same, same, check)


# ------------------------------------------------------------------------------------------------------------ one writer


@contextlib.asynccontextmanager
async def serving(engine: Engine) -> AsyncIterator[None]:
    """An engine that looks around all the time."""

    async def look_around() -> None:
        while True:
            engine.round()
            await asyncio.sleep(0.002)

    looking = asyncio.create_task(look_around())
    try:
        yield
    finally:
        looking.cancel()


def run_one(
    store_server: StoreServer, engine: Engine, *orders: tuple[Order, Planner], clock: Clock | None = None, served: bool = True
) -> list[Any]:
    async def scenario() -> list[Any]:
        async with open_async_store(store_server.url) as client:
            one = Changes(client, clock or Clock())
            if not served:
                return [await outcome(one.change(*what)) for what in orders]
            async with serving(engine):
                return [await outcome(one.change(*what)) for what in orders]

    return asyncio.run(scenario())


def test_a_controller_is_kept_out_by_a_hold_and_an_operator_is_not(store_server: StoreServer, store: Any, tmp_path: Path) -> None:
    engine = prepare(store, tmp_path / "s.json")
    store.set(keys.hold("haadf"), '{"holder": "ana", "since": 1.0}')
    outcomes = run_one(store_server, engine, (order("bot", role="controller"), deselect(0)), (order("ben"), deselect(1)))
    assert outcomes == ["held", 2]
    assert [(entry.author, entry.outcome, entry.code) for entry in audit(store)] == [("bot", "refused", "held"), ("ben", "applied", "")]


def test_a_key_can_not_stand_for_two_commands(store_server: StoreServer, store: Any, tmp_path: Path) -> None:
    engine = prepare(store, tmp_path / "s.json")
    other = make_order("haadf", "deselect", named_caller("ana", None), "fog", 10.0, "other", "k")
    assert run_one(store_server, engine, (order("ana", key="k"), deselect(0)), (other, deselect(1))) == [2, "idempotency_key_reused"]


def test_two_callers_may_choose_the_same_key(store_server: StoreServer, store: Any, tmp_path: Path) -> None:
    engine = prepare(store, tmp_path / "s.json")
    assert run_one(store_server, engine, (order("ana", key="k"), deselect(0)), (order("ben", key="k"), deselect(1))) == [2, 3]


def test_without_an_engine_the_outcome_is_unknown_until_it_is_asked_for_again(
    store_server: StoreServer, store: Any, tmp_path: Path
) -> None:
    engine = prepare(store, tmp_path / "s.json")
    late = (order("ana", key="k"), deselect(0))
    assert run_one(store_server, engine, late, clock=Impatient(), served=False) == ["outcome_unknown"]
    assert run_one(store_server, engine, late) == [2]
    assert len(audit(store)) == 1


def test_who_comes_after_a_change_that_nobody_settles_changes_nothing(store_server: StoreServer, store: Any, tmp_path: Path) -> None:
    engine = prepare(store, tmp_path / "s.json")
    ask(store, 2, (1,))
    assert run_one(store_server, engine, (order("ben"), deselect(0)), clock=Impatient(), served=False) == ["engine_silent"]
    engine.round()
    assert (engine.members(), record(store, "c2").status) == ((1,), "applied")


def test_a_refused_revision_is_never_used_again(store_server: StoreServer, store: Any, tmp_path: Path) -> None:
    engine = prepare(store, tmp_path / "s.json")
    gold: Planner = lambda now, undo: Plan("gold", None)  # noqa: E731
    assert run_one(store_server, engine, (order("ana"), gold), (order("ben"), deselect(1))) == ["ensemble_unknown", 3]


def test_a_stream_that_nobody_named_is_unknown_but_a_whole_selection_names_it(
    store_server: StoreServer, store: Any, tmp_path: Path
) -> None:
    engine = prepare(store, tmp_path / "s.json")
    patch = make_order("new", "deselect", named_caller("ana", None), "", 10.0, "p", None)
    put = make_order("new", "only", named_caller("ana", None), "", 10.0, "p", None)
    whole: Planner = lambda now, undo: Plan("graphene", (2,))  # noqa: E731
    assert run_one(store_server, engine, (patch, deselect(0)), (put, whole), (patch, deselect(2)), clock=Impatient(0.2)) == [
        "stream_unknown",
        2,
        "last_member",
    ]


class Impatient(Clock):
    """A clock for which every look at it is some time later."""

    def __init__(self, seconds: float = 1.0) -> None:
        super().__init__()
        self._seconds = seconds

    def __call__(self) -> float:
        self.now += self._seconds
        return self.now


# ---------------------------------------------------------------------------------------------------- the store is lost


class Breaking:
    """A store that is lost at the first write, before it has it or after, and comes back at once or later."""

    def __init__(self, inner: Any, lose: Callable[[], None], after: bool) -> None:
        self._inner, self._lose, self._after = inner, lose, after

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name == "pipeline":
            return lambda **options: Breaking(found(**options), self._lose, self._after)
        return self._execute if name == "execute" else found

    async def __aenter__(self) -> Breaking:
        await self._inner.__aenter__()
        return self

    async def __aexit__(self, *what: Any) -> None:
        await self._inner.__aexit__(*what)

    async def _execute(self) -> Any:
        if not self._after:
            self._lose()
            return await self._inner.execute()
        await self._inner.execute()
        self._lose()
        raise redis.WatchError("a ConnectionError occurred while watching one or more keys")


@pytest.mark.parametrize("kind", ["embedded", "redis"])
@pytest.mark.parametrize("after", [False, True], ids=["before it has it", "after"])
@pytest.mark.parametrize("back", [True, False], ids=["back at once", "back later"])
def test_a_store_that_is_lost_in_the_middle_of_a_change_leaves_no_doubt_in_the_end(
    kind: str, after: bool, back: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "ANSWER_S", 120.0 if back else 0.5)
    with StoreServer(kind, tmp_path) as server, server.client() as store:
        engine = prepare(store, tmp_path / "s.json")
        lost: list[bool] = []

        def lose() -> None:
            if not lost:
                lost.append(True)
                server.kill()
                if back:
                    server.start()

        async def ask_for_it(client: Any) -> Any:
            asking = asyncio.create_task(outcome(Changes(client, time.monotonic).change(order("ana", key="k"), deselect(0))))
            while not asking.done():
                await asyncio.wait([asking], timeout=0.01)
                with contextlib.suppress(redis.RedisError):
                    engine.round()
            return asking.result()

        async def scenario() -> tuple[Any, Any]:
            async with open_async_store(server.url) as client:
                first = await ask_for_it(Breaking(client, lose, after))
                if not back:
                    server.start()
                monkeypatch.setattr(changes, "ANSWER_S", 120.0)
                return first, await ask_for_it(client)

        assert asyncio.run(scenario()) == (2 if back else "outcome_unknown", 2)
        assert [entry.revision for entry in audit(store)] == [2]


def test_without_a_store_nothing_is_changed_and_that_is_said(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_async_store(f"unix://{tmp_path}/no.sock") as client:
            await Changes(client, Clock()).change(order("ana"), deselect(0))

    with pytest.raises(StoreUnavailable):
        asyncio.run(scenario())
