"""From a bundle to an ensemble on this computer, and from a plan's name to the runtime behind it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from elitscope_models.agreement import Agreement
from elitscope_models.analyse import analyse
from elitscope_models.bundle import Bundle, read_member
from elitscope_models.compare import compare
from elitscope_models.ensemble import MAX_TILE, Ensemble, load_ensemble
from elitscope_models.fusion import Fusion
from elitscope_models.plans import PlanUnavailable, plan_name
from elitscope_models.reference import reference_frame, reference_image
from elitscope_models.runtime import FusingRuntime, Resting, Runtime, Whole
from elitscope_models.runtimes import all_runtimes, choose
from elitscope_models.tiles import Tiling

Race = Callable[[Ensemble, Ensemble], float]
"""How many times as fast as the second the first is."""

_PASSES = 5

logger = logging.getLogger(__name__)


def open_ensemble(
    bundle: Bundle,
    device: str = "auto",
    precision: str = "auto",
    threads: int = 0,
    cache_dir: Path | None = None,
    max_tile: int = MAX_TILE,
    fuse: bool = False,
) -> Ensemble:
    """The ensemble on the best runtime that this computer has for it (`runtimes.choose`).

    With `fuse`, somebody does the work of its `fusion`, and frames come to be analysed in one call.

    Raises:
        RuntimeUnavailable: nothing here does what was asked for.
        BundleInvalid: a member does not compile or run.
    """
    ensemble = load_best(bundle, choose(device, precision, threads, cache_dir), max_tile)
    return with_fusion(ensemble) if fuse else ensemble


def load_best(bundle: Bundle, runtimes: Sequence[Runtime], max_tile: int = MAX_TILE, race: Race | None = None) -> Ensemble:
    """The ensemble on the first of `runtimes` that earns it.

    A precision below fp32 is earned: on the reference frame its mean, spread and atoms must be those of fp32 within the bundle's tolerance,
    and it must be faster here.

    Args:
        bundle: a checked bundle.
        runtimes: in order of preference; the last one, fp32 where there are several, is the measure of the others.
        max_tile: px, side of the largest image that goes through in one piece.
        race: how many times as fast as the second ensemble the first is (None: a few passes of each are timed).

    Raises:
        BundleInvalid: a member does not compile or run.
    """
    *candidates, trusted = runtimes
    measure, agreement = load_ensemble(bundle, trusted, max_tile), None
    for runtime in candidates:
        ensemble = load_ensemble(bundle, runtime, max_tile)
        agreement = _agree(ensemble, measure, race or speedup)
        why_not = agreement.why_not(bundle.manifest.tolerance)
        if not why_not:
            logger.info("%s runs in %s", bundle.manifest.name, agreement)
            return replace(ensemble, agreement=agreement)
        logger.warning("%s does not run in %s (%s)", bundle.manifest.name, agreement, why_not)
    return replace(measure, agreement=agreement)


def speedup(ensemble: Ensemble, measure: Ensemble, clock: Callable[[], float] = time.perf_counter) -> float:
    """How many times as fast as `measure` the ensemble is: the median of a few passes of one member, in turns."""
    image, member = reference_image(ensemble.bundle.manifest, ensemble.tiling), ensemble.members[0]
    ratios = []
    for _ in range(_PASSES):
        times = [clock()]
        for runner in (measure, ensemble):
            runner.forward(image, member)
            times.append(clock())
        ratios.append((times[1] - times[0]) / max(times[2] - times[1], 1e-9))
    return median(ratios)


def _agree(ensemble: Ensemble, measure: Ensemble, race: Race) -> Agreement:
    manifest = ensemble.bundle.manifest
    pixels = reference_frame(manifest, ensemble.tiling)
    first, second = (analyse(pixels, manifest.sampling, one, keep_members=False) for one in (measure, ensemble))
    check = compare(first, second, manifest.tolerance)
    farthest = min(check.coordinates_px, float(max(pixels.shape)))
    return Agreement(ensemble.runtime.precision, check.mean, check.std, farthest, race(ensemble, measure))


def with_fusion(ensemble: Ensemble, at_once: bool = False) -> Ensemble:
    """The ensemble with members that can be run in one call, if its runtime can do that (`elitscope_models.fusion`)."""
    runtime, bundle = ensemble.runtime, ensemble.bundle
    if not isinstance(runtime, FusingRuntime):
        return ensemble
    sums = {member.id: member.sha256 for member in bundle.manifest.members}

    def compile_whole(members: tuple[int, ...], shape: tuple[int, int]) -> Whole:
        return runtime.fuse([sums[member] for member in members], lambda: [read_member(bundle, member) for member in members], shape)

    def rest() -> None:
        for network in ensemble.networks.values():
            if isinstance(network, Resting):
                network.rest()

    return replace(ensemble, fusion=Fusion(compile_whole, bundle.manifest.tolerance, at_once, rest=rest))


def all_plans(bundle: Bundle, members: Iterable[int], runtimes: Iterable[Runtime], tiling: Tiling) -> dict[str, tuple[Runtime, bool]]:
    """Every plan that these runtimes have for these members: the runtime, and whether all of them run in one call."""
    active, plans = tuple(members), dict[str, tuple[Runtime, bool]]()
    for runtime in runtimes:
        names = [runtime.name, *([runtime.fused_name] if isinstance(runtime, FusingRuntime) and len(active) > 1 else [])]
        for whole, name in enumerate(names):
            plan = plan_name(name, runtime.precision, runtime.fingerprint, bundle.manifest, active, tiling)
            plans[plan] = runtime, bool(whole)
    return plans


def load_plan(bundle: Bundle, runtime: Runtime, whole: bool, max_tile: int = MAX_TILE) -> Ensemble:
    """The ensemble on this runtime, its members one by one or, where the frame allows it, in one call.

    Raises:
        BundleInvalid: a member does not compile or run.
    """
    ensemble = load_ensemble(bundle, runtime, max_tile)
    return with_fusion(ensemble, at_once=True) if whole else ensemble


def open_plan(
    bundle: Bundle,
    plan: str,
    members: Iterable[int] | None = None,
    threads: int = 0,
    cache_dir: Path | None = None,
    max_tile: int = MAX_TILE,
) -> Ensemble:
    """The ensemble under the plan that a reply named, so that its numbers can be had again.

    Args:
        plan: a full name, or its beginning (`onnxruntime-cpu`), or `auto`, `fp32`, `bf16`.
        members: those that the plan was for; part of its name.

    Raises:
        PlanUnavailable: no runtime here has that plan, or a beginning fits several; the text lists what is available.
    """
    if plan in ("auto", "fp32", "bf16"):
        return open_ensemble(bundle, precision=plan, threads=threads, cache_dir=cache_dir, max_tile=max_tile)
    active = bundle.manifest.member_ids if members is None else tuple(members)
    tiling = Tiling(bundle.manifest.stride, bundle.halo, max_tile)
    plans = all_plans(bundle, active, all_runtimes(threads, cache_dir), tiling)
    return load_plan(bundle, *plans[_match(plan, plans)], max_tile)


def _match(plan: str, names: Iterable[str]) -> str:
    fitting = [name for name in names if name.startswith(plan)]
    if len(fitting) != 1:
        trouble = "fits several plans" if fitting else "is not available here (other members, files, versions, threads or hardware?)"
        raise PlanUnavailable(f"plan {plan!r} {trouble}; available: {', '.join(names)}")
    return fitting[0]
