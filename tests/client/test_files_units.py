"""Units that are lengths become Å; what is none, or unknown, never becomes a sampling."""

import pytest

from elitscope.files.units import DiffractionUnit, angstroms, sampling_of


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("nm", 10),
        (" nm ", 10),
        ("[n_m]", 10),
        (b"nm", 10),
        ("nanometers", 10),
        ("Å", 1),
        ("\u212b", 1),  # the sign for ångström, another code point than the letter
        ("A", 1),
        ("Angstrom", 1),
        ("pm", 0.01),
        ("µm", 1e4),
        ("\u03bcm", 1e4),  # Greek mu, another code point than the sign for micro
        ("um", 1e4),
        ("microns", 1e4),
        ("\\u00B5m", 1e4),
        ("m", 1e10),
        ("meters", 1e10),
        ("", None),
        (None, None),
        (3, None),
        ("px", None),
        ("pixels", None),
        ("s", None),
        ("eV", None),
        ("<undefined>", None),
    ],
)
def test_lengths_are_told_from_everything_else(unit, expected):
    assert angstroms(unit) == expected


@pytest.mark.parametrize("unit", ["1/nm", "1 / Å", "nm^-1", "nm-1", "nm⁻¹", "nm−1", "mrad", "rad", "deg", "/nm"])
def test_reciprocal_units_and_angles_mean_diffraction(unit):
    with pytest.raises(DiffractionUnit, match="diffraction"):
        angstroms(unit)


@pytest.mark.parametrize(
    ("axes", "expected"),
    [
        ((0.02, "nm", 0.03, "nm"), (0.2, 0.3)),
        ((20, "pm", 0.02, "nm"), (0.2, 0.2)),
        ((-0.02, "nm", 0.02, "nm"), (0.2, 0.2)),
        (("2e-11", "m", 2e-11, "m"), (0.2, 0.2)),
        ((1.0, "", 1.0, ""), None),
        ((1.0, None, 1.0, None), None),
        ((0.02, "nm", 0.02, ""), None),
        ((0.0, "nm", 0.0, "nm"), None),
        ((float("nan"), "nm", 0.02, "nm"), None),
        ((None, "nm", 0.02, "nm"), None),
        (("wide", "nm", 0.02, "nm"), None),
    ],
)
def test_a_sampling_needs_two_known_finite_steps(axes, expected):
    assert sampling_of(*axes) == expected
