"""Which lattice an ensemble was trained on, where that is known: what the stated sampling is checked with."""

from __future__ import annotations

from types import MappingProxyType

from elitscope_models.manifest import Manifest

PLANES = MappingProxyType(
    {
        "graphene": (2.13, 1.23),
        "graphene-si": (2.13, 1.23),
        "square-lattice": (2.75, 3.89, 1.94),
        "paper": (2.13, 1.23),
        "paper-multislice": (2.13, 1.23),
    }
)
"""Å, spacings of lattice planes, the strongest first, by recipe."""


def planes(manifest: Manifest) -> tuple[float, ...]:
    """Å, spacings of the planes of the lattice that an ensemble was trained on, the strongest first; none where nobody knows.

    A bundle may state them as `lattice_planes` among its training parameters; otherwise its recipe decides.
    """
    stated = manifest.training.parameters.get("lattice_planes")
    if isinstance(stated, list):
        return tuple(float(value) for value in stated if isinstance(value, int | float) and value > 0)
    return PLANES.get(manifest.training.recipe, ())
