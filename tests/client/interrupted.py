"""A run whose Ctrl-C comes in a callback of the garbage collector; prints what came of it. Run as a process of its own."""

import json
import signal
import time
import weakref

from elitscope.commands.frames import run_frames
from tests.client.runs import FakeClient, analysed, some_jobs


class Owner:
    """Something that h5py would look after."""


def interrupted(_):
    signal.raise_signal(signal.SIGINT)
    time.monotonic()


def sink(answer):
    if answer.reply.frame_id == 4:
        owner = Owner()
        watcher = weakref.ref(owner, interrupted)
        del owner
        assert watcher() is None


def main():
    signal.signal(signal.SIGINT, signal.default_int_handler)
    summary = run_frames(FakeClient(analysed), some_jobs(10), [sink])
    back = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    print(json.dumps({"interrupted": summary.interrupted, "results": summary.results, "handler_is_back": back}))


if __name__ == "__main__":
    main()
