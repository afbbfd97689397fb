"""`elitscope-server`: the command line, and the place where everything is put together."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from elitscope.errors import ElitscopeError
from elitscope.version import __version__
from elitscope_service.config import ServerConfig, load_config, misspelt_variables
from elitscope_service.logs import log_to_stderr
from elitscope_service.server import Server

logger = logging.getLogger(__name__)

DESCRIPTION = "Analyses frames of a scanning transmission electron microscope as they come: mean segmentation, atoms, uncertainty."

EPILOG = """\
examples:
  elitscope-server                                    the ensemble that ships, on this computer's usual ports
  elitscope-server --bundles /data/bundles --ensemble graphene-v2
  elitscope-server --config elitscope.toml --check    would it start, and do the bundles hold up?
  ELITSCOPE_DEVICE=cpu elitscope-server --bind tcp://127.0.0.1:0 --publish tcp://127.0.0.1:0 --http 127.0.0.1:0
  elitscope-server keys --help                        make, list and revoke keys: needed to be reached from other computers

Every flag can also be set as ELITSCOPE_NAME in the environment or as `name` in the TOML file; flags win over environment over file.
Limits are a table [limits] in the file, or ELITSCOPE_LIMITS__NAME. Once frames can be sent, one line comes on standard output:
  ready tcp://127.0.0.1:5555 tcp://127.0.0.1:5556 http://127.0.0.1:8000
SIGTERM or Ctrl-C lets queued frames finish and stops; a second one stops at once.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `elitscope-server`; the exit code."""
    words = sys.argv[1:] if argv is None else argv
    if words and words[0] == "keys":
        from elitscope_service.access.commands import main as keys

        return keys(words[1:])
    arguments = vars(_parser().parse_args(words))
    log_to_stderr("server")
    file, checking = arguments.pop("config"), arguments.pop("check")
    try:
        config = load_config({name: value for name, value in arguments.items() if value is not None}, file)
        for line in misspelt_variables(os.environ):
            logger.warning("%s", line)
        return _check(config) if checking else asyncio.run(Server(config, _announce).run())
    except ElitscopeError as error:
        print(f"elitscope-server: {error}", file=sys.stderr)
    return 1


def _announce(frames: str, publications: str, http: str) -> None:
    print(f"ready {frames} {publications} {http}", flush=True)


def _check(config: ServerConfig) -> int:
    from elitscope_service.check import check
    from elitscope_service.engine.loading import open_registry

    passed, report = check(config, open_registry(config))
    print(report)
    return 0 if passed else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="elitscope-server", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    defaults: dict[str, Any] = {name: field.default for name, field in ServerConfig.model_fields.items()}
    add = parser.add_argument
    add("--bundles", metavar="DIR", nargs="+", type=Path, help="bundles, or folders of bundles (default: those that ship)")
    add("--ensemble", metavar="NAME", help="what streams start with (default: the first bundle that holds up)")
    add("--bind", metavar="ADDRESS", help=f"where frames come in (default: {defaults['bind']})")
    add("--publish", metavar="ADDRESS", help=f"where results are published (default: {defaults['publish']})")
    add("--http", metavar="HOST:PORT", help=f"where HTTP is served (default: {defaults['http']})")
    add("--tls-cert", metavar="FILE", type=Path, help="certificate for HTTP, as PEM")
    add("--tls-key", metavar="FILE", type=Path, help="and its private key")
    add("--insecure-http", action="store_const", const=True, help="serve other computers without TLS: a proxy in front of it speaks that")
    add("--host-names", metavar="NAME", nargs="+", help="what others call this server in their browsers, beside its number")
    add("--data-dir", metavar="DIR", type=Path, help=f"what the server keeps, compiled networks say (default: {defaults['data_dir']})")
    add("--device", metavar="DEVICE", help="auto, cpu, cuda or tensorrt (default: auto)")
    add("--anytime", action="store_const", const=True, help="answer a frame that would miss its deadline with fewer networks")
    add("--config", metavar="FILE.toml", type=Path, help="settings from a file")
    add("--check", action="store_true", help="validate configuration and bundles, and exit")
    add("--version", action="version", version=f"elitscope-server {__version__}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
