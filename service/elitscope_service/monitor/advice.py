"""What is advised for a stream, from what was seen of it lately."""

from __future__ import annotations

from collections.abc import Sequence

from elitscope_models.drift.recommend import Recommendation, recommend
from elitscope_models.manifest import Manifest
from elitscope_service.monitor.stream import Finding
from elitscope_service.store.documents import AppliedSelection

LEAST_WHOLE = 3
"""Looks that know the deselected networks too, below which taking one back is not thought of."""


def advise(finding: Finding, applied: AppliedSelection, ready: Sequence[Manifest]) -> Recommendation:
    """What to do about the selection in force.

    First the networks in force are compared with each other; where nothing speaks against them, with the deselected ones, should enough
    frames show those.

    Args:
        finding: what was made of the last frame.
        applied: the stream's selection.
        ready: the manifests of ensembles that could take over, and of the one in force.
    """
    if (applied.ensemble, applied.revision) != (finding.ensemble, finding.revision):
        return nothing(f"frames of revision {applied.revision} have not been seen yet")
    among = recommend(finding.looks, finding.members, finding.everyone, applied.min_members, ready)
    if among.kind != "no_change" or set(finding.members) >= set(finding.everyone) or len(finding.whole) < LEAST_WHOLE:
        return among
    wider = recommend(finding.whole, finding.members, finding.everyone, applied.min_members)
    return wider if wider.kind == "members" else among


def nothing(why: str) -> Recommendation:
    """The advice of one who can't tell."""
    return Recommendation("no_change", None, None, (why,), 0.0)
