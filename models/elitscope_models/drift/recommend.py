"""Which networks to trust now: the paper's deselection by an operator, as advice with its reasons.

Every look knows what each member makes of every place that anyone takes for an atom, and how likely each place is one
(`elitscope_models.drift.sites`). So the F1 that any subset would have can be expected without running it. What each look speaks for adds
up, the last ones counting most; where several subsets are as good, the largest is advised, since spread needs members.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np

from elitscope_models.drift.lattices import planes
from elitscope_models.drift.look import Look
from elitscope_models.drift.signals import SIGNAL
from elitscope_models.manifest import Manifest

Array = np.ndarray[Any, np.dtype[Any]]
Kind = Literal["no_change", "members", "ensemble", "retrain"]

WORTH = 0.008
"""Gain in expected F1 from which another selection is advised."""
ALLOWANCE, ENOUGH = 0.005, 0.02
"""Gain of a look that proves nothing, and the sum of what is beyond it, look by look and never below zero, that is proof enough."""
FADING = 3.0
"""Looks after which one counts half: drift goes on, and what was is not what is."""
ALIKE = 0.004
"""Expected F1 by which a larger subset may be worse than the best."""
SAME = 0.002
"""Loss of expected F1 up to which a subset with more members is as good; far less than `WORTH`, so that advice does not go to and fro."""
POOR, GOOD = 0.8, 0.93
"""Expected F1 below which no selection helps, and from which a frame is good enough to train on."""
_EXHAUSTIVE = 10
"""Members up to which every subset is tried."""
_MOST_FRAMES = 16


@dataclass(frozen=True)
class Recommendation:
    """What to do now. `members`: those to have active (`members`); `ensemble`: the one to change to (`ensemble`); `frames`: ids of frames
    good enough to train on (`retrain`); `reasons`: in words and figures, the weightiest first; `confidence`: 0–1."""

    kind: Kind
    members: tuple[int, ...] | None
    ensemble: str | None
    reasons: tuple[str, ...]
    confidence: float
    frames: tuple[int, ...] = ()


def recommend(
    looks: Sequence[Look],
    active: Iterable[int],
    members: Iterable[int],
    min_members: int,
    ready: Sequence[Manifest] = (),
) -> Recommendation:
    """What the recent looks at a stream speak for.

    Args:
        looks: at frames of one stream under one ensemble, the oldest first; some dozen are enough.
        active: ids of the active members.
        members: ids of all members.
        min_members: fewer than these are never advised.
        ready: manifests of other ensembles that could take over, and of this one.
    """
    now = tuple(sorted(set(active)))
    usable = [look for look in looks if look.sites is not None and len(look.sites.places) and set(now) <= set(look.sites.members)]
    if not usable:
        return Recommendation("no_change", None, None, ("no look with maps of all active networks yet",), 0.0)
    other = _other_ensemble(usable, ready)
    if other is not None:
        return other
    known = _known(usable, set(members))
    subsets = _subsets(known, max(1, min_members), now, usable)
    expected = np.array([look.sites.expected_f1(_columns(look, subsets)) for look in usable if look.sites is not None])
    expected = np.nan_to_num(expected, nan=1.0)  # nothing is found where nothing is: that is right
    weights = 0.5 ** (np.arange(len(usable))[::-1] / FADING)
    mean, base = weights @ expected / weights.sum(), subsets.index(now)
    gains = expected - expected[:, base : base + 1]
    best = _largest_of_the_best(subsets, mean)
    if subsets[best] != now and mean[best] - mean[base] >= WORTH and _proof(gains[:, best]) >= ENOUGH:
        confidence = _confidence(gains[:, best], weights)
        return Recommendation("members", subsets[best], None, _reasons(usable, now, subsets[best], mean[base], mean[best]), confidence)
    back = _grown(subsets, now, gains)
    if back is not None:
        others = ", ".join(map(str, sorted(set(subsets[back]) - set(now))))
        text = f"nothing is lost with networks {others} again: expected F1 {mean[back]:.3f}, now {mean[base]:.3f}"
        return Recommendation("members", subsets[back], None, (text,), _confidence(gains[:, back] + WORTH, weights))
    if mean[best] < POOR:
        return _retrain(usable, expected[:, base], float(mean[best]))
    reason = f"expected F1 {mean[base]:.3f}; the best other choice would have {mean[best]:.3f}"
    return Recommendation("no_change", None, None, (reason,), 1.0 - _confidence(gains[:, best] - WORTH, weights))


def _known(looks: Sequence[Look], members: set[int]) -> tuple[int, ...]:
    """Members that every look knows."""
    common = members.intersection(*(set(look.sites.members) for look in looks if look.sites is not None))
    return tuple(sorted(common))


def _columns(look: Look, subsets: Sequence[tuple[int, ...]]) -> Array:
    """bool [member, subset] in the order of the look's members."""
    assert look.sites is not None
    return np.array([[member in subset for subset in subsets] for member in look.sites.members])


