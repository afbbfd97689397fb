"""Which members to trust: each is applied to the experiment by itself and judged by what it finds (ELIT paper, Alg. 1, line 3; Fig. 2).

An expert looks at the contact sheet and names them. Without one, members are judged by what is physical and needs no truth: atoms keep a
distance from one another, segmentation is atoms and not fog, and a member that finds far fewer than the others misses some. Members that
see specks everywhere have no say in what distance is usual: atoms whose discs would overlap don't count there. That other members agree
is shown but not counted: the paper warns that at this stage their mean averages what is physical with what is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from elitscope.types import AtomTable
from elitscope_models.analyse import analyse
from elitscope_models.atoms import THRESHOLD, atom_steps
from elitscope_models.ensemble import Ensemble, MembersInvalid
from elitscope_models.fog import FOGGY
from elitscope_models.member_figures import MemberFigures, active_figures
from elitscope_models.resample import Grid
from elitscope_models.steps import finish
from elitscope_models.training.iterate.experiment import Frame
from elitscope_models.training.iterate.successor import mask_radius

Array = np.ndarray[Any, np.dtype[Any]]

_ORDINARY = 0.25
"""Relative deviation from the usual distance of nearest neighbours within which one is ordinary."""
_APART = 1.8
"""Radii of an atom's disc, below which two of them can't both be there."""
_BLIND = 0.5
"""Of the median member's number of ordinary atoms, below which nothing else needs to be said of a member."""
_NEAR = 0.9
"""Of the best member's score, from which on others are proposed too."""


@dataclass(frozen=True)
class View:
    """One member on some frames. `atoms`: a frame, on average; `regular`: share of them at the usual distance from their nearest neighbour;
    `figures`: of each frame, beside the other members; `maps`: of each frame, float32 [class, row, column]."""

    member: int
    atoms: float
    regular: float
    figures: tuple[MemberFigures, ...]
    maps: tuple[Array, ...]

    @property
    def fog(self) -> float:
        """Share of the probability that lies outside atoms, mean over frames."""
        return float(np.mean([each.fog for each in self.figures]))

    @property
    def agreement(self) -> float:
        """With the mean of the others, pixel by pixel; NaN where there are none."""
        return float(np.mean([each.pixel_agreement for each in self.figures]))


@dataclass(frozen=True)
class Choice:
    """`members`: those to use; `best`: the one to start from; `by`: who chose; `reasons`: for every member, in words."""

    members: tuple[int, ...]
    best: int
    by: str
    reasons: dict[int, str]


def view_members(frames: Sequence[Frame], ensemble: Ensemble) -> list[View]:
    """Every member of an ensemble on every frame, by itself; frames are on the networks' grid."""
    kind, members = ensemble.bundle.manifest.atoms.kind, ensemble.members
    found = [analyse(frame.pixels, frame.sampling, ensemble) for frame in frames]
    places: dict[int, list[Array]] = {member: [] for member in members}
    for each in found:
        assert each.member_maps is not None
        shape = (each.mean.shape[1], each.mean.shape[2])
        for index, member in enumerate(members):
            own = each.member_maps[index]
            atoms: AtomTable = finish(atom_steps(own, own[None], Grid(shape, shape), each.sampling, THRESHOLD, kind))
            places[member].append(atoms.positions())
    reaches = [_APART * mask_radius(ensemble.bundle.manifest) / _step(frame, ensemble) for frame in frames]
    usual = [_usual_distance([places[member][index] for member in members], reach) for index, reach in enumerate(reaches)]
    figures = [active_figures(each.member_maps, each.atoms, THRESHOLD) for each in found if each.member_maps is not None]
    return [
        View(
            member=member,
            atoms=float(np.mean([len(own) for own in places[member]])),
            regular=_regular(places[member], usual),
            figures=tuple(of_frame[index] for of_frame in figures),
            maps=tuple(each.member_maps[index] for each in found if each.member_maps is not None),
        )
        for index, member in enumerate(members)
    ]


