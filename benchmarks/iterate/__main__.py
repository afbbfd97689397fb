"""Which studies to run, on which data, and where the loops go."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from benchmarks.iterate import dopants, drift, members, oxide, perovskite
from benchmarks.iterate.document import DOCUMENT, PICTURES, put
from benchmarks.iterate.loops import Bench

STUDIES = {"oxide": oxide.study, "dopants": dopants.study, "drift": drift.study, "members": members.study, "perovskite": perovskite.study}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.iterate", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="STUDY", help=f"which (default: {', '.join(STUDIES)})")
    parser.add_argument("--work", type=Path, default=Path("build/iterate"), metavar="DIR", help="where the loops are kept (%(default)s)")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="members trained at once (default: %(default)s)")
    arguments = parser.parse_args()
    data = Path(os.environ.get("ELITSCOPE_TEST_DATA", ""))
    if not (data / "multislice").is_dir():
        print(f"{data} holds no `multislice`: let ELITSCOPE_TEST_DATA name the folder that does", file=sys.stderr)
        return 2
    if unknown := [name for name in arguments.names if name not in STUDIES]:
        print(f"{', '.join(unknown)}: no such study; there are {', '.join(STUDIES)}", file=sys.stderr)
        return 2
    bench = Bench(data, arguments.work.absolute(), PICTURES, arguments.workers)
    for name in arguments.names or STUDIES:
        print(f"— {name}", file=sys.stderr)
        put(name, STUDIES[name](bench))
        print(f"{name} is written to {DOCUMENT}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
