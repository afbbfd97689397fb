"""`elitscope drift`: what the drift monitor sees in a stream, what it would do, and whether the autopilot does it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import Any

from elitscope.commands import options
from elitscope.commands.drift_words import advice_text, spots_text
from elitscope.commands.status import MakeController, controller
from elitscope.commands.tables import fitted
from elitscope.files.errors import need

_EXAMPLES = """\
  elitscope drift --stream haadf
  elitscope drift --json
"""
_SPOTS_SHOWN = 8


def add_parser(subparsers: options.Subparsers[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = options.add_command(subparsers, "drift", "Show drift alarms, signals, hotspots and the recommendation.", _EXAMPLES)
    options.add_http(parser)
    options.add_stream(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, controller: MakeController = controller) -> int:
    """Do it; `controller` makes the REST client."""
    with controller(args) as control:
        drift, advice = control.drift(args.stream), control.recommendation(args.stream)
    if args.json:
        print(json.dumps({"drift": dict(drift), "recommendation": dict(advice)}, ensure_ascii=False, indent=2))
    else:
        _print(drift, advice)
    return 0


def _print(drift: Mapping[str, Any], advice: Mapping[str, Any]) -> None:
    console = need("rich.console", "showing tables").Console()

    def line(text: str, style: str = "") -> None:
        console.print(text, style=style, highlight=False, markup=False)

    alarms = list(drift.get("alarms") or ())
    about = f"{drift.get('stream')}: {drift.get('state')}, frame {drift.get('frame_id')}, {float(drift.get('age_s') or 0):.1f} s ago"
    line(about, "bold red" if alarms else "bold")
    if drift.get("stale"):
        line(f"not the present: {drift['stale']}", "yellow")
    for alarm in alarms:
        line(f"  {alarm.get('text')}", "red")
    console.print(_signals(drift))
    spots = list(drift.get("hotspots") or ())
    if spots:
        line(spots_text(spots, most=_SPOTS_SHOWN))
    line(f"recommendation: {advice_text({**advice, 'reasons': ()})}")
    for reason in advice.get("reasons") or ():
        line(f"  {reason}")
    pilot = advice.get("autopilot") or {}
    line(f"autopilot: {pilot.get('mode')}, {pilot.get('state')}: {pilot.get('why')}", "dim")


def _signals(drift: Mapping[str, Any]) -> Any:
    """A row a signal: how near it is to an alarm, its value for the frame, and for each network."""
    table = need("rich.table", "showing tables").Table(box=None, padding=(0, 1, 0, 0))
    members, frame = list(drift.get("members") or ()), drift.get("signals") or {}
    scores = drift.get("scores") or {}
    table.add_column("signal")
    for heading in ("score", "frame", *(f"net {member['id']}" for member in members)):
        table.add_column(heading, justify="right")
    for name in dict.fromkeys([*scores, *frame, *(name for member in members for name in member["signals"])]):
        values = [scores.get(name), frame.get(name), *(member["signals"].get(name) for member in members)]
        score = scores.get(name)
        table.add_row(name.replace("_", " "), *map(_number, values), style="red" if score is not None and score >= 1 else "")
    return fitted(table)


def _number(value: object) -> str:
    """Three digits, in five characters or little more: there is a column for every network."""
    if not isinstance(value, (int, float)):
        return ""
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.3g}"
