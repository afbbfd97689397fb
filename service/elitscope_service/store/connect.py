"""Reaching the store: short time-outs, and no command is ever sent twice.

redis-py would repeat a command whose answer did not come; but it may have been carried out, and a second entry in the audit log is not a
repetition. So nothing is retried down here: whoever asks again first reads where things stand.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from elitscope.errors import StoreUnavailable

CONNECT_S = 1.0
ANSWER_S = 2.0
CONNECTIONS = 64

__all__ = ["StoreUnavailable", "open_async_store", "open_store", "persistence_warning", "shown", "store_errors", "with_password"]


def open_store(url: str) -> redis.Redis:
    """A client for threads (engine, commands). Connects when it is first used; answers are text. Close it in the end."""
    return redis.Redis.from_url(
        url,
        decode_responses=True,
        socket_connect_timeout=CONNECT_S,
        socket_timeout=ANSWER_S,
        retry=Retry(NoBackoff(), 0),
        max_connections=CONNECTIONS,
    )


def open_async_store(url: str) -> redis.asyncio.Redis:
    """The same for asyncio (API)."""
    return redis.asyncio.Redis.from_url(
        url,
        decode_responses=True,
        socket_connect_timeout=CONNECT_S,
        socket_timeout=ANSWER_S,
        retry=AsyncRetry(NoBackoff(), 0),
        max_connections=CONNECTIONS,
    )


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn whatever keeps the store from answering into `StoreUnavailable`. A lost race (`redis.WatchError`) passes through.

    Raises:
        StoreUnavailable: it is not there, is still reading its files, refuses us, or can't write.
    """
    try:
        yield
    except redis.WatchError:
        raise
    except (redis.RedisError, OSError) as error:
        raise StoreUnavailable(f"the store does not answer ({error}): frames are analysed as before, changes have to wait") from error


def with_password(url: str, file: Path | None) -> str:
    """The URL with the password that stands in `file`, for secrets that are kept in files.

    Raises:
        OSError: the file can't be read.
    """
    if file is None:
        return url
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    user = quote(parts.username or "", safe="")
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(file.read_text('utf-8').strip(), safe='')}@{host}"))


def shown(url: str) -> str:
    """The URL as it may stand in a log.

    >>> shown("redis://:secret@box:6379/0"), shown("unix:///run/elitscope/valkey.sock")
    ('redis://***@box:6379/0', 'unix:///run/elitscope/valkey.sock')
    """
    bare = url.partition("?")[0]
    scheme, _, rest = bare.partition("://")
    _, at, host = rest.rpartition("@")
    return f"{scheme}://***@{host}" if at else bare


def persistence_warning(store: redis.Redis) -> str | None:
    """What a restart of the store would lose, in words; None where that is nothing.

    Raises:
        StoreUnavailable: it does not answer.
    """
    with store_errors():
        try:
            appends = store.config_get("appendonly").get("appendonly") == "yes"
            syncs = store.config_get("appendfsync").get("appendfsync")
            saves = bool(store.config_get("save").get("save"))
        except redis.ResponseError:  # a managed Redis may not tell
            appends, syncs, saves = bool(store.info("persistence").get("aof_enabled")), None, True
    if appends:
        return (
            None
            if syncs in ("always", None)
            else f"the store syncs its file {syncs}: a crash loses the last second; set appendfsync always"
        )
    if saves:
        return "the store keeps snapshots only: a crash loses minutes of what was acknowledged; set appendonly yes"
    return "the store keeps nothing on disk: its restart loses every selection, key and the audit log; set appendonly yes"
