"""Take a network out of use when the networks begin to disagree: what an operator would do in fog, done by a script.

    python deselect_on_uncertainty.py [SERVER [HTTP]]

The first frames say how uncertain is usual. Once the last few are well above that, the network that differs most from the others is
deselected, from the next frame on, and what is usual is learnt anew. An operator who holds the stream (`elitscope hold`) keeps this script
out, and `elitscope history` says what it did and why.
"""

import sys
from collections import deque

import numpy as np

from elitscope import Client, Controller, FrameInfo
from elitscope.errors import Refused
from elitscope.simulator import movie

STREAM = "watched"
USUAL_AFTER, RECENT = 5, 3
"""Frames after which the usual uncertainty is known, and frames that are compared with it."""
TOO_MUCH = 1.4
KEEP = 2
"""Networks that stay in any case: with fewer there is no uncertainty."""


def scan(frames=40):
    """(pixels, what the microscope knows about them): replace this by your microscope."""
    for frame in movie("graphene", shape=(256, 256), frames=frames, drift="defocus"):
        yield frame.pixels, FrameInfo(sampling=(frame.sampling, frame.sampling))


class Watch:
    """Compares the uncertainty of the last frames with what it was at first."""

    def __init__(self):
        self.usual, self.recent = [], deque(maxlen=RECENT)

    def sees(self, value):
        """Whether the uncertainty is too high by now."""
        if len(self.usual) < USUAL_AFTER:
            self.usual.append(value)
            return False
        self.recent.append(value)
        return len(self.recent) == RECENT and np.median(self.recent) > TOO_MUCH * np.median(self.usual)


def uncertainty(result):
    """Mean spread of the networks where they see atoms, None where they see none."""
    atoms = result.mean > 0.5
    return float(result.std[atoms].mean()) if atoms.any() else None


def most_different(result):
    """The id of the network whose map is farthest from the mean of the others' maps."""
    maps = result.member_maps
    others = (maps.sum(axis=0) - maps) / (len(maps) - 1)
    return result.members[int(np.argmax(((maps - others) ** 2).mean(axis=(1, 2, 3))))]


def main(server="tcp://127.0.0.1:5555", http="http://127.0.0.1:8000", frames=None):
    watch, revision = Watch(), 0
    controller = Controller(http, author="deselect_on_uncertainty", role="controller")
    with Client(server, stream=STREAM, outputs=("mean", "std", "members")) as client, controller as control:
        for result in client.stream(scan() if frames is None else frames, raise_rejections=True):
            # frames that were under way when the networks were changed say nothing about the change
            value = uncertainty(result) if result.std is not None and result.revision >= revision else None
            if value is None or not watch.sees(value) or len(result.members) <= KEEP:
                continue
            worst = most_different(result)
            reason = f"uncertainty {value:.3f}, usually {np.median(watch.usual):.3f}: network {worst} differs most"
            try:
                # "revision" makes sure that this is still about the networks that analysed the frame
                revision = control.deselect(STREAM, worst, reason=reason, revision=result.revision).revision
                print(f"frame {result.frame_id}: {reason}; deselected from the next frame on")
            except Refused as error:
                print(f"frame {result.frame_id}: {reason}; left as it is: {error}")
            watch = Watch()


if __name__ == "__main__":
    main(*sys.argv[1:])
