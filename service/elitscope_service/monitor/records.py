"""What was found, as it is kept and told: finite numbers alone, in few digits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from elitscope_models.drift.recommend import Recommendation
from elitscope_models.drift.watch import Alarm
from elitscope_service.monitor.stream import Finding
from elitscope_service.store.drift import AdviceRecord, AlarmRecord, AutopilotRecord, DriftRecord, HotspotRecord, Number

MOST_TOLD = 12
"""Alarms, and hotspots, that one message tells of; the documents hold all."""


def drift_record(finding: Finding) -> DriftRecord:
    """The document about a frame that was looked at."""
    judgement, seen = finding.judgement, finding.look
    scores = numbers(judgement.scores)
    return DriftRecord(
        stream=finding.stream,
        ensemble=finding.ensemble,
        revision=finding.revision,
        frame_id=finding.frame_id,
        at=finding.at,
        state=judgement.state,
        score=max((score for score in scores.values() if score is not None), default=None),
        scores=scores,
        alarms=tuple(alarm_record(alarm) for alarm in judgement.alarms),
        frame=numbers(seen.frame),
        members={member: numbers(values) for member, values in seen.by_member.items()},
        hotspots=tuple(map(HotspotRecord.model_validate, seen.hotspots.as_dicts())),
        looks=finding.count,
    )


def alarm_record(alarm: Alarm) -> AlarmRecord:
    """An alarm as it is kept."""
    return AlarmRecord.model_validate(_finite(asdict(alarm)))


def advice_record(finding: Finding, advice: Recommendation, since_frame_id: int, autopilot: AutopilotRecord) -> AdviceRecord:
    """The document about what is advised after that frame."""
    return AdviceRecord(
        stream=finding.stream,
        ensemble=finding.ensemble,
        revision=finding.revision,
        frame_id=finding.frame_id,
        at=finding.at,
        kind=advice.kind,
        members=advice.members,
        use=advice.ensemble,
        reasons=advice.reasons,
        confidence=number(advice.confidence),
        frames=advice.frames,
        since_frame_id=since_frame_id,
        autopilot=autopilot,
    )


def figures(drift: DriftRecord, advice: AdviceRecord) -> dict[str, Any]:
    """The two in short, for those who watch."""
    return {
        "what": "figures",
        "frame_id": drift.frame_id,
        "state": drift.state,
        "score": drift.score,
        "scores": drift.scores,
        "alarms": [alarm.text for alarm in drift.alarms[:MOST_TOLD]],
        "alarm_count": len(drift.alarms),
        "hotspots": [spot.model_dump() for spot in drift.hotspots[:MOST_TOLD]],
        "hotspot_count": len(drift.hotspots),
        "recommendation": told_advice(advice),
        "autopilot": {"mode": advice.autopilot.mode, "state": advice.autopilot.state, "why": advice.autopilot.why},
    }


def told_advice(advice: AdviceRecord) -> dict[str, Any]:
    """What is advised, as it is told."""
    return advice.model_dump(mode="json", include={"kind", "members", "use", "reasons", "confidence"})


def number(value: float) -> Number:
    """A number that JSON has, in six digits.

    >>> number(0.123456789), number(float("nan"))
    (0.123457, None)
    """
    return float(f"{value:.6g}") if math.isfinite(value) else None


def numbers(values: Mapping[str, float]) -> dict[str, Number]:
    """Each of them."""
    return {name: number(value) for name, value in values.items()}


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    return {name: number(value) if isinstance(value, float) else value for name, value in values.items()}
