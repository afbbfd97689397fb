"""Whether every plan that this computer has for a bundle comes to the same numbers, within the bundle's tolerance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from elitscope_models.analyse import Analysis, analyse
from elitscope_models.bundle import Bundle
from elitscope_models.compare import Check, compare
from elitscope_models.loading import all_plans, load_plan
from elitscope_models.reference import reference_frame
from elitscope_models.runtimes import all_runtimes
from elitscope_models.tiles import Tiling


def cross_check(bundle: Bundle, threads: int = 0) -> Iterator[Check]:
    """Run the reference frame under every plan that this computer has and compare each with the first, fp32 on the CPU.

    Raises:
        BundleInvalid: a member does not compile or run.
    """
    tiling = Tiling(bundle.manifest.stride, bundle.halo)
    pixels = reference_frame(bundle.manifest, tiling)
    first: Analysis | None = None
    for runtime, whole in all_plans(bundle, bundle.manifest.member_ids, all_runtimes(threads), tiling).values():
        found = analyse(pixels, bundle.manifest.sampling, load_plan(bundle, runtime, whole))
        first = first or found
        yield replace(compare(first, found, bundle.manifest.tolerance), precision=runtime.precision)
