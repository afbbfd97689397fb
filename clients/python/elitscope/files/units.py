"""Units that microscopes write beside their axes, turned into Å; unknown stays unknown."""

from __future__ import annotations

import math
import re
import unicodedata
from typing import Any, Optional

from elitscope.files.errors import FileUnreadable
from elitscope.types import Sampling

_NAMES = {
    1e-2: ("pm", "picometer", "picometre"),
    1.0: ("å", "a", "ang", "angstrom", "ångström", "angström", "ångstrom"),
    1e1: ("nm", "nanometer", "nanometre"),
    1e4: ("µm", "um", "micron", "micrometer", "micrometre"),
    1e7: ("mm", "millimeter", "millimetre"),
    1e8: ("cm", "centimeter", "centimetre"),
    1e10: ("m", "meter", "metre"),
}
_ANGSTROM = {unicodedata.normalize("NFKC", name): factor for factor, names in _NAMES.items() for name in names}
_RECIPROCAL = re.compile(r"^/|1\s*/|\^?\s*-\s*1|(^|\s)m?(rad|deg)")


class DiffractionUnit(FileUnreadable):
    """The axes are reciprocal lengths or angles: a diffraction pattern, which has no atoms to find."""


def angstroms(unit: Any) -> Optional[float]:
    """Length of one `unit` in Å; None where the unit is missing, a pixel, or not a length.

    >>> angstroms("nm"), angstroms("Å"), angstroms("[p_m]"), angstroms("px"), angstroms(None)
    (10.0, 1.0, 0.01, None, None)

    Raises:
        DiffractionUnit: a reciprocal length or an angle, "1/nm" or "mrad" say.
    """
    text = _plain(unit)
    if _RECIPROCAL.search(text):
        raise DiffractionUnit(f"the axes are in {unit!r}: a diffraction pattern, not an image of atoms")
    return _ANGSTROM.get(text, _ANGSTROM.get(text.rstrip("s")))


def sampling_of(row_step: Any, row_unit: Any, column_step: Any, column_unit: Any) -> Optional[Sampling]:
    """(row, column) in Å/px from the steps and units of two axes; None unless both are known, finite and not zero.

    A step without a unit is no calibration: Gatan's files say 1 and nothing where nobody calibrated. A negative step is an axis that
    runs backwards; its size counts.

    >>> sampling_of(0.0127, "nm", 0.0127, "nm")
    (0.127, 0.127)
    >>> sampling_of(1.0, "", 1.0, "") is None
    True

    Raises:
        DiffractionUnit: the axes are not lengths but reciprocal lengths or angles.
    """
    factors = angstroms(row_unit), angstroms(column_unit)
    steps = _number(row_step), _number(column_step)
    if factors[0] is None or factors[1] is None or not steps[0] or not steps[1]:
        return None
    return float(f"{abs(steps[0]) * factors[0]:.9g}"), float(f"{abs(steps[1]) * factors[1]:.9g}")


def _plain(unit: Any) -> str:
    if isinstance(unit, bytes):
        unit = unit.decode("utf-8", "replace")
    if not isinstance(unit, str):
        return ""
    if "\\u" in unit:  # ImageJ writes "\u00B5m" for µm
        unit = re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match.group(1), 16)), unit)
    text = unicodedata.normalize("NFKC", unit).replace("−", "-").strip().strip("\x00")
    return text.strip("[]").replace("_", "").strip().lower()


def _number(value: Any) -> Optional[float]:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
