"""Places of a frame where the networks' doubt is out of line with the rest of it: "a flag for unexpected behaviors" (ELIT paper)."""

from __future__ import annotations

from typing import Any, Union

import numpy as np

HOTSPOT_KINDS = ("spread", "support", "position", "shape")
"""`spread`: the members' probabilities differ; `support`: some members see an atom and others none; `position`: they differ about where it
is; `shape`: they agree on an atom that is cut, or larger than the others of its class; less is enough where the lattice is disturbed. More
may be added behind these."""

OTHER_KIND = "other"
"""What a kind is called that a newer server knows, and we don't."""

HOTSPOT_DTYPE = np.dtype([("row", "<f4"), ("column", "<f4"), ("radius", "<f4"), ("kind", "<u4"), ("strength", "<f4")])
"""One hotspot: 20 packed bytes, little-endian; the wire's record too (`clients/PROTOCOL.md`)."""


class HotspotTable(np.ndarray):
    """Hotspots of one frame, the strongest first: a structured array of `HOTSPOT_DTYPE`, one row a place.

    Fields: `row`, `column` (px, centre of the first pixel is 0); `radius` (px: within it lies what is out of line); `kind` (index into
    `HOTSPOT_KINDS`; `kinds` has the names); `strength` (by how many times what is out of line exceeds its bound, 1 and up).

    >>> table = HotspotTable.from_records(np.array([(212.0, 87.5, 6.0, 1, 1.5)], HOTSPOT_DTYPE))
    >>> table.kinds, float(table["row"][0])
    (('support',), 212.0)
    """

    @classmethod
    def from_records(cls, records: np.ndarray) -> HotspotTable:
        """A table over `records` ([n] of `HOTSPOT_DTYPE`; not copied).

        Raises:
            ValueError: another shape or dtype, numbers that are not finite, or a radius or strength that is not positive.
        """
        if records.dtype != HOTSPOT_DTYPE or records.ndim != 1:
            raise ValueError(f"hotspots must be a 1-D array of HOTSPOT_DTYPE, not {records.ndim}-D of {records.dtype}")
        for name in ("row", "column", "radius", "strength"):
            values = records[name]
            fine = np.isfinite(values) if name in ("row", "column") else np.isfinite(values) & (values > 0)
            if not fine.all():
                raise ValueError(f"a hotspot has {name} {values[~fine][0]}")
        return records.view(cls)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The name of each hotspot's kind."""
        return tuple(HOTSPOT_KINDS[kind] if kind < len(HOTSPOT_KINDS) else OTHER_KIND for kind in np.atleast_1d(self["kind"]).tolist())

    def as_dicts(self) -> list[dict[str, Union[float, str]]]:
        """As JSON holds them, numbers in six digits.

        >>> HotspotTable.from_records(np.array([(212.0, 87.5, 6.0, 1, 1.8)], HOTSPOT_DTYPE)).as_dicts()
        [{'row': 212.0, 'column': 87.5, 'radius': 6.0, 'kind': 'support', 'strength': 1.8}]
        """
        rows: list[tuple[Any, ...]] = np.asarray(self).tolist()
        return [
            {name: kind if name == "kind" else float(f"{value:.6g}") for name, value in zip(HOTSPOT_DTYPE.names or (), row)}
            for row, kind in zip(rows, self.kinds)
        ]
