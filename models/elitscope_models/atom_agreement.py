"""How many of the ensemble's atoms one network sees by itself."""

from __future__ import annotations

from elitscope.types import AtomTable
from elitscope_models.atom_probability import Maps, probabilities_at


def atom_agreement(own: Maps, atoms: AtomTable, threshold: float) -> float:
    """Fraction of the ensemble's atoms at whose nearest pixel the network's probability is above the threshold: 0 to 1, NaN without atoms.

    Where the network is one of the ensemble, the atoms are partly its own doing: with few networks the figure flatters it.

    Args:
        own: the network's maps, float32 [class, row, column], on the frame's grid.
        atoms: the ensemble's, in px of the frame.
        threshold: probability that a pixel of an atom exceeds.
    """
    values = probabilities_at(own, atoms)
    return float((values > threshold).mean()) if values.size else float("nan")
