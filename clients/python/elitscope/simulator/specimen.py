"""What lies under the probe: atoms, where they are and how brightly they shine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Specimen:
    """Atoms (or atomic columns) in projection."""

    positions: np.ndarray
    """float64 [atom, 2]: (row, column) in Å, origin at the centre of the first pixel."""
    class_ids: np.ndarray
    """int32 [atom]: index into `classes`."""
    weights: np.ndarray
    """float64 [atom]: brightness relative to one carbon atom."""
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.positions)


def brightness(atomic_number: float) -> float:
    """Annular dark-field signal of one atom relative to carbon: Z^1.7 (Krivanek et al., Nature 464, 571 (2010)).

    >>> round(brightness(14), 1)
    4.2
    """
    return float((atomic_number / 6.0) ** 1.7)
