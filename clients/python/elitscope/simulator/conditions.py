"""How a frame is acquired: dose, probe, scan, detector and dirt, as one immutable value."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Optional

from elitscope.simulator.probe import Probe

SIGMA = 1.0 / (2.0 * math.sqrt(2.0 * math.log(2.0)))
"""Standard deviation of a Gaussian in units of its FWHM."""
REFERENCE_WIDTH = 1.1
"""Å: width (FWHM) of an atom's image at which `Conditions.electrons` is defined, about that of an aberration-corrected 100 kV probe."""


@dataclass(frozen=True)
class Conditions:
    """Imaging conditions. Intensities are relative to `electrons`, so that changing the dose changes the noise alone.

    Example:
        >>> Conditions().defocused(40.0).width > Conditions().width
        True
    """

    electrons: float = 11.0
    """Detected electrons per pixel at the centre of an atom of weight 1 (carbon) whose image is `REFERENCE_WIDTH` wide."""
    width: float = 1.1
    """Å, FWHM of an atom's image: probe, source size and the atom's own extent."""
    tails: float = 0.15
    """Fraction of an atom's signal that falls into a wide skirt, 0 to 1."""
    tail_width: float = 3.0
    """Å, FWHM of that skirt."""
    probe: Optional[Probe] = None
    """The probe by wave optics. `width` is then an atom's image without it (source size, the atom's extent), and there is no skirt."""
    background: float = 0.03
    """Uniform background, in units of a carbon atom's peak."""
    gradient: tuple[float, float] = (0.0, 0.0)
    """Change of the background over the whole frame along (row, column), in units of a carbon atom's peak."""
    contamination: float = 0.0
    """Fraction of the frame that amorphous carbon covers, 0 to 1."""
    thickness: float = 15.0
    """Å, its thickness where it is thickest."""
    patch: float = 12.0
    """Å, typical size of its patches."""
    pattern: int = 0
    """Which random pattern of contamination: frames that share it show the same patches, larger where `contamination` is larger."""
    row_jitter: float = 0.15
    """px, rms displacement of scan lines along the fast axis."""
    shear: tuple[float, float] = (0.0, 0.0)
    """Drift during the frame: relative change of the row pitch, and columns shifted per row."""
    line_noise: float = 0.0
    """Relative rms change of intensity from line to line."""
    gain: float = 8.0
    """Counts per detected electron."""
    gain_spread: float = 0.15
    """Variance of the counts that one electron gives, relative to `gain` squared."""
    readout: float = 4.0
    """Counts, rms readout noise."""
    offset: float = 60.0
    """Counts, dark level."""
    hot_pixels: float = 0.0
    """Fraction of pixels that read far too high."""

    def __post_init__(self) -> None:
        for name in ("width", "tail_width", "patch", "gain"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)!r}: give a positive number")
        for name in ("tails", "contamination", "hot_pixels"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)!r}: give a fraction from 0 to 1")
        for name in ("electrons", "thickness", "background", "row_jitter", "line_noise", "gain_spread", "readout"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is {getattr(self, name)!r}: give zero or a positive number")

    def defocused(self, defocus: float, convergence: float = 0.03) -> Conditions:
        """The same conditions away from focus: wider atoms, and more of their signal in the skirt.

        A cone of half angle `convergence` (rad) spreads by `defocus` (Å) times it. What it hits is modelled as a Gaussian of that spread
        with a skirt of growing weight: good while the lattice is still visible, without the rings of a real probe farther off, which
        `probe` has.
        """
        spread = 2.0 * math.sqrt(math.log(2.0)) * abs(defocus) * convergence / 2.0
        fog = 1.0 - math.exp(-((abs(defocus) * convergence / 2.0) ** 2))
        return replace(
            self,
            width=math.hypot(self.width, spread),
            tails=self.tails + (1.0 - self.tails) * 0.8 * fog,
            tail_width=math.hypot(self.tail_width, spread),
        )
