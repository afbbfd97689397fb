"""Images by multislice, through abTEM: what an annular detector records of a sheet, channelling and all, as the alternative to Gaussians.

    specimen -> atoms with heights -> slices -> a probe at each point of a Nyquist grid -> annular detector -> source size -> pixels

Potentials and probes are abTEM's. The lattice is frozen, and each probe sees a window of the specimen alone, which makes a frame of
256 x 256 px a matter of seconds instead of minutes. Jitter, dirt and noise come afterwards, from the simulator, and the truth is that of
every other frame. abTEM is an extra (`multislice`) that is imported when the first image is made.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.fft import fft2, ifft2, next_fast_len
from scipy.signal import resample

from elitscope.simulator import Conditions, Probe, Specimen
from elitscope.simulator.conditions import REFERENCE_WIDTH, SIGMA
from elitscope.simulator.lattice import MARGIN
from elitscope.simulator.specimen import brightness

if TYPE_CHECKING:
    from ase import Atoms

CHALCOGENS_APART = 3.13
"""Å between the two chalcogen atoms of a column of MoS2."""
CARBONS_APART = 1.5
"""Å between carbon atoms above each other."""
FINER = 4
"""Points at which a potential is sampled for each point of a wave, along each axis."""

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Multislice:
    """Makes the image of a specimen; give it to `elitscope.simulator.expose`."""

    inner: float = 0.080
    """rad, inner half angle of the detector."""
    outer: float = 0.180
    """rad, its outer half angle; the potential is sampled finely enough for it."""
    window: float = 8.0
    """Å, least side of what one probe sees of the specimen."""
    slices: float = 1.0
    """Å, thickness of a slice."""

    def __call__(self, specimen: Specimen, shape: tuple[int, int], sampling: float, conditions: Conditions) -> Array:
        """The signal of a specimen, without noise.

        Args:
            specimen: graphene or a hexagonal sheet.
            shape: (rows, columns).
            sampling: Å/px.
            conditions: `probe` is what it is seen through, blurred by a source of `width`; without a probe, a good one in focus, blurred
                until an atom is about `width` wide.

        Returns:
            float32 [row, column]; 1 is a carbon atom's peak where its image is as wide as a Gaussian of `REFERENCE_WIDTH`.

        Raises:
            ImportError: abTEM is not installed.
            ValueError: a specimen whose atoms along the beam are not known.
        """
        return self.image(atoms_of(specimen), shape, sampling, conditions)

    def image(self, atoms: tuple[Array, Array], shape: tuple[int, int], sampling: float, conditions: Conditions) -> Array:
        """The same of atoms, (atomic numbers, places in Å with heights) as `atoms_of` gives them."""
        probe, source = _optics(conditions)
        lone = self._scan(_boxed(_alone(), (0.0, 0.0)), probe)
        series = self._scan(_boxed(atoms, (shape[0] * sampling, shape[1] * sampling)), probe)
        rows, columns = (np.arange(side) * sampling + MARGIN for side in shape)
        here = _Series(lone).centre() - MARGIN
        image = _Series(series).at(rows + here[0], columns + here[1], source * SIGMA)
        per_atom = lone[0].mean() * lone[1][0] * lone[1][1]  # of one carbon atom, over all of its image, Å²
        return np.asarray(image * (2.0 * math.pi * (REFERENCE_WIDTH * SIGMA) ** 2 / per_atom), np.float32)

    def _scan(self, atoms: Atoms, probe: Probe) -> tuple[Array, Array]:
        """The detector's signal at points all over the atoms' box, float64 [row, column], and the box's sides in Å."""
        box = np.diag(atoms.cell)[:2]
        finest = probe.wavelength / (3.0 * self.outer)  # waves end at two thirds of the grid's largest angle
        every = max(1, int(probe.wavelength / (4.0 * probe.convergence) / finest))
        points = [math.ceil(side / finest / every) for side in box]
        grid = [every * count for count in points]
        spacing = box / grid
        window = [min(side, next_fast_len(math.ceil(self.window / finest))) for side in grid]
        slices = _transmission(atoms, (grid[0], grid[1]), self.slices, probe)
        wave = _wave(probe, window, spacing)
        angles = np.hypot.outer(*(np.fft.fftfreq(side, step) * probe.wavelength for side, step in zip(window, spacing, strict=True)))
        ring = (angles >= self.inner) & (angles < self.outer)
        thickness = float(atoms.cell[2, 2]) / len(slices)
        onward = np.where(angles < self.outer, np.exp(-1j * math.pi * thickness / probe.wavelength * angles**2), 0.0).astype(np.complex64)
        near = [(np.arange(count)[:, None] * every - side // 2 + np.arange(side)) % of
                for count, side, of in zip(points, window, grid, strict=True)]  # fmt: skip
        return np.stack([_line(slices, wave, rows, near[1], onward, ring) for rows in near[0]]), box


def _line(slices: Array, wave: Array, rows: Array, columns: Array, onward: Array, ring: Array) -> Array:
    """One line of a scan: the share of each probe that the detector sees, float64 [point].

    Args:
        slices: complex64 [slice, row, column], what each slice does to a wave.
        wave: complex64 [row, column], a probe in the middle of its window.
        rows, columns: int [row] and [point, column], the windows' places in the slices.
        onward: complex64 [row, column], from one slice to the next, in Fourier space.
        ring: bool [row, column], the detector, in Fourier space.
    """
    waves = np.broadcast_to(wave, (len(columns), *wave.shape))
    for index, each in enumerate(slices):
        if index:
            waves = ifft2(waves * onward)
        waves = fft2(waves * each[rows][:, columns].transpose(1, 0, 2), overwrite_x=True)
    intensity = waves.real[:, ring] ** 2 + waves.imag[:, ring] ** 2
    return np.asarray(intensity.sum(axis=1, dtype=np.float64) / (np.abs(wave) ** 2).sum() / wave.size)


def _transmission(atoms: Atoms, grid: tuple[int, int], thickness: float, probe: Probe) -> Array:
    """What each slice does to a wave: complex64 [slice, row, column].

    Potentials are sampled more finely than waves and then cut in Fourier space: nuclei that happen to lie on a point of the grid would
    scatter by a fifth more than others.
    """
    abtem = _abtem()
    fine = tuple(FINER * side for side in grid)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other people's deprecations
        potential = abtem.Potential(atoms, gpts=fine, slice_thickness=thickness, parametrization="kirkland").build(lazy=False)
    smooth = resample(resample(np.asarray(potential.array, np.float32), grid[0], axis=1), grid[1], axis=2)
    return np.asarray(np.exp(1j * abtem.core.energy.energy2sigma(probe.high_tension) * smooth), np.complex64)


def _wave(probe: Probe, size: Sequence[int], spacing: Array) -> Array:
    """The probe's wave in the middle of a window: complex64 [row, column]."""
    abtem = _abtem()
    named = {"C10": -probe.defocus, "C30": probe.spherical}
    for name, (amount, direction) in (("12", probe.astigmatism), ("21", probe.coma), ("23", probe.threefold)):
        named |= {f"C{name}": amount, f"phi{name}": math.pi / 2.0 - direction}  # abTEM counts from its first axis, rows, to the second
    waves = abtem.Probe(
        semiangle_cutoff=1e3 * probe.convergence,
        energy=probe.high_tension,
        gpts=tuple(size),
        sampling=tuple(spacing),
        aberrations=named,
    )
    middle = tuple(side // 2 * step for side, step in zip(size, spacing, strict=True))
    return np.asarray(waves.build(scan=middle, lazy=False).array, np.complex64).reshape(tuple(size))


def atoms_of(specimen: Specimen) -> tuple[Array, Array]:
    """Atoms of a specimen with their heights: atomic numbers, int [atom], and float64 [atom, 3], (row, column, height) in Å.

    Brightness says how many atoms a column has: pairs are taken to be the brightest of the chalcogen columns.

    Raises:
        ValueError: neither graphene nor a hexagonal sheet.
    """
    if specimen.classes == ("C", "Si"):
        numbers, apart = np.where(specimen.class_ids == 1, 14, 6), CARBONS_APART
        weights = specimen.weights / np.where(specimen.class_ids == 1, brightness(14), 1.0)
    elif specimen.classes == ("metal", "chalcogen"):
        chalcogen = specimen.class_ids == 1
        single = specimen.weights[chalcogen].max(initial=0.0) / 2.0
        numbers, apart = _number(np.where(chalcogen, single, specimen.weights)), CHALCOGENS_APART
        weights = np.where(chalcogen, specimen.weights / (single or 1.0), 1.0)
    else:
        raise ValueError(f"columns of classes {specimen.classes} have an unknown number of atoms: multislice is for graphene and hexagonal")
    counts = np.maximum(1, np.rint(weights)).astype(int)
    of = np.repeat(np.arange(len(specimen)), counts)
    level = np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts)
    heights = (level - (counts[of] - 1) / 2.0) * apart
    return numbers[of].astype(int), np.column_stack([specimen.positions[of], heights])


class _Series:
    """A periodic image as a Fourier series, which can be evaluated anywhere."""

    def __init__(self, scanned: tuple[Array, Array]) -> None:
        image, self.box = scanned
        self.image = image
        self.terms = np.fft.fft2(image) / image.size
        self.frequencies = [np.fft.fftfreq(points, side / points) for points, side in zip(image.shape, self.box, strict=True)]

    def at(self, rows: Array, columns: Array, sigma: float) -> Array:
        """The image at rows and columns (Å), blurred by a Gaussian of `sigma` Å: float64 [row, column]."""
        down, across = (
            np.exp(2j * math.pi * np.outer(at, frequency) - 2.0 * (math.pi * sigma * frequency) ** 2)
            for at, frequency in zip((rows, columns), self.frequencies, strict=True)
        )
        return np.asarray((down @ self.terms @ across.T).real)

    def centre(self) -> Array:
        """Where the image is bright, float64 [2] in Å: the centre of mass weighted by its square."""
        bright = self.image**2
        places = [np.arange(points) * side / points for points, side in zip(self.image.shape, self.box, strict=True)]
        return np.array([(bright.sum(axis=1 - axis) * place).sum() / bright.sum() for axis, place in enumerate(places)])


def _optics(conditions: Conditions) -> tuple[Probe, float]:
    """The probe, and the FWHM in Å of the source."""
    if conditions.probe is not None:
        return conditions.probe, conditions.width
    probe = Probe()
    diffraction = 0.61 * probe.wavelength / probe.convergence
    return probe, math.sqrt(max(conditions.width**2 - diffraction**2, 0.0))


def _alone() -> tuple[Array, Array]:
    """A carbon atom on the origin."""
    return np.array([6]), np.zeros((1, 3))


def _boxed(atoms: tuple[Array, Array], field: tuple[float, float]) -> Atoms:
    """Atoms in a periodic box: the field of view with a margin around it."""
    from ase import Atoms

    numbers, positions = atoms
    thickness = 2.0 + (np.ptp(positions[:, 2]) if len(positions) else 0.0)
    box = (field[0] + 2.0 * MARGIN, field[1] + 2.0 * MARGIN, thickness)
    lowest = positions[:, 2].min(initial=0.0)
    return Atoms(numbers=numbers, positions=positions + np.array([MARGIN, MARGIN, 1.0 - lowest]), cell=box, pbc=True)


def _number(weights: Array) -> Array:
    """Atomic numbers of atoms with this brightness."""
    return np.rint(6.0 * weights ** (1.0 / 1.7))


def _abtem() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import abtem
    except ImportError as error:
        raise ImportError("multislice needs abTEM, which is not installed: pip install 'elitscope-service[multislice]'") from error
    return abtem
