"""Two detectors at once, with asyncio: each is a stream of its own, with its own networks, and neither waits for the other.

python two_streams.py [SERVER]
"""

import asyncio
import sys

from elitscope import FrameInfo
from elitscope.aio import AsyncClient
from elitscope.simulator import movie


async def follow(server, detector, seed):
    """Analyse one detector's frames and count its atoms."""
    frames = movie("graphene", shape=(128, 128), frames=10, seed=seed)
    pairs = ((frame.pixels, FrameInfo(sampling=(frame.sampling, frame.sampling), channel=detector)) for frame in frames)
    async with AsyncClient(server, stream=detector.lower(), outputs=("atoms",)) as client:
        async for reply in client.stream(pairs, raise_rejections=True):
            print(f"{detector} frame {reply.frame_id}: {len(reply.atoms)} atoms")


async def both(server):
    await asyncio.gather(follow(server, "HAADF", seed=0), follow(server, "MAADF", seed=1))


def main(server="tcp://127.0.0.1:5555"):
    asyncio.run(both(server))


if __name__ == "__main__":
    main(*sys.argv[1:])
