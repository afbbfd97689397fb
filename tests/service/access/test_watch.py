"""The keys that a server knows, whatever becomes of the store: nobody is let in by an accident."""

from __future__ import annotations

import stat
from pathlib import Path
from threading import Event

from elitscope.errors import StoreUnavailable
from elitscope_service.access.key import ApiKey, make_key
from elitscope_service.access.last_known import FILE_NAME
from elitscope_service.access.watch import KeyWatch
from tests.service.builders import Clock

KEY, _ = make_key("ana", 1.0)


class Shelf:
    """A store that can be filled, emptied and taken away."""

    def __init__(self, *keys: ApiKey) -> None:
        self.keys: tuple[ApiKey, ...] | None = keys

    def read(self) -> tuple[ApiKey, ...]:
        if self.keys is None:
            raise StoreUnavailable("down")
        return self.keys


def watch(shelf: Shelf, folder: Path, required: bool = False, clock: Clock | None = None, calls: list[str] | None = None) -> KeyWatch:
    said = calls if calls is not None else []
    return KeyWatch(
        shelf.read, folder, required, clock or Clock(10.0), lambda: said.append("required"), lambda: said.append("loss"), lambda: None
    )


def test_without_keys_none_is_needed_on_loopback_and_one_is_beyond(tmp_path: Path) -> None:
    assert not watch(Shelf(), tmp_path).load().required
    assert watch(Shelf(), tmp_path, required=True).load().required


def test_the_first_key_is_needed_at_once(tmp_path: Path) -> None:
    shelf, calls = Shelf(), []
    watcher = watch(shelf, tmp_path, calls=calls)
    watcher.load()
    shelf.keys = (KEY,)
    watcher.refresh()
    assert (watcher.ring().required, watcher.ring().keys, calls) == (True, (KEY,), ["required"])


def test_where_neither_store_nor_copy_can_be_read_nobody_is_let_in(tmp_path: Path) -> None:
    shelf = Shelf()
    shelf.keys = None
    ring = watch(shelf, tmp_path).load()
    assert (ring.required, ring.known) == (True, False)


def test_a_store_that_comes_late_and_holds_no_keys_opens_loopback(tmp_path: Path) -> None:
    shelf = Shelf()
    shelf.keys = None
    watcher = watch(shelf, tmp_path)
    watcher.load()
    shelf.keys = ()
    watcher.refresh()
    assert not watcher.ring().required


def test_with_the_store_down_the_copy_is_gone_by_also_after_a_restart(tmp_path: Path) -> None:
    shelf = Shelf(KEY)
    watch(shelf, tmp_path).load()
    shelf.keys = None
    ring = watch(shelf, tmp_path).load()
    assert (ring.keys, ring.required, ring.known) == ((KEY,), True, True)


def test_a_keyless_server_starts_keyless_with_the_store_down(tmp_path: Path) -> None:
    shelf = Shelf()
    watch(shelf, tmp_path).load()
    shelf.keys = None
    assert not watch(shelf, tmp_path).load().required


def test_a_store_that_comes_back_empty_lets_nobody_in(tmp_path: Path) -> None:
    shelf = Shelf(KEY)
    watch(shelf, tmp_path).load()
    shelf.keys = ()
    for _ in range(2):  # now, and after a restart
        ring = watch(shelf, tmp_path).load()
        assert (ring.keys, ring.required) == ((), True)


def test_a_copy_that_is_broken_is_as_good_as_none(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text('{"required": false}')
    shelf = Shelf()
    shelf.keys = None
    assert not watch(shelf, tmp_path).load().known


def test_the_copy_is_its_owners_alone(tmp_path: Path) -> None:
    watch(Shelf(KEY), tmp_path).load()
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600


def test_whoever_listens_is_told_when_a_key_is_revoked_or_expires_and_only_then(tmp_path: Path) -> None:
    clock, calls = Clock(10.0), []
    brief, _ = make_key("brief", 1.0, expires_at=20.0)
    shelf = Shelf(KEY, brief)
    watcher = watch(shelf, tmp_path, clock=clock, calls=calls)
    watcher.load()
    watcher.refresh()
    assert calls == []
    shelf.keys = (KEY.model_copy(update={"revoked_at": 11.0}), brief)
    watcher.refresh()
    assert calls == ["loss"]
    shelf.keys, clock.now = None, 20.0  # with the store down, too
    watcher.refresh()
    watcher.refresh()
    assert calls == ["loss", "loss"]


def test_the_thread_looks_again_and_again_and_ends_when_asked_to(tmp_path: Path) -> None:
    seen, closed = Event(), Event()
    shelf = Shelf()
    watcher = KeyWatch(shelf.read, tmp_path, False, Clock(10.0), on_required=seen.set, close=closed.set)
    watcher.load()
    watcher.start()
    shelf.keys = (KEY,)
    assert seen.wait(120)
    watcher.stop()
    assert watcher.join(120)
    assert closed.is_set()
    assert watcher.failure is None
