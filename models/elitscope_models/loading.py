"""From a bundle to an ensemble on this computer, and from a plan's name to the runtime behind it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from elitscope_models.bundle import Bundle
from elitscope_models.ensemble import MAX_TILE, Ensemble, load_ensemble
from elitscope_models.plans import PlanUnavailable, plan_name
from elitscope_models.runtime import Runtime
from elitscope_models.runtimes import all_runtimes, choose
from elitscope_models.tiles import Tiling


def open_ensemble(
    bundle: Bundle,
    device: str = "auto",
    precision: str = "auto",
    threads: int = 0,
    cache_dir: Path | None = None,
    max_tile: int = MAX_TILE,
) -> Ensemble:
    """The ensemble on the best runtime that this computer has for it (`runtimes.choose`).

    Raises:
        RuntimeUnavailable: nothing here does what was asked for.
        BundleInvalid: a member does not compile or run.
    """
    return load_ensemble(bundle, choose(device, precision, threads, cache_dir), max_tile)


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
    runtimes = all_runtimes(threads, cache_dir)
    names = {plan_name(r.name, r.precision, r.fingerprint, bundle.manifest, active, tiling): r for r in runtimes}
    return load_ensemble(bundle, [_match(plan, names)], max_tile)


def _match(plan: str, names: dict[str, Runtime]) -> Runtime:
    fitting: Sequence[str] = [name for name in names if name.startswith(plan)]
    if len(fitting) != 1:
        trouble = "fits several plans" if fitting else "is not available here (other members, files, versions, threads or hardware?)"
        raise PlanUnavailable(f"plan {plan!r} {trouble}; available: {', '.join(names)}")
    return names[fitting[0]]
