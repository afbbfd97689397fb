"""How a recipe's frames are imaged: ranges from which the conditions of each are drawn.

The ranges are those of annular dark-field work in general: from one electron per pixel to dozens, in focus and far out of it, clean and
half covered, with drift and jittering lines. Half of the frames have Gaussian atoms, as in the ELIT paper; the others are seen by a probe
with aberrations, whose rings can reverse a lattice's contrast.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from elitscope.simulator import Conditions, Probe

Range = tuple[float, float]


@dataclass(frozen=True)
class Imaging:
    """Ranges of imaging conditions; units as in `elitscope.simulator.Conditions`."""

    electrons: Range = (1.0, 40.0)
    """Detected electrons per pixel on an atom of weight 1, log-uniform."""
    width: Range = (0.8, 1.4)
    """Å, FWHM of a Gaussian atom."""
    defocus: float = 40.0
    """Å, largest defocus of a Gaussian atom."""
    background: float = 0.5
    contamination: float = 0.45
    """Fraction of the frames that are contaminated."""
    bare: float = 0.0
    """Fraction of the frames that amorphous carbon covers almost wholly: nothing is to be found there."""
    row_jitter: float = 2.0
    """px, largest."""
    waves: float = 0.5
    """Fraction of the frames that a probe with aberrations sees."""
    high_tension: Range = (60e3, 300e3)
    """V, log-uniform."""
    convergence: Range = (0.020, 0.036)
    """rad."""
    source: Range = (0.5, 1.1)
    """Å, FWHM of an atom's image without the probe."""
    depths: float = 1.6
    """Largest defocus of a probe, in depths of field (wavelength over convergence squared)."""

    def draw(self, rng: np.random.Generator) -> Conditions:
        """Conditions of one frame."""
        waves = rng.random() < self.waves
        probe = self._probe(rng) if waves else None
        source = rng.uniform(*self.source) if waves else 0.0
        conditions = Conditions(
            electrons=log_uniform(rng, *self.electrons),
            tails=rng.uniform(0.0, 0.4),
            tail_width=rng.uniform(2.0, 4.5),
            background=rng.uniform(0.0, self.background),
            gradient=(rng.normal(0.0, 0.15), rng.normal(0.0, 0.15)),
            contamination=self._covered(rng),
            thickness=log_uniform(rng, 3.0, 60.0),
            patch=rng.uniform(5.0, 25.0),
            pattern=int(rng.integers(1 << 31)),
            row_jitter=min(self.row_jitter, rng.exponential(self.row_jitter / 4.0)),
            shear=(rng.normal(0.0, 0.02), rng.normal(0.0, 0.03)),
            line_noise=min(0.06, rng.exponential(0.015)),
            gain=log_uniform(rng, 2.0, 20.0),
            readout=rng.uniform(0.0, 6.0),
            offset=rng.uniform(0.0, 300.0),
            hot_pixels=log_uniform(rng, 1e-5, 3e-4) if rng.random() < 0.1 else 0.0,
            width=rng.uniform(*self.width),
        )
        if probe is not None:
            return replace(conditions, probe=probe, width=source)
        return conditions.defocused(rng.uniform(0.0, self.defocus)) if rng.random() < 0.4 else conditions

    def _covered(self, rng: np.random.Generator) -> float:
        """Fraction of a frame that is contaminated."""
        if rng.random() < self.bare:
            return rng.uniform(0.85, 1.0)
        return rng.uniform(0.03, 0.55) if rng.random() < self.contamination else 0.0

    def _probe(self, rng: np.random.Generator) -> Probe:
        """A probe whose aberrations are below a quarter of a wave or so, some way out of focus."""
        probe = Probe(high_tension=log_uniform(rng, *self.high_tension), convergence=rng.uniform(*self.convergence))
        wavelength, angle = probe.wavelength, probe.convergence

        def aberration(waves: float, power: int) -> tuple[float, float]:
            return rng.uniform(0.0, waves) * wavelength / angle**power, rng.uniform(0.0, 2.0 * np.pi)

        return Probe(
            high_tension=probe.high_tension,
            convergence=angle,
            defocus=rng.uniform(-self.depths, self.depths) * wavelength / angle**2,
            spherical=rng.uniform(-0.5, 0.5) * wavelength / angle**4,
            astigmatism=aberration(0.35, 2),
            coma=aberration(0.2, 3),
            threefold=aberration(0.2, 3),
        )


@dataclass(frozen=True)
class GaussianAtoms:
    """Atoms as Gaussians and next to nothing else, as the ELIT paper's training images before their augmentation adds noise and blur."""

    width: Range = (0.9, 1.3)
    """Å, FWHM of an atom."""
    electrons: float = 1e4
    """Detected electrons per pixel on a carbon atom: so many that noise can't be seen."""

    def draw(self, rng: np.random.Generator) -> Conditions:
        """Conditions of one frame."""
        return Conditions(
            electrons=self.electrons, width=rng.uniform(*self.width), tails=0.0, background=0.0, row_jitter=0.0, gain=1.0, gain_spread=0.0
        )


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """A number between the two, each factor as likely as any other."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
