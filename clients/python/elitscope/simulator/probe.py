"""The electron probe by wave optics: what defocus and aberrations make of an atom, contrast reversal included.

A Gaussian that grows wider only ever dims a lattice. A real probe away from focus has rings, and with them the lattice first vanishes and
then comes back with its contrast reversed: bright where no atom is. Imaging is incoherent here: the image is the specimen's atoms
convolved with the probe's intensity.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Probe:
    """A focused probe. Aberrations in Krivanek's notation, in Å, their directions in radians.

    Example:
        >>> round(Probe(high_tension=100e3).wavelength, 4)
        0.037
    """

    high_tension: float = 100e3
    """V."""
    convergence: float = 0.030
    """rad, half angle."""
    defocus: float = 0.0
    """Å; positive is underfocus (C10 = -defocus)."""
    spherical: float = 0.0
    """Å, C30."""
    astigmatism: tuple[float, float] = (0.0, 0.0)
    """C12: (Å, rad)."""
    coma: tuple[float, float] = (0.0, 0.0)
    """C21: (Å, rad)."""
    threefold: tuple[float, float] = (0.0, 0.0)
    """C23: (Å, rad)."""

    def __post_init__(self) -> None:
        for name in ("high_tension", "convergence"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)!r}: give a positive number")

    @property
    def wavelength(self) -> float:
        """Å, relativistic."""
        return 12.2643 / math.sqrt(self.high_tension * (1.0 + 0.978476e-6 * self.high_tension))

    def transfer(self, shape: tuple[int, int], sampling: float) -> np.ndarray:
        """The optical transfer function on the grid of `numpy.fft.rfft2`: complex64 [row frequency, column frequency], 1 at zero.

        Args:
            shape: (rows, columns) of the image that it is to be multiplied with, in Fourier space.
            sampling: Å/px of that image.

        The intensity's centre of mass, weighted by the intensity itself, lies on the origin: that is where an operator sees the atom.
        """
        fine = max(1, math.ceil(sampling * 4.0 * self.convergence / self.wavelength))
        size = (shape[0] * fine, shape[1] * fine)
        pupil = self._pupil(size, sampling / fine)
        intensity = np.abs(np.fft.ifft2(pupil)) ** 2
        spectrum = np.fft.rfft2(intensity / intensity.sum())
        return np.asarray(_centred(_cropped(spectrum, shape), intensity, fine, shape), np.complex64)

    def _pupil(self, size: tuple[int, int], sampling: float) -> np.ndarray:
        """The aperture with its phases, complex [row frequency, column frequency]; worked out only where it lets anything through."""
        rows, columns = (np.fft.fftfreq(side, sampling) * self.wavelength for side in size)
        step = self.wavelength / (sampling * min(size))
        angles = np.hypot(rows[:, None], columns[None, :])
        inside = np.nonzero(angles < self.convergence + step)
        angle, direction = angles[inside], np.arctan2(rows[inside[0]], columns[inside[1]])
        pupil = np.zeros(size, np.complex128)
        aperture = ((self.convergence - angle) / step + 0.5).clip(0.0, 1.0)
        pupil[inside] = aperture * np.exp(-2j * math.pi / self.wavelength * self._aberration(angle, direction))
        return pupil

    def _aberration(self, angle: np.ndarray, direction: np.ndarray) -> np.ndarray:
        """Å of path difference at each angle (rad)."""
        second = -self.defocus + self.astigmatism[0] * np.cos(2.0 * (direction - self.astigmatism[1]))
        third = self.coma[0] * np.cos(direction - self.coma[1]) + self.threefold[0] * np.cos(3.0 * (direction - self.threefold[1]))
        return np.asarray(angle**2 * (second / 2.0 + angle * (third / 3.0 + angle * self.spherical / 4.0)))


def convolve(image: np.ndarray, transfer: np.ndarray) -> np.ndarray:
    """The image [row, column] seen through a transfer function; its borders wrap around. float32."""
    return np.asarray(np.fft.irfft2(np.fft.rfft2(image) * transfer, image.shape), np.float32)


def _cropped(spectrum: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The low frequencies of a finer image's spectrum: those of `shape`."""
    half = shape[0] // 2
    columns = spectrum[:, : shape[1] // 2 + 1]
    return np.concatenate([columns[: shape[0] - half], columns[len(columns) - half :]]) if half else columns[: shape[0]]


def _centred(spectrum: np.ndarray, intensity: np.ndarray, fine: int, shape: tuple[int, int]) -> np.ndarray:
    """The spectrum of the probe shifted so that its bright centre lies on the origin."""
    bright = intensity**2 / (intensity**2).sum()
    for axis in (0, 1):
        side = intensity.shape[axis]
        turn = np.exp(2j * math.pi * np.arange(side) / side)
        centre = np.angle((bright.sum(axis=1 - axis) * turn).sum()) / (2.0 * math.pi) * side / fine
        frequencies = np.fft.fftfreq(shape[0]) if axis == 0 else np.fft.rfftfreq(shape[1])
        shift = np.exp(2j * math.pi * frequencies * centre)
        spectrum = spectrum * (shift[:, None] if axis == 0 else shift[None, :])
    return spectrum
