"""Pictures of the console for the documentation, from a server that runs: `python -m tests.console.screenshots [FOLDER]`.

The simulator's movie, whose conditions drift, is streamed through the ensemble that ships; nothing in the pictures is made up.
"""

from __future__ import annotations

import argparse
import io
import itertools
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import expect

from elitscope import Client, Controller
from elitscope.simulator import movie
from tests.console.browsing import Console, opened, started_browser
from tests.support.server import RunningServer

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "pictures"
SIZES = {"laptop": (1280, 720), "large": (2560, 1440), "tablet": (1024, 768)}
SIDE, SEED, FRAMES, RATE = 384, 2021, 96, 3.0
COLOURS = 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER, help="where the pictures go (default %(default)s)")
    parser.add_argument("--frames", type=int, default=48, help="how many have to come before the first picture (default %(default)s)")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as data,
        RunningServer("--ensemble", "graphene", data_dir=Path(data)) as server,
        simulated(server.server),
        started_browser() as browser,
        opened(browser, server.http, *SIZES["laptop"]) as console,
    ):
        console.wait_live()
        console.wait_past(arguments.frames, patience=300)
        operate(server.http)
        for name, (width, height) in SIZES.items():
            console.page.set_viewport_size({"width": width, "height": height})
            photograph(console, arguments.folder / f"console-{name}.png")
        console.page.set_viewport_size(dict(zip(("width", "height"), SIZES["laptop"], strict=True)))
        scenes(console, arguments.folder)


@contextmanager
def simulated(address: str) -> Iterator[None]:
    """An instrument that sends frames for as long as the block lasts."""
    stop = threading.Event()

    def send() -> None:
        with Client(address, stream="haadf") as client:
            for frame in itertools.cycle(movie("graphene", (SIDE, SIDE), FRAMES, seed=SEED, drift="all")):
                if stop.wait(1 / RATE):
                    return
                client.infer(frame.pixels, sampling=frame.sampling)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)


def operate(address: str) -> None:
    """What stands in the history of the pictures."""
    with Controller(address, author="ana") as control:
        last = control.selection("haadf").preference[-1]
        control.deselect("haadf", [last], reason="false atoms at the edge of the hole")
        control.hold("haadf", minutes=30)


def scenes(console: Console, folder: Path) -> None:
    """One picture of each panel and dialog."""
    page = console.page
    for tab in ("Drift", "History", "Health"):
        console.tab(tab)
        photograph(console, folder / f"console-{tab.lower()}.png")
    console.tab("Networks")
    console.switch(2)
    photograph(console, folder / "console-staged.png")
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Enlarge network 1").click()
    expect(page.get_by_role("img", name="Difference. frame")).to_be_visible()
    photograph(console, folder / "console-compare.png")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Change").click()
    photograph(console, folder / "console-ensembles.png")
    page.keyboard.press("Escape")


def photograph(console: Console, path: Path) -> None:
    """A picture of what is on the screen, in few enough colours to be small."""
    console.wait_past(console.frame_id())
    console.page.wait_for_timeout(2500)  # figures are asked for every 1.5 s, maps come twice a second
    with Image.open(io.BytesIO(console.page.screenshot())) as picture:
        picture.convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE, kmeans=3, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path}: {path.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
