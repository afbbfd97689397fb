"""Follow the magnification: analyse each frame with the ensemble that was trained nearest to its sampling.

    python switch_by_sampling.py [SERVER [HTTP]]

A switch between ensembles that are ready is a matter of a frame, so it is done when the magnification changes and not before. Put bundles
for several samplings into the server's --bundles folder and `elitscope ensembles load` them.
"""

import math
import sys

from elitscope import Client, Controller, FrameInfo
from elitscope.simulator import movie

STREAM = "zooming"
WORTH_IT = 1.15
"""By which factor another ensemble has to be nearer, so that noise in the sampling does not make it flicker."""


def scan(frames=30):
    """(pixels, what the microscope knows about them): replace this by your microscope."""
    for frame in movie("graphene", shape=(256, 256), frames=frames, drift="magnification"):
        yield frame.pixels, FrameInfo(sampling=(frame.sampling, frame.sampling))


def distance(ensemble, sampling):
    """How far an ensemble's sampling is from the frame's, as a factor of at least 1."""
    return math.exp(abs(math.log(ensemble.sampling / sampling)))


def best(ensembles, current, sampling):
    """The ensemble for this sampling: the nearest one that is ready; the current one where no other is much nearer."""
    ready = {e.name: e for e in ensembles if e.state == "ready" and e.sampling is not None}
    nearest = min(ready.values(), key=lambda e: distance(e, sampling))
    if current in ready and distance(ready[current], sampling) < WORTH_IT * distance(nearest, sampling):
        return current
    return nearest.name


def main(server="tcp://127.0.0.1:5555", http="http://127.0.0.1:8000", frames=None):
    controller = Controller(http, author="switch_by_sampling", role="controller")
    with Client(server, stream=STREAM, outputs=("atoms",)) as client, controller as control:
        ensembles, current = control.ensembles(), None
        for pixels, info in scan() if frames is None else frames:
            wanted = best(ensembles, current, info.sampling[0])
            if wanted != current:
                now = control.use(STREAM, wanted, reason=f"sampling is {info.sampling[0]:.3f} Å/px")
                print(f"{now.ensemble} from the next frame on, revision {now.revision}: {now.reason}")
                current = wanted
            # the answer to a change means that it is in force: this very frame is analysed with it
            result = client.infer(pixels, info=info)
            print(f"frame {result.frame_id}: {len(result.atoms)} atoms by {result.ensemble} at {info.sampling[0]:.3f} Å/px")


if __name__ == "__main__":
    main(*sys.argv[1:])
