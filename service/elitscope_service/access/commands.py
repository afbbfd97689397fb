"""`elitscope-server keys`: makes, lists and revokes keys, whether the server runs or not."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, get_args

from elitscope.errors import ElitscopeError
from elitscope.keyfile import KeyFile
from elitscope_service.access.expiry import expiry, in_words
from elitscope_service.access.key import SCOPES, ApiKey, make_key
from elitscope_service.access.keybook import KeyBook
from elitscope_service.access.keyring import Keyring
from elitscope_service.access.last_known import write_last_known
from elitscope_service.access.pair import CurvePair, is_public_key, new_pair, server_pair
from elitscope_service.access.private import create_private
from elitscope_service.access.visit import visited_store
from elitscope_service.config import load_config
from elitscope_service.store.documents import Role

PROG = "elitscope-server keys"
DESCRIPTION = "Keys say who may come in. From the first one on, nothing is reachable without a key but /healthz."
EPILOG = """\
examples:
  elitscope-server keys                                              the server's public key, and every key there is
  elitscope-server keys create acquisition --scope operate --streams haadf --file acquisition.key
  elitscope-server keys create ana --scope admin --expires 90d       prints a token for REST and the console
  elitscope-server keys create pilot --scope operate --role controller --json
  elitscope-server keys revoke ana                                   at once, also in a server that runs

A key file goes to the computer that it is for, and opens both doors there:
  elitscope stream scan.dm4 --server tcp://gpu-box:5555 --key acquisition.key
It says where the store is in the same way as the server: --data-dir, --config, ELITSCOPE_DATA_DIR, ELITSCOPE_REDIS_URL.
"""


def main(argv: Sequence[str], wall: Callable[[], float] = time.time) -> int:
    """Run one of the commands; the exit code. 1: it could not be done; a line on standard error says why."""
    arguments = _parser().parse_args(argv)
    try:
        return asyncio.run(_work(arguments, wall))
    except (ElitscopeError, OSError, ValueError) as error:
        print(f"{PROG}: {error}", file=sys.stderr)
    return 1


class Desk:
    """What the commands work with: the keys in the store, the copy and the server's pair in the data folder, the time."""

    def __init__(self, folder: Path, book: KeyBook, wall: Callable[[], float]) -> None:
        self.folder = folder
        self.book = book
        self.wall = wall

    def pair(self) -> CurvePair:
        """The server's own pair."""
        return server_pair(self.folder)

    def copy(self) -> None:
        """Bring the copy up to date, so that a server that starts while the store is down knows of the change."""
        write_last_known(self.folder, Keyring(self.book.read(), required=True))


Command = Callable[[argparse.Namespace, Desk], int]


def create(arguments: argparse.Namespace, desk: Desk) -> int:
    """Make a key and show, once, what its holder needs."""
    if arguments.public_key is not None and not is_public_key(arguments.public_key):
        raise ValueError(f"--public-key {arguments.public_key!r} is no CURVE public key: 40 characters of Z85")
    if arguments.file not in (None, "-") and Path(arguments.file).exists():
        raise FileExistsError(f"{arguments.file} exists: choose another name, a key that is lost can't be shown again")
    now = desk.wall()
    pair = new_pair() if arguments.file is not None else None
    key, token = make_key(
        arguments.name,
        now,
        scope=arguments.scope,
        role=arguments.role,
        streams=None if arguments.streams is None else tuple(arguments.streams),
        expires_at=None if arguments.expires is None else expiry(arguments.expires, now),
        curve_public=arguments.public_key if pair is None else pair.public_key,
    )
    server_key = desk.pair().public_key
    desk.book.add(key)
    desk.copy()
    if pair is not None:
        _hand_over(KeyFile(key.name, server_key, pair.public_key, pair.secret_key, token), arguments)
        token = ""
    if arguments.json:
        print(json.dumps({**_facts(key, now), "token": token or None, "file": arguments.file, "server_key": server_key}))
    elif arguments.file != "-":
        where = f"key file: {arguments.file}" if arguments.file else f"token, shown this once: {token}"
        print(f"key {key.name!r}: {_in_short(key)}\n{where}")
    return 0


def list_keys(arguments: argparse.Namespace, desk: Desk) -> int:
    """Show every key there ever was, and what clients know the server by."""
    keys, now, server_key = desk.book.read(), desk.wall(), desk.pair().public_key
    if arguments.json:
        print(json.dumps({"server_key": server_key, "keys": [_facts(key, now) for key in keys]}))
        return 0
    print(f"server key: {server_key}")
    for key in keys:
        print(f"{key.name:<24} {key.state(now):<8} {_in_short(key)}")
    if not keys:
        print("no keys: the server can be reached from this computer alone, and asks nobody for one")
    return 0


def revoke(arguments: argparse.Namespace, desk: Desk) -> int:
    """Have a key count no more."""
    key = desk.book.revoke(arguments.name, desk.wall())
    desk.copy()
    print(json.dumps(_facts(key, desk.wall())) if arguments.json else f"key {key.name!r} is revoked")
    return 0


async def _work(arguments: argparse.Namespace, wall: Callable[[], float]) -> int:
    flags = {} if arguments.data_dir is None else {"data_dir": arguments.data_dir}
    config = load_config(flags, arguments.config)
    async with visited_store(config) as store:
        run: Command = arguments.run
        return run(arguments, Desk(config.data_dir, KeyBook(store), wall))


def _hand_over(file: KeyFile, arguments: argparse.Namespace) -> None:
    if arguments.file != "-":
        create_private(Path(arguments.file), file.dumps().encode())
    elif not arguments.json:
        print(file.dumps(), end="")


def _facts(key: ApiKey, now: float) -> dict[str, Any]:
    return {**key.model_dump(mode="json", exclude={"token_sha256"}), "state": key.state(now)}


def _in_short(key: ApiKey) -> str:
    streams = "any stream" if key.streams is None else "streams " + ", ".join(key.streams)
    door = "REST and ZeroMQ" if key.curve_public else "REST alone"
    return f"{key.scope}, {key.role}, {streams}, {door}, {in_words(key.expires_at)}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROG, description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    for where in (parser, common):
        where.add_argument("--json", action="store_true", help="print JSON")
        where.add_argument("--data-dir", metavar="DIR", type=Path, help="the server's data folder")
        where.add_argument("--config", metavar="FILE.toml", type=Path, help="the server's settings")
    parser.set_defaults(run=list_keys)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    def command(name: str, run: Command, help: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, parents=[common], help=help, description=help)
        sub.set_defaults(run=run)
        return sub

    making = command("create", create, "make a key")
    making.add_argument("name", metavar="NAME", help="who or what holds it; appears in the audit log")
    making.add_argument("--scope", choices=SCOPES, default="read", help="each includes those before it (default: read)")
    making.add_argument("--role", choices=get_args(Role), default="operator", help="a person, or a program that a person's hold keeps out")
    making.add_argument("--streams", nargs="+", metavar="NAME", help="streams that it may send to and change (default: any)")
    making.add_argument("--expires", metavar="WHEN", help="12h, 30d, 8w or a date, 2027-01-31 (default: never)")
    making.add_argument("--file", metavar="FILE", help="write a key file for ZeroMQ and REST, - prints it (default: a token for REST)")
    making.add_argument("--public-key", metavar="Z85", help="the holder made a CURVE key pair; this is its public half")
    command("list", list_keys, "show every key, and the server's public key")
    revoking = command("revoke", revoke, "have a key count no more, at once")
    revoking.add_argument("name", metavar="NAME")
    return parser
