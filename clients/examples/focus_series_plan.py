"""A bluesky plan over a microscope whose frames are analysed as they come: step through the focus, drop a network when it is lost.

    python focus_series_plan.py [SERVER [HTTP]]

With bluesky: `RE(focus_series(microscope, networks, range(0, 50, 5)))`. The two devices follow bluesky's protocols (set, trigger, read,
describe), the plan yields bluesky's messages. Where bluesky is not installed, `run_plan` below runs the plan: it knows just these messages.
"""

import sys
import time
from collections import defaultdict

import numpy as np

from elitscope import Client, Controller
from elitscope.errors import Refused
from elitscope.simulator import movie
from elitscope.simulator.conditions import Conditions

try:
    from bluesky.utils import Msg
except ImportError:
    from collections import namedtuple

    class Msg(namedtuple("Msg", "command obj args kwargs run")):  # bluesky's message, field for field
        def __new__(cls, command, obj=None, *args, run=None, **kwargs):
            return super().__new__(cls, command, obj, args, kwargs, run)


STREAM = "focus-series"


def focus_series(microscope, networks, defocus_values, limit=0.5):
    """The plan: one analysed frame at every focus. A network whose agreement with the others falls below `limit` is taken out of use, so
    that the next frame is analysed without it."""
    yield Msg("open_run", plan_name="focus_series", defocus_values=list(defocus_values))
    for defocus in defocus_values:
        yield Msg("checkpoint")
        yield Msg("set", microscope, defocus, group="focus")
        yield Msg("wait", None, group="focus")
        yield Msg("trigger", microscope, group="frame")
        yield Msg("wait", None, group="frame")
        yield Msg("create", name="primary")
        reading = yield Msg("read", microscope)
        yield Msg("read", networks)
        yield Msg("save")
        lost = [member for member, agreement in microscope.agreement.items() if agreement < limit]
        kept = [member for member in microscope.agreement if member not in lost]
        if lost and kept and reading is not None:
            yield Msg("set", networks, kept, group="networks")
            yield Msg("wait", None, group="networks")
    yield Msg("close_run")


class Microscope:
    """A detector whose reading is what the server makes of the frame: atoms, uncertainty, revision. `set` changes its defocus (Å)."""

    parent = None

    def __init__(self, client, expose, name="haadf"):
        self.name, self._client, self._expose = name, client, expose
        self._defocus, self._result, self._at = 0.0, None, 0.0
        self.agreement = {}

    def set(self, defocus):
        self._defocus = float(defocus)
        return Done()

    def trigger(self):
        pixels, sampling = self._expose(self._defocus)
        self._result, self._at = self._client.infer(pixels, sampling=sampling), time.time()
        scores = agreement(self._result.member_maps)
        self.agreement = {member: scores[index] for index, member in enumerate(self._result.members)}
        return Done()

    def read(self):
        result = self._result
        spread = float("nan") if result.std is None else float(result.std.max())
        figures = {"defocus": self._defocus, "atoms": len(result.atoms), "uncertainty": spread, "revision": result.revision}
        return {f"{self.name}_{key}": {"value": value, "timestamp": self._at} for key, value in figures.items()}

    def describe(self):
        kinds = {"defocus": "number", "atoms": "integer", "uncertainty": "number", "revision": "integer"}
        return {f"{self.name}_{key}": {"source": f"elitscope:{STREAM}", "dtype": kind, "shape": []} for key, kind in kinds.items()}

    def read_configuration(self):
        return {}

    def describe_configuration(self):
        return {}


class Networks:
    """The networks in use, as something that can be set: to the ids of those that stay."""

    parent = None

    def __init__(self, control, name="networks"):
        self.name, self._control = name, control

    def set(self, members):
        try:
            self._control.only(STREAM, members, reason="lost in the focus series")
        except Refused as error:  # an operator holds the stream, say: the series goes on with what there is
            print(f"networks left as they are: {error}")
        return Done()

    def read(self):
        now = self._control.selection(STREAM)
        return {f"{self.name}_active": {"value": list(now.active), "timestamp": time.time()}}

    def describe(self):
        return {f"{self.name}_active": {"source": f"elitscope:{STREAM}", "dtype": "array", "shape": [0]}}

    def read_configuration(self):
        return {}

    def describe_configuration(self):
        return {}


class Done:
    """A status that is done: both devices answer when they have."""

    done = success = True

    def add_callback(self, callback):
        callback(self)

    def exception(self, timeout=0.0):
        return None

    def wait(self, timeout=None):
        pass


def agreement(maps):
    """Overlap (intersection over union, 0 to 1) of each network's atoms with those that most of the others see."""
    seen = maps > 0.5
    scores = []
    for index in range(len(seen)):
        others = np.delete(seen, index, axis=0)
        most = others.mean(axis=0) >= 0.5 if len(others) else seen[index]
        union = (seen[index] | most).sum()
        scores.append(float((seen[index] & most).sum() / union) if union else 1.0)
    return scores


def run_plan(plan):
    """Just enough of bluesky's RunEngine for this plan: returns the documents' data, one dict an event."""
    events, reading, waiting, answer = [], {}, defaultdict(list), None
    while True:
        try:
            message = plan.send(answer)
        except StopIteration:
            return events
        command, obj, answer = message.command, message.obj, None
        if command in ("set", "trigger"):
            waiting[message.kwargs["group"]].append(getattr(obj, command)(*message.args))
        elif command == "wait":
            for status in waiting.pop(message.kwargs["group"]):
                status.wait()
        elif command == "create":
            reading = {}
        elif command == "read":
            answer = obj.read()
            reading.update({key: entry["value"] for key, entry in answer.items()})
        elif command == "save":
            events.append(reading)
        elif command not in ("open_run", "checkpoint", "close_run"):
            raise ValueError(f"{command!r} is not one of the messages that this runner knows: use bluesky's RunEngine")


def simulated(defocus):
    """A frame at this defocus, and its sampling: replace this by your microscope."""
    frame = next(iter(movie("graphene", (256, 256), 1, conditions=Conditions().defocused(defocus))))
    return frame.pixels, frame.sampling


def main(server="tcp://127.0.0.1:5555", http="http://127.0.0.1:8000", expose=simulated, defocus_values=range(0, 50, 5)):
    controller = Controller(http, author="focus_series_plan", role="controller")
    with Client(server, stream=STREAM, outputs=("std", "atoms", "members")) as client, controller as control:
        for event in run_plan(focus_series(Microscope(client, expose), Networks(control), defocus_values)):
            print("  ".join(f"{key} {value:.3g}" if isinstance(value, float) else f"{key} {value}" for key, value in event.items()))


if __name__ == "__main__":
    main(*sys.argv[1:])
