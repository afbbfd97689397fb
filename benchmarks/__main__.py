"""`make bench`: run every benchmark, print its table, write `benchmarks/results/<host>.json`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import fairness, forward, frame_path, gpu, growth, monitor, peers, server, switch
from benchmarks.console import run as console_run
from benchmarks.report import write_readme

BENCHMARKS = {
    "frame": frame_path.run,
    "peers": peers.run,
    "server": server.run,
    "growth": growth.run,
    "gpu": gpu.run,
    "forward": forward.run,
    "fairness": fairness.run,
    "switch": switch.run,
    "monitor": monitor.run,
    "console": console_run,
}
RESULTS = Path(__file__).parent / "results"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__, epilog="example: make bench ARGS='frame --quick'")
    parser.add_argument("names", nargs="*", choices=[[], *BENCHMARKS], help="which ones; all by default")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions: for trying, not for quoting")
    parser.add_argument("--readme", action="store_true", help="write README's table from these results and those that are there already")
    parser.add_argument("--host", default=platform.node(), help="name of the result file")
    arguments = parser.parse_args()
    console = Console(width=140)
    path = RESULTS / f"{arguments.host}.json"
    results: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    for name in arguments.names or BENCHMARKS:
        console.rule(name)
        results[name] = {
            "measured": datetime.now(UTC).isoformat(timespec="seconds"),
            "quick": arguments.quick,
            **BENCHMARKS[name](console, arguments.quick),
        }
    results["machine"] = machine()
    RESULTS.mkdir(exist_ok=True)
    path.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    console.print(f"written to {path}")
    if "growth" in (arguments.names or BENCHMARKS):
        growth.plot(results["growth"], path.with_suffix(".png"))
    if arguments.readme:
        write_readme(results)
    return 0


def machine() -> dict[str, Any]:
    """What it was measured on."""
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.system(),
        "processor": next(
            (line.split(":")[1].strip() for line in flags.splitlines() if line.startswith("model name")), platform.processor()
        ),
        "amx": "amx_bf16" in flags,
        "load": os.getloadavg()[0],
    }


if __name__ == "__main__":
    sys.exit(main())
