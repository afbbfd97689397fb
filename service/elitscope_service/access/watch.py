"""The thread that follows the keys in the store. It owns its connection.

A key that was made or revoked counts within half a second in a running server. While the store is down, the keys known last stay in force,
and expire as they should; nothing can be revoked then anyway.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event

from pydantic import ValidationError

from elitscope.errors import StoreUnavailable
from elitscope_service.access.key import ApiKey
from elitscope_service.access.keybook import KeyBook
from elitscope_service.access.keyring import Keyring
from elitscope_service.access.last_known import read_last_known, write_last_known
from elitscope_service.config import ServerConfig
from elitscope_service.store.address import store_url
from elitscope_service.store.connect import open_store
from elitscope_service.threads import OwnedThread

logger = logging.getLogger(__name__)

INTERVAL_S = 0.5


class KeyWatch(OwnedThread):
    """Keeps a `Keyring` up to date.

    Once keys were needed they are for good: a store that comes back empty lets nobody in, instead of everybody.

    Args:
        read: the keys in the store; raises `StoreUnavailable`.
        folder: where the copy is kept.
        required: a key is needed even where there is none, because the server can be reached from elsewhere.
        on_required: called in this thread when keys are needed that were not before: the first one was made.
        on_loss: called in this thread when a key that counted does not any more.
        close: called when nothing is read any more.
        wall: Unix seconds.
    """

    def __init__(
        self,
        read: Callable[[], tuple[ApiKey, ...]],
        folder: Path,
        required: bool,
        wall: Callable[[], float],
        on_required: Callable[[], None] = lambda: None,
        on_loss: Callable[[], None] = lambda: None,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__("elitscope-keys")
        self._read = read
        self._folder = folder
        self._always = required
        self._wall = wall
        self._on_required = on_required
        self._on_loss = on_loss
        self.close = close
        self._ring = Keyring(required=True, known=False)
        self._copied: Keyring | None = None
        self._valid: frozenset[str] = frozenset()
        self._silent = False
        self._stop = Event()

    def ring(self) -> Keyring:
        """The current snapshot."""
        return self._ring

    def load(self) -> Keyring:
        """The first snapshot: from the store, else from the copy, else one that lets nobody in. To be called before `start`."""
        self._copied = read_last_known(self._folder)
        if self._copied is not None:
            self._ring = replace(self._copied, required=self._copied.required or self._always)
        self.refresh()
        return self._ring

    def refresh(self) -> None:
        """Look at the store once, and at the clock."""
        try:
            keys = self._read()
        except (StoreUnavailable, ValidationError) as error:
            self._note_silence(error)
        else:
            self._silent = False
            was_required = self._ring.required
            self._ring = Keyring(keys, self._always or bool(keys) or (self._ring.known and was_required))
            self._copy()
            if self._ring.required and not was_required:
                self._on_required()
        valid = self._ring.valid_ids(self._wall())
        lost, self._valid = self._valid - valid, valid
        if lost:
            self._on_loss()

    def stop(self) -> None:
        """Ask the thread to end."""
        self._stop.set()

    def run(self) -> None:
        try:
            while not self._stop.wait(INTERVAL_S):
                self.refresh()
        finally:
            self.close()

    def _copy(self) -> None:
        if self._ring == self._copied:
            return
        try:
            write_last_known(self._folder, self._ring)
        except OSError as error:
            logger.warning("the keys could not be copied to %s: %s", self._folder, error)
        self._copied = self._ring

    def _note_silence(self, error: Exception) -> None:
        if not self._silent:
            what = "the keys known last stay in force" if self._ring.known else "who may come in is not known, so nobody may"
            logger.warning("the keys can't be read, %s: %s", what, error)
        self._silent = True


def watch_keys(
    config: ServerConfig, on_required: Callable[[], None] = lambda: None, on_loss: Callable[[], None] = lambda: None
) -> KeyWatch:
    """The thread for the store and the data folder of a configuration; not loaded or started yet."""
    store = open_store(store_url(config))
    return KeyWatch(KeyBook(store).read, config.data_dir, config.beyond_loopback, time.time, on_required, on_loss, store.close)
