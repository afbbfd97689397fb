"""A plan's name says what computed a result: `{runtime}-{device}-{precision}-{digest}`.

Equal names promise equal bits for the same frame. The digest therefore covers the active members' files, everything of the manifest that
changes a number, how frames are cut, the runtime's fingerprint (version, hardware, threads) and the version of the analysis itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from elitscope.errors import ElitscopeError
from elitscope_models.manifest import Atoms, Manifest
from elitscope_models.tiles import Tiling

ANALYSIS_VERSION = 2
"""Raised with every change that alters numbers: preprocessing, mean and spread, atoms."""

_DIGITS = 12


class PlanUnavailable(ElitscopeError, LookupError):
    """No runtime here computes under the plan that was asked for; the text lists those that are available."""

    code = "plan_unavailable"


def plan_name(runtime: str, precision: str, fingerprint: str, manifest: Manifest, members: Iterable[int], tiling: Tiling) -> str:
    """The plan under which these members are computed.

    Args:
        runtime: library and device, `openvino-cpu`.
        precision: `fp32` or `bf16`.
        fingerprint: the runtime's.
        manifest: the bundle's.
        members: ids of the active members; their order does not matter.
        tiling: how frames are cut.
    """
    active = set(members)
    covered = {
        "analysis": ANALYSIS_VERSION,
        "fingerprint": fingerprint,
        "members": [[member.id, member.sha256] for member in sorted(manifest.members, key=lambda m: m.id) if member.id in active],
        "manifest": manifest.model_dump(mode="json", include={"classes", "sampling", "sampling_range", "stride", "normalisation"}),
        "tiling": [tiling.stride, tiling.halo, tiling.max_side],
    }
    if manifest.atoms != Atoms():  # left out otherwise, so that plans keep the names that they had before there was a choice
        covered["atoms"] = manifest.atoms.model_dump(mode="json")
    if manifest.calibration is not None:
        covered["calibration"] = manifest.calibration.model_dump(mode="json")
    digest = hashlib.sha256(json.dumps(covered, sort_keys=True).encode()).hexdigest()
    return f"{runtime}-{precision}-{digest[:_DIGITS]}"
