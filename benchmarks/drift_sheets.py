"""What was measured about drift, as tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.drift_subsets import Segment
from benchmarks.drift_watch import HOUR, Announced, Quiet
from elitscope_models.drift import SIGNALS
from elitscope_models.drift.watch import Alarm
from elitscope_models.sheets import Sheet


def signals_sheet() -> Sheet:
    """The table of signals."""
    rows = tuple(
        (
            f"`{one.name}`",
            one.unit or "–",
            f"{_bound(one.low)} … {_bound(one.high)}",
            "member" if one.per_member else "frame",
            f"{one.meaning}; {one.reason}",
            f"{one.least:g}" if one.watched else "not watched",
            "" if one.limit is None else f"{one.limit:g}",
        )
        for one in SIGNALS
    )
    return Sheet("Signals", ("signal", "unit", "range", "of each", "what it is; why", "least change", "limit"), rows)


def segments_sheet(title: str, judged: Iterable[tuple[str, list[Segment]]]) -> Sheet:
    """F1 of all, recommended and best members."""
    rows = []
    for name, parts in judged:
        for part in parts:
            worth = f"{part.recovered:.0%}" if part.gap > 0.02 else "–"
            rows.append(
                (
                    f"{name}: {part.name or 'all'}",
                    f"{part.frames}",
                    f"{part.everyone:.4f}",
                    f"{part.recommended:.4f}",
                    f"{part.oracle:.4f} ({' '.join(map(str, part.best))})",
                    f"{part.gap:.4f}",
                    worth,
                    "yes" if part.reached else "**no**",
                )
            )
    headers = ("", "frames", "all members", "recommended", "best subset by truth", "gap", "recovered", "reached")
    return Sheet(title, headers, tuple(rows))


def announced_sheet(told: Sequence[tuple[str, Announced]]) -> Sheet:
    """How soon ramps were told."""
    rows = tuple(
        (
            f"{one.kind}, {renderer}",
            f"{one.f1[0]:.3f} → {one.f1[1]:.3f}",
            "never" if one.fell is None else str(one.fell),
            "never" if one.told is None else str(one.told),
            "–" if one.began is None else str(one.began),
            str(one.early),
            "yes" if one.in_time else "**no**",
            one.text,
        )
        for renderer, one in told
    )
    headers = ("ramp from frame 200", "F1", "fell by 0.05 at", "told at", "said to begin at", "alarms before", "in time", "first alarm")
    return Sheet("Ramps after 200 steady frames", headers, rows)


def quiet_sheet(steady: Sequence[Quiet], moved: Sequence[tuple[str, int, list[tuple[int, Alarm]]]]) -> Sheet:
    """False alarms."""
    rows = [
        (one.name, f"{one.frames:,}", str(one.alarms), ", ".join(f"{name} {count}" for name, count in one.by_signal.most_common(3)))
        for one in steady
    ]
    frames, alarms = sum(one.frames for one in steady), sum(one.alarms for one in steady)
    rows.append(("**steady, all**", f"{frames:,}", str(alarms), f"{alarms * HOUR / max(1, frames):.2f} in {HOUR:,} frames"))
    rows += [(name, f"{count:,}", str(len(found)), "; ".join(alarm.text for _, alarm in found[:3])) for name, count, found in moved]
    return Sheet("Where nothing drifts", ("", "frames watched", "alarms", "of"), tuple(rows))


def _bound(value: float) -> str:
    return f"{value:g}".replace("inf", "∞")
