"""What decides a loop; it stands in the manifest of everything that a loop makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from elitscope_models.training.augment import EXPERIMENTAL_CROP
from elitscope_models.training.iterate.lattice import PATCH
from elitscope_models.training.iterate.region import Region
from elitscope_models.training.iterate.steady import SPREAD

Filter = Literal["gmm", "variance", "both", "none"]


@dataclass(frozen=True)
class Settings:
    """What decides a loop."""

    name: str
    """Of the new bundles."""
    rounds: int = 3
    """At most so many."""
    members: tuple[int, ...] | None = None
    """Of the parent, chosen by an expert; None: as proposed."""
    start: Literal["best", "scratch"] = "best"
    """Where new members start: from the best one's weights, or from random ones."""
    size: int = 6
    """Members of each new ensemble."""
    steps: int | None = None
    """Of each member; None: as the parent's, a quarter of those from the best one's weights, the same in every round."""
    seed: int = 1
    train_on: tuple[int, ...] | None = None
    """Which frames to learn from; None: those of the highest detection rate."""
    regions: tuple[Region, ...] = ()
    """Parts of frames to learn from; none: whole frames."""
    most: int = 6
    """Frames to learn from, at most, where they are not given."""
    filter: Filter = "gmm"
    """`gmm` drops what lies in amorphous regions, `variance` leaves out what members don't agree on, `both` do both."""
    patch: int = PATCH
    spread: float = SPREAD
    crop: int = EXPERIMENTAL_CROP
    enough: float = 0.98
    """Detection rate at which the loop ends."""
    least_rise: float = 0.01
    """Relative rise of the identified atoms below which it ends."""
    classes: tuple[str, ...] = ()
    """Of a last, multi-class round, the darkest first; none: no such round."""
    split_by: str = "otsu"
    """`otsu`, `gmm` or thresholds divide intensities, `surroundings` what lies around the atoms."""

    def check(self, frames: int) -> None:
        """See that the settings make sense for so many frames.

        Raises:
            ValueError: they don't.
        """
        if frames < 1:
            raise ValueError("there are no frames: give at least one")
        asked = (*(self.train_on or ()), *(region.frame for region in self.regions))
        if wrong := [number for number in asked if not 0 <= number < frames]:
            raise ValueError(f"frames {wrong} are not among the {frames} given: they are numbered from 0")
        if len(self.classes) == 1:
            raise ValueError(f"one class {self.classes[0]!r} needs no multi-class round: name two or more, the darkest first")
        if self.size == 1 and self.filter in ("variance", "both"):
            raise ValueError("one member has no variance to filter by: train more members, or filter by gmm")
