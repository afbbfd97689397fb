"""`python -m benchmarks.drift`: measure how well drift is told, networks are chosen and bundles calibrated; writes `docs/drift.md`.

What takes long is kept in a folder: simulated frames, and what every member makes of them. Reference data (multislice movies, real frames,
AtomAI's ensemble) lies where `ELITSCOPE_TEST_DATA` says; ramps are simulated by multislice where abTEM is installed.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from benchmarks.accuracy import replaced
from benchmarks.drift_calibration import calibration_sheets
from benchmarks.drift_hotspots import cost_sheet, hotspots_sheet
from benchmarks.drift_library import Library
from benchmarks.drift_sampling import sampling_sheet
from benchmarks.drift_sheets import announced_sheet, quiet_sheet, segments_sheet, signals_sheet
from elitscope_models.sheets import Sheet

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "drift.md"
BEGIN, END = "<!-- figures: written by python -m benchmarks.drift -->", "<!-- end of figures -->"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drift", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"which to measure and print, of {', '.join(PARTS)}; by default all")
    parser.add_argument("--keep", type=Path, required=True, metavar="DIR", help="folder for frames and maps; some GB, used again next time")
    arguments = parser.parse_args()
    data = Path(os.environ.get("ELITSCOPE_TEST_DATA", ""))
    if not (data / "multislice").is_dir():
        print(f"{data} has no multislice: let ELITSCOPE_TEST_DATA name the folder that holds it", file=sys.stderr)
        return 2
    unknown = sorted(set(arguments.parts) - set(PARTS))
    if unknown:
        print(f"{', '.join(unknown)} is none of {', '.join(PARTS)}", file=sys.stderr)
        return 2
    library = Library(arguments.keep, data)
    parts = []
    for name in arguments.parts or PARTS:
        text = "\n\n".join(_section(sheet) for sheet in PARTS[name](library))
        print(text, flush=True)
        parts.append(text)
    if not arguments.parts:
        DOCUMENT.write_text(replaced(DOCUMENT.read_text(), "\n\n".join(parts), BEGIN, END))
        print(f"written to {DOCUMENT}", file=sys.stderr)
    return 0


def _section(sheet: Sheet) -> str:
    return f"**{sheet.title}**\n\n{sheet.markdown}"


def _signals(library: Library) -> Iterator[Sheet]:
    yield signals_sheet()


def _segments(library: Library) -> Iterator[Sheet]:
    yield segments_sheet("Reference movies", library.reference())
    yield segments_sheet("Other renders and seeds", library.held_back())


def _watch(library: Library) -> Iterator[Sheet]:
    yield announced_sheet(library.ramps())
    yield quiet_sheet(library.quiet(), library.moves())


def _sampling(library: Library) -> Iterator[Sheet]:
    yield sampling_sheet(library.data)


def _hotspots(library: Library) -> Iterator[Sheet]:
    yield hotspots_sheet()
    yield cost_sheet()


PARTS: Mapping[str, Callable[[Library], Iterator[Sheet]]] = {
    "signals": _signals,
    "selections": _segments,
    "watch": _watch,
    "sampling": _sampling,
    "hotspots": _hotspots,
    "calibration": calibration_sheets,
}


if __name__ == "__main__":
    sys.exit(main())
