"""ZeroMQ with keys, on real sockets: who may connect, what they may send, and how it ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from elitscope import Client
from elitscope.aio import AsyncClient
from elitscope.errors import NotAuthorised, ServerGone
from elitscope.keyfile import KeyFile
from elitscope.messages import Hello, Ping, Reject, ResultMessage, Welcome
from elitscope.types import Rejection
from elitscope.watch import subscribe
from elitscope_service.access.key import ApiKey, make_key
from elitscope_service.access.keyring import Keyring
from elitscope_service.access.pair import new_pair, server_pair
from elitscope_service.config import load_config
from elitscope_service.engine.engine import Engine
from elitscope_service.registry import Registry
from tests.service.builders import OTHER_SESSION, PIXELS, SESSION, Clock, frame
from tests.service.wire import Peer, RunningEngine, Subscriber

ANYWHERE = "tcp://127.0.0.1:0"
NOW = 1e9


class Guarded:
    """An engine that asks for keys, the keys, and the time by which they expire."""

    def __init__(self, folder: Path, bundles: Path, ensemble: Any, ring: Keyring | None = None) -> None:
        self.folder, self.wall = folder, Clock(NOW)
        self.server_key = server_pair(folder).public_key
        self.keys: dict[str, ApiKey] = {}
        self.ring = ring or Keyring(required=True)
        registry = Registry(lambda bundle: ensemble)
        registry.scan([bundles])
        config = load_config({"bind": ANYWHERE, "publish": ANYWHERE, "data_dir": folder})
        self.engine = Engine(config, registry, wall=self.wall, keys=lambda: self.ring)
        self.running = RunningEngine(self.engine, registry, *self.engine.listen())
        self.running.serve()

    def key(self, name: str, **options: Any) -> KeyFile:
        """A key that the engine knows."""
        pair = new_pair()
        self.keys[name], token = make_key(name, NOW, curve_public=pair.public_key, **options)
        self._take()
        return KeyFile(name, self.server_key, pair.public_key, pair.secret_key, token)

    def revoke(self, name: str) -> None:
        """As the thread that watches the keys does it."""
        self.keys[name] = self.keys[name].model_copy(update={"revoked_at": NOW})
        self._take()
        self.engine.cut_off()

    def stranger(self) -> KeyFile:
        """A key that it does not know."""
        pair = new_pair()
        return KeyFile("stranger", self.server_key, pair.public_key, pair.secret_key)

    def _take(self) -> None:
        self.ring = Keyring(tuple(self.keys.values()), required=True)


@pytest.fixture
def start(tmp_path: Path, toy_folder: Path, toy_ensemble: Any) -> Iterator[Callable[..., Guarded]]:
    """Starts an engine with keys."""
    started: list[Guarded] = []

    def start(**options: Any) -> Guarded:
        started.append(Guarded(tmp_path, toy_folder, toy_ensemble, **options))
        return started[-1]

    yield start
    for guarded in started:
        guarded.running.close()


@pytest.fixture
def guarded(start: Callable[..., Guarded]) -> Guarded:
    return start()


def peer(guarded: Guarded, key: KeyFile | None) -> Peer:
    return Peer(guarded.running.bind, **curve(key))


def curve(key: KeyFile | None) -> dict[str, Any]:
    if key is None:
        return {}
    return {name: getattr(key, what).encode() for name, what in zip(CURVE, ("server_key", "public_key", "secret_key"), strict=True)}


CURVE = ("CURVE_SERVERKEY", "CURVE_PUBLICKEY", "CURVE_SECRETKEY")


def messages(guarded: Guarded) -> int:
    return guarded.engine._reception.messages


def test_a_known_key_sends_frames_and_is_answered(guarded: Guarded) -> None:
    with peer(guarded, guarded.key("acquisition", scope="operate")) as known:
        known.greet(SESSION)
        assert isinstance(known.ask(frame(0)), ResultMessage)


@pytest.mark.parametrize("who", ["stranger", "revoked", "expired", "reader", "nobody", "plain", "no curve key"])
def test_whoever_may_not_send_never_gets_a_byte_to_the_engine(who: str, guarded: Guarded) -> None:
    key: KeyFile | None = guarded.stranger()
    if who == "revoked":
        key = guarded.key("old", scope="admin")
        guarded.revoke("old")
    elif who == "expired":
        key = guarded.key("brief", scope="admin", expires_at=NOW + 1)
        guarded.wall.now = NOW + 1
    elif who == "reader":
        key = guarded.key("reader")
    elif who == "nobody":
        key = None
    elif who == "no curve key":
        guarded.keys["token only"], _ = make_key("token only", NOW, scope="admin")
    options: dict[str, Any] = {"PLAIN_USERNAME": b"ana", "PLAIN_PASSWORD": b"x"} if who == "plain" else curve(key)
    with Peer(guarded.running.bind, **options) as unwanted, peer(guarded, guarded.key("known", scope="operate")) as known:
        unwanted.offer(Hello(SESSION))
        unwanted.offer(frame(0))
        known.greet(OTHER_SESSION)  # the engine has had its chance to hear the other one by then
        assert isinstance(known.ask(frame(0, session=OTHER_SESSION)), ResultMessage)
        assert unwanted.silent()
    assert messages(guarded) <= 3, "known's greeting, frame and goodbye"


def test_a_key_uses_its_own_streams_alone(guarded: Guarded) -> None:
    with peer(guarded, guarded.key("acquisition", scope="operate", streams=("haadf", "eels"))) as known:
        known.greet(SESSION)
        assert isinstance(known.ask(frame(0, stream="eels")), ResultMessage)
        refused = known.ask(frame(1, stream="other"))
        assert isinstance(refused, Reject)
        assert (refused.code, refused.frame_id, refused.stream) == ("not_authorised", 1, "other")
        assert "key 'acquisition' may use haadf, eels alone, not stream 'other'" in refused.message
        assert isinstance(known.ask(frame(2, stream="haadf")), ResultMessage)
    assert "other" not in guarded.engine._reception.streams


@pytest.mark.parametrize("end", ["revoked", "expired", "another stream's"])
def test_a_connection_that_was_made_in_time_sends_nothing_after_its_key_ended(end: str, guarded: Guarded) -> None:
    with peer(guarded, guarded.key("acquisition", scope="operate", expires_at=NOW + 10)) as known:
        known.greet(SESSION)
        assert isinstance(known.ask(frame(0)), ResultMessage)
        if end == "revoked":
            guarded.revoke("acquisition")
        elif end == "expired":
            guarded.wall.now = NOW + 10
        else:
            guarded.keys["acquisition"] = guarded.keys["acquisition"].model_copy(update={"streams": ("eels",)})
            guarded._take()
        answer = known.ask(frame(1))
        assert isinstance(answer, Reject)
        assert (answer.code, answer.frame_id) == ("not_authorised", 1)
        if end != "another stream's":
            for message in (Hello(SESSION), Ping(SESSION, 1)):
                assert isinstance(answer := known.ask(message), Reject)
                assert answer.code == "not_authorised"


def test_while_it_is_not_known_who_may_come_in_a_client_waits_and_then_gets_in(start: Callable[..., Guarded]) -> None:
    guarded = start(ring=Keyring(required=True, known=False))
    with peer(guarded, key := guarded.stranger()) as early:
        early.send(Hello(SESSION))
        assert early.silent(300)
        guarded.keys["late"], _ = make_key("late", NOW, scope="operate", curve_public=key.public_key)
        guarded._take()
        assert isinstance(early.receive(), Welcome)


# -------------------------------------------------------------------------------------------------------- publications


def test_a_read_key_listens(guarded: Guarded) -> None:
    with Subscriber(guarded.running.publish, "status/", **curve(guarded.key("reader"))) as listener:
        assert listener.receive()[0] == "status/"


@pytest.mark.parametrize("who", ["stranger", "nobody"])
def test_nobody_listens_without_a_key(who: str, guarded: Guarded) -> None:
    key = guarded.stranger() if who == "stranger" else None
    with (
        Subscriber(guarded.running.publish, "", **curve(key)) as unwanted,
        Subscriber(guarded.running.publish, "status/", **curve(guarded.key("reader"))) as listener,
    ):
        assert listener.receive()[0] == "status/"
        assert not unwanted.socket.poll(200)


def test_a_subscription_ends_when_its_key_is_revoked_and_others_go_on(guarded: Guarded) -> None:
    bad, good = guarded.key("bad"), guarded.key("good")
    with (
        Subscriber(guarded.running.publish, "status/", **curve(bad)) as ended,
        Subscriber(guarded.running.publish, "status/", **curve(good)) as staying,
    ):
        ended.receive()
        staying.receive()
        connections = staying.socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
        guarded.revoke("bad")
        assert connections.poll(120_000), "the one that stays connects anew"
        staying.receive()
        while ended.socket.poll(200):  # what was under way
            ended.receive()
        for _ in range(2):
            staying.receive()
        assert not ended.socket.poll(0)
        staying.socket.disable_monitor()
        connections.close()


def test_the_servers_own_pair_listens_and_sends_nothing(guarded: Guarded) -> None:
    pair = server_pair(guarded.folder)
    own = KeyFile("server", pair.public_key, pair.public_key, pair.secret_key)
    with Subscriber(guarded.running.publish, "status/", **curve(own)) as inside, peer(guarded, own) as sending:
        assert inside.receive()[0] == "status/"
        sending.offer(Hello(SESSION))
        assert sending.silent(300)


# ------------------------------------------------------------------------------------------------------ the client's side


def test_a_client_with_a_key_file_streams(guarded: Guarded, tmp_path: Path) -> None:
    path = tmp_path / "acquisition.key"
    path.write_text(guarded.key("acquisition", scope="operate", streams=("haadf",)).dumps())
    path.chmod(0o600)
    with Client(guarded.running.bind, stream="haadf", key=path, timeout=60) as client:
        assert [type(reply).__name__ for reply in client.stream([PIXELS] * 3)] == ["Result"] * 3
    with (
        Client(guarded.running.bind, stream="other", key=str(path), timeout=60) as client,
        pytest.raises(NotAuthorised, match="not stream 'other'"),
    ):
        client.infer(PIXELS)


def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "acquisition.key"
    path.write_text("{}")
    path.chmod(0o644)
    with pytest.raises(ValueError, match="chmod 600"):
        Client(key=path)


@pytest.mark.parametrize(
    ("who", "words"),
    [("nobody", "asks for a key|hangs up"), ("stranger", "does not let key 'stranger' in"), ("elsewhere", "key file is for")],
)
def test_a_client_that_is_not_let_in_learns_so_at_once(who: str, words: str, guarded: Guarded) -> None:
    key: KeyFile | None = guarded.stranger()
    if who == "nobody":
        key = None
    elif who == "elsewhere":
        pair = new_pair()
        key = KeyFile("elsewhere", new_pair().public_key, pair.public_key, pair.secret_key)
    begun = time.monotonic()
    with Client(guarded.running.bind, key=key, timeout=120) as client, pytest.raises(NotAuthorised, match=words):
        client.infer(PIXELS)
    with Client(guarded.running.bind, key=key, timeout=120) as client, pytest.raises(NotAuthorised, match=words):
        client.connect()
    with pytest.raises(NotAuthorised, match=words):
        next(subscribe(guarded.running.publish, timeout=120, key=key))
    assert time.monotonic() - begun < 120


def test_a_client_with_a_key_learns_that_a_server_asks_for_none(start_engine: Callable[..., RunningEngine], guarded: Guarded) -> None:
    running = start_engine()
    with Client(running.bind, key=guarded.stranger(), timeout=60) as client, pytest.raises((NotAuthorised, ServerGone), match="key file"):
        client.connect()


def test_a_client_whose_key_is_revoked_in_the_middle_gets_an_answer_to_every_frame(guarded: Guarded) -> None:
    def camera() -> Iterator[Any]:
        yield PIXELS
        guarded.revoke("acquisition")
        yield from [PIXELS] * 3

    with Client(guarded.running.bind, key=guarded.key("acquisition", scope="operate"), timeout=60) as client:
        client.connect()
        replies = list(client.stream(camera()))
    assert [reply.frame_id for reply in replies] == [0, 1, 2, 3]
    assert [reply.code for reply in replies if isinstance(reply, Rejection)][-1] == "not_authorised"


async def _infer(address: str, key: KeyFile) -> Any:
    async with AsyncClient(address, key=key, timeout=60) as client:
        return await client.infer(PIXELS)


def test_the_asyncio_client_takes_a_key_too(guarded: Guarded) -> None:
    assert asyncio.run(_infer(guarded.running.bind, guarded.key("acquisition", scope="operate"))).stream == "main"
