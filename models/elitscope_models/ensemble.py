"""A loaded bundle: every member compiled, tried on a reference frame, and only then offered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from elitscope.errors import ElitscopeError
from elitscope_models.agreement import Agreement
from elitscope_models.bundle import Bundle, BundleInvalid, read_member
from elitscope_models.fusion import MOST_PIXELS, Fusion
from elitscope_models.helper import Helper
from elitscope_models.plans import plan_name
from elitscope_models.reference import reference_image
from elitscope_models.runtime import FusingRuntime, Image, Maps, Network, NetworkInvalid, Runtime, Whole
from elitscope_models.tiles import Tiling

MAX_TILE = 1024
"""px: the side of the largest image that goes through a network in one piece; larger frames are cut, so that other streams get a turn."""


class MembersInvalid(ElitscopeError, ValueError):
    """A selection that this ensemble can't run: empty, or with members that it does not have."""

    code = "members_invalid"


@dataclass(frozen=True)
class Ensemble:
    """An ensemble ready to run, immutable. Its networks are for one thread at a time.

    `agreement` is how a lower precision compared with fp32, whichever was taken, None where there was none to try; `fusion` runs several
    members in one call, None where they always run one by one; `helper` takes part in what is around the networks.
    """

    bundle: Bundle
    runtime: Runtime
    fingerprint: str
    networks: Mapping[int, Network] = field(repr=False)
    tiling: Tiling
    agreement: Agreement | None = None
    fusion: Fusion | None = field(default=None, repr=False)
    helper: Helper = field(default_factory=Helper, repr=False, compare=False)

    @property
    def members(self) -> tuple[int, ...]:
        """All member ids, in the manifest's order."""
        return self.bundle.manifest.member_ids

    @property
    def classes(self) -> tuple[str, ...]:
        return self.bundle.manifest.class_names

    def choose(self, members: Iterable[int] | None = None) -> tuple[int, ...]:
        """The members asked for, in the manifest's order; all of them for None.

        Raises:
            MembersInvalid: none at all, or one that the ensemble does not have.
        """
        if members is None:
            return self.members
        wanted = set(members)
        unknown = sorted(wanted - set(self.members))
        if unknown or not wanted:
            trouble = f"members {unknown} are unknown" if unknown else "no member is selected"
            raise MembersInvalid(f"{trouble}: ensemble {self.bundle.manifest.name!r} has {list(self.members)}; select at least one of them")
        return tuple(member for member in self.members if member in wanted)

    def plan(self, members: Iterable[int] | None = None, whole: bool = False) -> str:
        """Name of the plan that these members run under (`elitscope_models.plans`): one by one, or the `whole` in one call."""
        chosen, runtime = self.choose(members), self.runtime
        name = runtime.fused_name if whole and isinstance(runtime, FusingRuntime) else runtime.name
        return plan_name(name, runtime.precision, self.fingerprint, self.bundle.manifest, chosen, self.tiling)

    def whole(self, members: tuple[int, ...], shape: tuple[int, ...]) -> Whole | None:
        """What runs these members in one call on an image of this shape; None where they run one by one.

        Raises:
            NetworkInvalid: the runtime refuses, where that was to be compiled at once.
        """
        fusion = self._fusion(members, shape)
        return None if fusion is None else fusion.of(members, (shape[0], shape[1]))

    def saw(self, members: tuple[int, ...], image: Image, maps: Maps) -> None:
        """These members ran one by one on an image, and gave these maps: perhaps they should be one."""
        fusion = self._fusion(members, image.shape)
        if fusion is not None:
            fusion.saw(members, image, maps)

    def _fusion(self, members: tuple[int, ...], shape: tuple[int, ...]) -> Fusion | None:
        """Where one call is possible: there is a spread, and nobody waits too long for its end."""
        small = shape[0] * shape[1] <= MOST_PIXELS and max(shape) <= self.tiling.max_side
        return self.fusion if small and len(members) > 1 else None

    def forward(self, image: Image, member: int) -> Maps:
        """One member's probabilities, float32 [class, row, column], valid until its next call.

        `image` is float32 [row, column], normalised, its sides multiples of the stride.
        """
        if self.fusion is not None:
            self.fusion.one_by_one()
        return self.networks[member](image)


def load_ensemble(bundle: Bundle, runtime: Runtime, max_tile: int = MAX_TILE) -> Ensemble:
    """Compile every member and try it on the reference frame.

    Args:
        bundle: a checked bundle.
        runtime: what compiles.
        max_tile: px, side of the largest image that goes through in one piece.

    Raises:
        BundleInvalid: a member does not compile, fails on the reference frame, or gives anything but probabilities of the right shape.
    """
    tiling = Tiling(bundle.manifest.stride, bundle.halo, max_tile)
    networks = _load(bundle, runtime, reference_image(bundle.manifest, tiling))
    return Ensemble(bundle, runtime, runtime.fingerprint, networks, tiling)


def _load(bundle: Bundle, runtime: Runtime, image: Image) -> dict[int, Network]:
    networks: dict[int, Network] = {}
    due = (len(bundle.manifest.classes), *image.shape)
    for member in bundle.manifest.members:
        try:
            networks[member.id] = runtime.load(read_member(bundle, member.id))
            found = networks[member.id](image)
        except NetworkInvalid as error:
            raise BundleInvalid(f"{bundle.path / member.file}: {error}") from error
        if found.shape != due:
            raise BundleInvalid(f"{bundle.path / member.file}: gives maps of shape {found.shape} where {due} was due")
        if not (np.isfinite(found).all() and found.min() >= 0 and found.max() <= 1):
            raise BundleInvalid(f"{bundle.path / member.file}: gives values outside 0…1 on the reference frame: these are no probabilities")
    return networks
