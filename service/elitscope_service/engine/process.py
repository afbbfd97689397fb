"""The engine as a process: it listens, loads, serves and drains, and reports to the parent how far it is."""

from __future__ import annotations

import gc
import logging
import os

from elitscope.errors import ElitscopeError
from elitscope_models.ensemble import Ensemble
from elitscope_service.access.watch import KeyWatch, watch_keys
from elitscope_service.child import Report, ReportPipe
from elitscope_service.config import ServerConfig
from elitscope_service.engine.engine import Engine
from elitscope_service.engine.inbox import Inbox
from elitscope_service.engine.loading import LoaderThread, load_default, open_registry

logger = logging.getLogger(__name__)

CANNOT_START = 1
DEFECT = 3
KEYS_CAME = 4
WATCH_S = 0.5
LOADER_S = 10.0
KEYS_S = 5.0


def run(config: ServerConfig, reports: ReportPipe) -> int:
    """Run the engine until the parent, or a signal, says stop.

    Returns:
        The exit code: 0 when it was asked to stop, 1 where it can't start, 3 where one of its threads ended,
        4 where keys are needed that were not when it started.
    """
    inbox = Inbox(0, config.drain_s)
    inbox.obey_signals()
    try:
        registry = open_registry(config)
        keys = watch_keys(config, on_required=inbox.nudge, on_loss=lambda: engine.cut_off())  # noqa: PLW0108 - made below
        keys.load()
        engine = Engine(config, registry, keys=keys.ring)
        bind, publish = engine.listen()
    except ElitscopeError as error:
        reports.send(Report("failed", message=str(error)))
        return CANNOT_START
    addresses = {"bind": bind, "publish": publish}
    reports.send(Report("bound", addresses))
    loader = LoaderThread(lambda: _serve(engine, load_default(registry, config)), inbox.nudge)
    loader.start()
    keys.start()
    code = _watch(engine, keys, loader, inbox, reports, Report("ready", addresses))
    if not loader.join(LOADER_S):
        os._exit(code)  # in the middle of compiling a network, which can't be interrupted
    keys.stop()
    keys.join(KEYS_S)
    engine.close()
    inbox.close()
    if engine.is_loading:
        os._exit(code)
    return code


def _serve(engine: Engine, default: Ensemble) -> None:
    engine.serve(default)
    gc.collect()
    gc.freeze()  # what start-up left behind lives as long as the process: no collection during a frame need look at it


def _watch(engine: Engine, keys: KeyWatch, loader: LoaderThread, inbox: Inbox, reports: ReportPipe, ready: Report) -> int:
    """Wait for the end, and make sure that nobody takes an engine for healthy whose threads have ended."""
    serving = False
    while True:
        command = inbox.wait(WATCH_S)
        if command is not None and command.name == "stop":
            engine.drain(command.seconds if serving else 0.0)
            return 0
        if serving and keys.ring().required and not engine.asks_for_keys:
            logger.warning("there are keys now: this process ends, to be started again with sockets that ask for them")
            engine.drain(0.0)
            return KEYS_CAME
        if not serving and loader.outcome.done():
            if (error := loader.outcome.exception()) is not None:
                reports.send(Report("failed", message=str(error)))
                return CANNOT_START
            serving = True
            reports.send(ready)
        why = engine.failure() if keys.alive else f"thread {keys.name} ended: {keys.failure!r}"
        if serving and why is not None:
            logger.critical("%s: this process ends, to be started again", why)
            return DEFECT