def propose(views: Sequence[View]) -> Choice:
    """Members whose finds are physical, and why; one at least."""
    scores = {view.member: _score(view, views) for view in views}
    best = max(views, key=lambda view: scores[view.member])
    good = [view for view in views if view is best or (scores[view.member] >= _NEAR * scores[best.member] and view.fog <= FOGGY)]
    taken = tuple(view.member for view in good)
    reasons = {view.member: _reason(view, best, views, view.member in taken) for view in views}
    return Choice(taken, best.member, "proposal", reasons)


def chosen(members: Sequence[int], views: Sequence[View]) -> Choice:
    """An expert's members; the best of them by the proposal's figures.

    Raises:
        MembersInvalid: none, or one that was not viewed.
    """
    known = [view.member for view in views]
    if not members or (unknown := sorted(set(members) - set(known))):
        raise MembersInvalid(f"members {list(members) if not members else unknown} can't be selected: there are {known}")
    taken = tuple(member for member in known if member in set(members))
    best = max((view for view in views if view.member in taken), key=lambda view: _score(view, views))
    reasons = {view.member: f"{'selected' if view.member in taken else 'left out'} by the expert; {_facts(view)}" for view in views}
    return Choice(taken, best.member, "expert", reasons)


def _score(view: View, views: Sequence[View]) -> float:
    return view.regular * (1.0 - view.fog) * min(1.0, view.atoms / max(1.0, _median(views)))


def _reason(view: View, best: View, views: Sequence[View], taken: bool) -> str:
    if taken:
        return f"proposed{', the best' if view is best else ''}; {_facts(view)}"
    usual = _median(views)
    fog = f"foggy: {view.fog:.0%} of its segmentation is no atoms, of the best member's {best.fog:.0%}"
    irregular = f"irregular: {view.regular:.0%} of its atoms keep the usual distance, of the best member's {best.regular:.0%}"
    blind = f"blind: {view.atoms:.0f} atoms a frame, others {usual:.0f}"
    if view.atoms < _BLIND * usual:
        return f"left out: {blind}"
    losses = {
        fog: (1.0 - view.fog) / (1.0 - best.fog + 1e-9),
        irregular: view.regular / (best.regular + 1e-9),
        blind: view.atoms / max(1.0, usual),
    }
    return f"left out: {min(losses, key=lambda words: losses[words])}"


def _facts(view: View) -> str:
    agreed = "" if np.isnan(view.agreement) else f", agreement with the others {view.agreement:.2f}"
    return f"{view.atoms:.0f} atoms a frame, {view.regular:.0%} of them at the usual distance, fog {view.fog:.2f}{agreed}"


def _median(views: Sequence[View]) -> float:
    return float(np.median([view.atoms * view.regular for view in views]))


def _step(frame: Frame, ensemble: Ensemble) -> float:
    """Å per pixel."""
    return ensemble.bundle.manifest.sampling if frame.sampling is None else float(np.mean(frame.sampling))


def _nearest(places: Array) -> Array:
    """Distance of each atom's nearest neighbour, px."""
    return np.asarray(cKDTree(places).query(places, 2)[0][:, 1]) if len(places) > 1 else np.zeros(0)


def _usual_distance(places: Sequence[Array], least: float) -> float:
    """Median over all members' atoms that are at least so far from others, px; NaN without any."""
    everything = np.concatenate([_nearest(each) for each in places])
    apart = everything[everything >= least]
    return float(np.median(apart)) if len(apart) else float("nan")


def _regular(places: Sequence[Array], usual: Sequence[float]) -> float:
    """Share of the atoms whose nearest neighbour is at the usual distance of their frame; 0 without atoms."""
    ordinary = [np.abs(_nearest(own) - distance) <= _ORDINARY * distance for own, distance in zip(places, usual, strict=True)]
    everything = np.concatenate(ordinary)
    return float(everything.mean()) if len(everything) else 0.0
