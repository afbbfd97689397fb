"""What an ensemble descends from, ancestors first, as its manifest keeps it: enough to draw the tree where the ancestors are gone."""

from __future__ import annotations

from typing import Any

from elitscope_models.bundle import Bundle

KEY = "lineage"
"""Where it stands in `manifest.training.parameters`."""


def lineage_of(bundle: Bundle) -> list[dict[str, Any]]:
    """The ancestors of a bundle, the oldest first."""
    found = bundle.manifest.training.parameters.get(KEY)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def extended(bundle: Bundle, members: tuple[int, ...], best: int) -> list[dict[str, Any]]:
    """The lineage of a child of `bundle`.

    Args:
        bundle: the parent.
        members: whose mean its labels come from.
        best: the member that stood out.
    """
    manifest = bundle.manifest
    own = {
        "name": manifest.name,
        "version": manifest.version,
        "digest": bundle.digest,
        "domain": manifest.training.domain,
        "recipe": manifest.training.recipe,
        "selected": list(members),
        "best": best,
    }
    return [*lineage_of(bundle), own]
