"""What a precision below fp32 has to show before an ensemble is run in it."""

from __future__ import annotations

from dataclasses import dataclass

from elitscope_models.manifest import Tolerance


@dataclass(frozen=True)
class Agreement:
    """How an ensemble in a lower `precision` compared with itself in fp32, on the reference frame.

    `mean`, `std`: mean absolute differences of the maps; `coordinates_px`: the farthest that an atom moved, the frame's side where a sure
    one was lost; `speedup`: fp32's time by its own.
    """

    precision: str
    mean: float
    std: float
    coordinates_px: float
    speedup: float

    def why_not(self, tolerance: Tolerance) -> str:
        """What speaks against that precision; empty where nothing does.

        >>> Agreement("bf16", 0.0003, 0.0002, 0.02, speedup=3.1).why_not(Tolerance())
        ''
        >>> Agreement("bf16", 0.0003, 0.02, 0.02, speedup=0.6).why_not(Tolerance())
        'its spread differs by 0.02, more than 0.01; it is no faster (0.60 times)'
        """
        reasons = [
            f"its {what} by {found:.2g}{unit}, more than {most:g}"
            for what, found, most, unit in (
                ("mean differs", self.mean, tolerance.mean, ""),
                ("spread differs", self.std, tolerance.std, ""),
                ("atoms lie off", self.coordinates_px, tolerance.coordinates_px, " px"),
            )
            if not found <= most
        ]
        return "; ".join([*reasons, *([] if self.speedup > 1 else [f"it is no faster ({self.speedup:.2f} times)"])])

    def __str__(self) -> str:
        differences = f"mean {self.mean:.1e}, spread {self.std:.1e}, atoms {self.coordinates_px:.3f} px from fp32"
        return f"{self.precision}: {differences}, {self.speedup:.2f} times as fast"