def _subsets(known: tuple[int, ...], least: int, now: tuple[int, ...], looks: Sequence[Look]) -> list[tuple[int, ...]]:
    """The subsets to compare: all of them, or, of many members, those that leave out the worst ones by themselves."""
    if len(known) <= _EXHAUSTIVE:
        chosen = [subset for size in range(least, len(known) + 1) for subset in combinations(known, size)]
    else:
        own = {member: np.nan_to_num(_mean(looks, member, "expected_f1"), nan=1.0) for member in known}
        ranked = sorted(known, key=lambda member: -own[member])
        chosen = [tuple(sorted(ranked[:size])) for size in range(least, len(known) + 1)]
    return chosen if now in chosen else [*chosen, now]


def _largest_of_the_best(subsets: Sequence[tuple[int, ...]], mean: Array) -> int:
    near = [index for index in range(len(subsets)) if mean[index] >= mean.max() - ALIKE]
    return max(near, key=lambda index: (len(subsets[index]), mean[index]))


def _grown(subsets: Sequence[tuple[int, ...]], now: tuple[int, ...], gains: Array) -> int | None:
    """The largest subset that has all active members and others, and is as good in every look."""
    same = [i for i, subset in enumerate(subsets) if set(now) < set(subset) and gains[:, i].min() >= -SAME]
    return max(same, key=lambda index: len(subsets[index]), default=None)


def _proof(gains: Array) -> float:
    """A one-sided CUSUM over the looks: what speaks for a change adds up, what speaks against it takes away."""
    total = 0.0
    for gain in gains:
        total = max(0.0, total + float(gain) - ALLOWANCE)
    return total


def _confidence(gains: Array, weights: Array) -> float:
    """How sure it is that the mean is above zero, taking looks as independent, and a hundredth of an F1 for what nobody knows."""
    share = weights / weights.sum()
    mean = float(share @ gains)
    error = math.hypot(math.sqrt(float(share @ (gains - mean) ** 2) * float(share @ share)), 0.01)
    return 0.5 * (1.0 + math.erf(mean / error / math.sqrt(2.0)))


def _reasons(looks: Sequence[Look], now: tuple[int, ...], chosen: tuple[int, ...], before: float, after: float) -> tuple[str, ...]:
    """What is gained, then what speaks against each network that is left out and for each that is taken in."""
    reasons = [f"expected F1 {after:.3f} instead of {before:.3f}"]
    reasons += [f"without network {member}: {_against(looks, member, now)}" for member in now if member not in chosen]
    reasons += [
        f"with network {member}: expected F1 alone {_mean(looks, member, 'expected_f1'):.2f}" for member in chosen if member not in now
    ]
    return tuple(reasons)


_FAULTS = ("fog", "short_pairs", "unlit", "on_dirt", "odd_blobs", "unseen_peaks")


def _against(looks: Sequence[Look], member: int, now: tuple[int, ...]) -> str:
    """The two faults by which a network is farthest from the others."""
    worst = []
    for name in _FAULTS:
        own = _mean(looks, member, name)
        known = [value for other in now if other != member and math.isfinite(value := _mean(looks, other, name))]
        if math.isfinite(own) and known:
            others = float(np.median(known))
            times = f", {own / others:.1f} times the others'" if others > 0.005 else ", the others' 0"
            worst.append(((own - others) / SIGNAL[name].least, f"{name.replace('_', ' ')} {own:.2f}{times}"))
    worst.sort(reverse=True)
    told = [text for excess, text in worst[:2] if excess > 0.5]
    return "; ".join([f"expected F1 alone {_mean(looks, member, 'expected_f1'):.2f}", *told])


def _mean(looks: Sequence[Look], member: int, name: str) -> float:
    values = [look.by_member[member][name] for look in looks if member in look.by_member]
    finite = [value for value in values if math.isfinite(value)]
    return float(np.mean(finite)) if finite else math.nan


def _retrain(looks: Sequence[Look], expected: Array, best: float) -> Recommendation:
    good = [look.frame_id for look, value in zip(looks, expected, strict=True) if value >= GOOD]
    if not good:
        text = f"no selection is expected to do better than F1 {best:.2f}, and no recent frame is good enough to train on: mend the imaging"
        return Recommendation("no_change", None, None, (text,), 0.5)
    text = f"no selection is expected to do better than F1 {best:.2f}; {len(good)} recent frames are good enough to train on"
    return Recommendation("retrain", None, None, (text,), 0.6, tuple(good[-_MOST_FRAMES:]))


def _other_ensemble(looks: Sequence[Look], ready: Sequence[Manifest]) -> Recommendation | None:
    """Another ensemble whose lattice fits the spacing that the frames show, where this one's does not."""
    spacing = float(np.nanmedian([look.frame["lattice_spacing"] for look in looks])) if any(
        math.isfinite(look.frame["lattice_spacing"]) for look in looks
    ) else math.nan  # fmt: skip
    own = next((manifest for manifest in ready if manifest.name == looks[-1].ensemble), None)
    if own is None or not math.isfinite(spacing) or not planes(own) or _fits(spacing, own):
        return None
    for manifest in ready:
        if manifest.name != own.name and _fits(spacing, manifest):
            text = (
                f"lattice planes {spacing:.2f} Å apart are those that {manifest.name} was trained on, "
                f"not {own.name} ({', '.join(f'{plane:g}' for plane in planes(own))} Å)"
            )
            return Recommendation("ensemble", None, manifest.name, (text,), 0.7)
    return None


def _fits(spacing: float, manifest: Manifest) -> bool:
    return any(abs(spacing / plane - 1.0) < 0.08 for plane in planes(manifest))
