"""An acquisition script: frames go out as the scan delivers them, and what comes back decides what to do next.

    python acquire.py [SERVER]

Replace `scan` by your microscope. Pixels may be any real dtype; a buffer that the camera uses again is fine, the client copies.
"""

import sys

import numpy as np

from elitscope import Client, FrameInfo, Rejection
from elitscope.simulator import movie


def scan(frames=20):
    """(pixels, what the microscope knows about them), one frame after the other."""
    for frame in movie("graphene", shape=(256, 256), frames=frames, drift="dose"):
        yield frame.pixels, FrameInfo(sampling=(frame.sampling, frame.sampling), channel="HAADF", high_tension=60e3)


def main(server="tcp://127.0.0.1:5555"):
    with Client(server, stream="acquisition", outputs=("atoms",)) as client:
        for reply in client.stream(scan()):
            if isinstance(reply, Rejection):
                print(f"frame {reply.frame_id}: not analysed, {reply.code}: {reply.message}")
                continue
            atoms = reply.atoms
            doubtful = atoms[atoms["support"] < 0.5]
            print(f"frame {reply.frame_id}: {len(atoms)} atoms in {reply.timing.total_ms:.0f} ms, {len(doubtful)} of them doubtful")
            if len(doubtful):
                worst = doubtful.positions("angstrom")[np.argmin(doubtful["support"])]
                print(f"    look again at row {worst[0]:.1f} Å, column {worst[1]:.1f} Å")


if __name__ == "__main__":
    main(*sys.argv[1:])
