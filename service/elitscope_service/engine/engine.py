"""The engine put together: every thread, queue and table of it, built once, started, drained and stopped in order."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

import zmq

from elitscope.version import __version__
from elitscope_models.ensemble import Ensemble
from elitscope_service.access.keyring import Keys, no_keys
from elitscope_service.access.pair import CurvePair, server_pair
from elitscope_service.anytime import Anytime
from elitscope_service.config import ServerConfig
from elitscope_service.engine.admission import Admission
from elitscope_service.engine.answers import dropped_answer
from elitscope_service.engine.aside import Aside
from elitscope_service.engine.control import ControlThread
from elitscope_service.engine.doorman import FRAMES, PUBLICATIONS, Doorman, ask_for_keys
from elitscope_service.engine.ensemble_settling import EnsembleSettler
from elitscope_service.engine.ensembles import EnsembleThread
from elitscope_service.engine.first_frames import FirstFrames
from elitscope_service.engine.fusing import FusingThread
from elitscope_service.engine.listener import StoreListener
from elitscope_service.engine.loaded import ENSEMBLES_FILE
from elitscope_service.engine.memory import resident_bytes
from elitscope_service.engine.opening import Opening
from elitscope_service.engine.publisher import STATUS_TOPIC, PublisherThread
from elitscope_service.engine.reception import Greeting, Reception
from elitscope_service.engine.relay import Relay
from elitscope_service.engine.restoring import remembered, restored
from elitscope_service.engine.router import RouterLoad, RouterThread
from elitscope_service.engine.settling import Settler
from elitscope_service.engine.sockets import AddressTaken, Configure
from elitscope_service.engine.trial import Trials
from elitscope_service.engine.verdict import first_selection
from elitscope_service.engine.wishes import Wishes
from elitscope_service.engine.work import WorkQueue
from elitscope_service.engine.worker import Numbering, WorkerThread
from elitscope_service.pipeline import FramePath
from elitscope_service.registry import Registry, summarise
from elitscope_service.scheduler import Scheduler
from elitscope_service.selection import DEFAULT, Selections
from elitscope_service.status import Counters, EngineStatus, EnsembleState, Load
from elitscope_service.store.address import store_url
from elitscope_service.store.connect import open_store
from elitscope_service.store.keys import TOLD, WAKE_ENGINE
from elitscope_service.uploads import uploads_folder

logger = logging.getLogger(__name__)

SERVER = f"elitscope-service/{__version__}"
JOIN_S = 5.0
FAREWELL_S = 1.0
SELECTIONS_FILE = "selections.json"


class Engine:
    """Three threads around one scheduler, and a fourth that listens to the store.

        engine = Engine(config, registry)
        engine.listen()                 # sockets are bound, nothing is read yet
        engine.serve(registry.load_first())
        ...
        engine.drain(10.0)
        engine.close()

    Args:
        config: addresses and limits.
        registry: the ensembles; whoever built it loads them.
        clock: monotonic seconds; `wall`: Unix seconds.
        keys: who may connect, asked again and again.
    """

    def __init__(
        self,
        config: ServerConfig,
        registry: Registry,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        keys: Keys = no_keys,
    ) -> None:
        limits = config.limits
        self._config = config
        self.epoch = secrets.token_hex(8)
        self._registry = registry
        self._clock, self._wall = clock, wall
        self._started_at = wall()
        self._selections: Selections | None = None
        self._numbering = Numbering()
        self._draining = False
        self._states: dict[str, EnsembleState] = {}
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._keys = keys
        self._doorman: Doorman | None = None
        self._pair: CurvePair | None = None
        self._work = WorkQueue(Scheduler(limits.queued_frames, limits.queued_bytes, limits.started_frames, limits.started_pixels), clock)
        self._publisher = PublisherThread(self._context, config.publish, limits.unsent_bytes, self._welcome, self._guard(PUBLICATIONS))
        self._wishes = Wishes(self._publisher.subscriptions, config.preview_hz, clock, config.monitor_hz)
        self._aside = Aside(self._wishes, registry.ready, self._publisher.put, clock)
        admission = Admission(keys, wall)
        self._reception = Reception(limits, self._work, self._greeting, self._notice, clock, wall, admission.why_not)
        self._router = RouterThread(self._context, config.bind, self._reception, limits, self._publish_status, clock, self._guard(FRAMES))
        self._worker: WorkerThread | None = None
        self._first_frames = FirstFrames(wall, self._wake_control)
        self._ensembles: EnsembleThread | None = None
        self._control: ControlThread | None = None
        self._listener: StoreListener | None = None
        self._fusing: FusingThread | None = None

    # ------------------------------------------------------------------------------------------------------- lifecycle

    def listen(self) -> tuple[str, str]:
        """Bind both sockets and publish the status; frames that come now wait unread. Returns the addresses: frames, publications.

        Raises:
            AddressTaken: an address can't be had; everything is closed again.
            PairUnusable: keys are needed, and the server's own can't be read.
        """
        try:
            self._post_doorman()
            self._publisher.start()
            publish = self._publisher.bound.result()
            self._router.start()
            return self._router.bound.result(), publish
        except AddressTaken:
            self.close()
            raise

    def serve(self, default: Ensemble) -> None:
        """Read frames from now on; streams go on with what was in force for them, new ones start with all members of `default`."""
        manifest = default.bundle.manifest
        first = first_selection(manifest, self._wall())
        store, file = open_store(store_url(self._config)), self._config.data_dir / SELECTIONS_FILE
        found = restored(remembered(file, store), first, self._registry.load, self._wall)
        self._selections = selections = Selections(found[DEFAULT])
        selections.restore(found)
        settler = Settler(store, selections, self._registry, file, self._event, self._wall)
        settler.save()
        absent = tuple(stream for stream, selection in found.items() if not selection.touched and stream != DEFAULT)
        idle_s = self._config.limits.stream_idle_s
        uploads = uploads_folder(self._config.data_dir)
        self._ensembles = EnsembleThread(self._registry, Opening(self._config, Trials()), uploads, self._ensembles_changed)
        kept = self._config.data_dir / ENSEMBLES_FILE
        ensembles = EnsembleSettler(store, self._registry, self._ensembles, selections, kept, self._wall)
        self._control = ControlThread(store, settler, ensembles, self._first_frames, absent, idle_s, self._event, self._clock)
        self._ensembles.start()
        self._control.start()
        control, relay = self._control, Relay(self._publisher.put, self.epoch, self._clock)
        heard: dict[str, Callable[[str], None]] = {WAKE_ENGINE: lambda said: control.wake(), TOLD: relay}
        self._listener = StoreListener(open_store(store_url(self._config)), heard, control.wake)
        self._listener.start()
        self._fusing = FusingThread()
        self._fusing.start()
        path = FramePath(
            self.epoch,
            selections,
            self._registry.ready,
            self._numbering.next,
            self._wishes.of,
            self._clock,
            self._first_frames.saw,
            self._fusing.ask,
            Anytime(self._work.depths) if self._config.anytime else None,
        )
        self._worker = WorkerThread(self._work, path.frame_steps, self._router.post, self._publisher.put, self._aside, self._clock)
        self._worker.start()
        logger.info("serving %s %s, %d members, plan %s", manifest.name, manifest.version, len(first.members), default.plan())
        self._router.open()

    def drain(self, seconds: float) -> None:
        """Take no more frames, finish those that are held within `seconds`, and send the rest back."""
        self._draining = True
        for dropped in self._work.drain(seconds):
            self._router.post(dropped_answer(dropped))

    def close(self) -> None:
        """Stop and join every thread, and close the sockets."""
        self._work.close()
        if self._worker is not None and not self._worker.join(JOIN_S):
            logger.warning("the frame under way did not end within %.0f s", JOIN_S)
        self._router.stop(FAREWELL_S if self._draining else 0.0)
        self._router.join(JOIN_S)
        for thread in (self._listener, self._control, self._ensembles, self._fusing):
            if thread is not None:
                thread.stop()
        for thread in (self._listener, self._control, self._ensembles, self._fusing):
            if thread is not None:
                thread.join(JOIN_S)
        self._publisher.stop()
        self._publisher.join(JOIN_S)
        if self._doorman is not None:
            self._doorman.stop()
            self._doorman.join(JOIN_S)
        self._context.term()

    @property
    def is_loading(self) -> bool:
        """Whether an ensemble is being loaded even after `close`: compiling a network can't be interrupted."""
        return self._ensembles is not None and self._ensembles.alive

    @property
    def asks_for_keys(self) -> bool:
        """Whether its sockets let in keys alone. Decided when they are bound; keys that come later need another engine."""
        return self._doorman is not None

    def cut_off(self) -> None:
        """A key counts no more: its frames are refused from now on anyway, and its subscriptions end. From any thread."""
        self._publisher.cut_off()

    def failure(self) -> str | None:
        """Which thread has ended unasked, and of what; None while all is well."""
        for thread in (
            self._router,
            self._publisher,
            self._doorman,
            self._worker,
            self._control,
            self._listener,
            self._ensembles,
            self._fusing,
        ):
            if thread is not None and not thread.alive:
                return f"thread {thread.name} ended: {thread.failure!r}"
        return None

    # ------------------------------------------------------------------------------------------------------- who may come in

    def _post_doorman(self) -> None:
        """Before a socket that asks for keys is bound."""
        if self._keys().required:
            self._pair = server_pair(self._config.data_dir)
            self._doorman = Doorman(self._context, self._keys, self._pair, self._wall, self._clock)
            self._doorman.start()
            self._doorman.bound.result()

    def _guard(self, domain: str) -> Configure:
        """Has a socket ask for keys, if the doorman is at his post when it is bound."""

        def configure(sock: zmq.Socket[bytes]) -> None:
            if self._pair is not None:
                ask_for_keys(sock, self._pair, domain)

        return configure

    # ------------------------------------------------------------------------------------------------------- what is told

    def _greeting(self) -> Greeting:
        ensemble = None if self._selections is None else self._registry.ready(self._selections.default.ensemble)
        return Greeting(self.epoch, SERVER, None if ensemble is None else summarise(ensemble))

    def _notice(self, event: Mapping[str, Any]) -> None:
        """A stream started or stopped."""
        if event["event"] == "stream_stopped":
            self._numbering.forget(event["stream"])
        if self._control is not None:
            self._control.stream(event["stream"], event["event"] == "stream_started")
        self._event(event)

    def _wake_control(self) -> None:
        if self._control is not None:
            self._control.wake()

    def _ensembles_changed(self) -> None:
        """Called in the ensembles thread: there is something to settle, and something to tell."""
        self._wake_control()
        self._router.hurry()

    def _event(self, event: Mapping[str, Any]) -> None:
        self._publisher.event({**event, "at": self._wall(), "epoch": self.epoch})

    def _welcome(self, prefix: str) -> None:
        """Somebody subscribed to topics that begin like this: they need wait neither for the next status nor for the next frame."""
        if STATUS_TOPIC.startswith(prefix):
            self._router.hurry()
        self._aside.joined(prefix)
        self._work.nudge()

    def _publish_status(self, load: RouterLoad) -> None:
        """Called once a second in the io thread, which owns the figures."""
        status = self._status(load)
        self._publisher.status(status.model_dump(mode="json"))
        for name in self._states.keys() - {ensemble.name for ensemble in status.ensembles}:
            del self._states[name]
            self._event({"event": "ensemble", "name": name, "state": "deleted", "why": None})
        for ensemble in status.ensembles:
            if self._states.get(ensemble.name) is not ensemble.state:
                self._states[ensemble.name] = ensemble.state
                self._event({"event": "ensemble", "name": ensemble.name, "state": ensemble.state.value, "why": ensemble.why})

    def _status(self, load: RouterLoad) -> EngineStatus:
        reception, now = self._reception, self._clock()
        queued_frames, queued_bytes = self._work.load()
        depths = self._work.depths()
        selections = self._selections
        return EngineStatus(
            epoch=self.epoch,
            server=SERVER,
            at=self._wall(),
            started_at=self._started_at,
            draining=self._draining,
            default_ensemble=None if selections is None else selections.default.ensemble,
            ensembles=self._registry.status(),
            streams=()
            if selections is None
            else tuple(s.status(selections.of(s.name), depths.get(s.name, 0), now) for s in reception.streams.all()),
            load=Load(
                sessions=len(reception.sessions),
                queued_frames=queued_frames,
                queued_bytes=queued_bytes,
                kept_replies=len(reception.replies),
                kept_reply_bytes=reception.replies.nbytes,
                unsent_bytes=load.unsent_bytes,
                resident_bytes=resident_bytes(),
            ),
            counters=Counters(
                messages=reception.messages,
                refused=dict(reception.refused),
                repeated_replies=reception.repeated,
                undelivered_replies=load.undelivered,
                publish_dropped=self._publisher.dropped,
            ),
        )
