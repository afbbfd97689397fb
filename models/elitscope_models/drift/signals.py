"""What is looked at in every frame to tell drift: one table, from which documents and interfaces are made.

No signal assumes how many atoms there should be. Some compare members with each other; since members also err together (in the ELIT paper's
Fig. 2 every network finds atoms inside the hole), others compare what they find with the image itself.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Signal:
    """One figure of a frame, or of each member in it.

    `low`, `high`: its range. `least`: the smallest lasting change that matters to anyone; changes are measured in units of what is usual
    in the stream, but never in smaller ones than this. `limit`: magnitude above which it is out of order whatever is usual, if there is
    one. `of_selection`: depends on which members are active, so that a change of them starts a new level. `watched`: changes raise alarms.
    """

    name: str
    unit: str
    low: float
    high: float
    meaning: str
    reason: str
    per_member: bool
    least: float = 0.0
    limit: float | None = None
    of_selection: bool = False
    watched: bool = True


_INFINITE = float("inf")

SIGNALS: tuple[Signal, ...] = (
    Signal(
        "pixel_agreement", "", 0.0, 1.0,
        "sum of the smaller over sum of the larger probabilities of a member's map and the mean of the other active ones'",
        "members that were trained alike part where frames are unlike their training; it feels blob edges too",
        per_member=True, least=0.03, of_selection=True,
    ),
    Signal(
        "atom_f1", "", 0.0, 1.0,
        "F1 of the places where a member sees an atom against those where most of the other active members do",
        "agreement atom by atom: blind to the width of blobs, which nobody asks about",
        per_member=True, least=0.02, of_selection=True,
    ),
    Signal(
        "found_ratio", "", 0.0, _INFINITE,
        "a member's atoms over the median of all members'",
        "a network that suddenly sees far more or fewer than the others; a move to an emptier area changes all alike",
        per_member=True, least=0.03,
    ),
    Signal(
        "fog", "", 0.0, 1.0,
        "share of a member's probability that lies outside its atoms",
        "foggy features have no physical interpretation (ELIT paper, Fig. 2): the network hedges",
        per_member=True, least=0.02, limit=0.5,
    ),
    Signal(
        "blob_size", "", 0.0, _INFINITE,
        "median area of a member's blobs over that of the disc it was trained to draw",
        "blobs that shrink are atoms about to be lost; blobs that grow, and merge, come with blur and wrong sampling",
        per_member=True, least=0.05,
    ),
    Signal(
        "odd_blobs", "", 0.0, 1.0,
        "share of a member's blobs of less than 0.4 or more than 1.8 times the trained disc's area, or filling less than half of their box",
        "fragments, merged atoms and shapes that no disc has",
        per_member=True, least=0.03, limit=0.5,
    ),
    Signal(
        "short_pairs", "", 0.0, 1.0,
        "share of a member's atoms whose nearest neighbour is closer than 0.7 of the median distance of neighbours",
        "no lattice has such pairs: doubled atoms, grains of amorphous carbon, noise",
        per_member=True, least=0.03,
    ),
    Signal(
        "unlit", "", 0.0, 1.0,
        "share of a member's atoms where the image is no brighter than around them",
        "atoms in vacuum are artifacts that all members may share: agreement is not truth",
        per_member=True, least=0.03, limit=0.3,
    ),
    Signal(
        "on_dirt", "", 0.0, 1.0,
        "share of a member's atoms where the surroundings are far brighter than is usual around atoms in this frame",
        "atoms found in thick amorphous carbon are often its grains, for all members alike",
        per_member=True, least=0.05,
    ),
    Signal(
        "unseen_peaks", "", 0.0, 1.0,
        "share of the image's peaks, as bright and as regular as what is called an atom, where a member sees none",
        "gaps in the coverage, whatever the other members say",
        per_member=True, least=0.03,
    ),
    Signal(
        "expected_f1", "", 0.0, 1.0,
        "F1 of a member alone as expected from how likely each place is an atom (image, neighbours, votes)",
        "what recommendations are made from",
        per_member=True, least=0.02,
    ),
    Signal(
        "spread", "", 0.0, 0.5,
        "mean over atoms of the ensemble's spread at the atom's centre",
        "the ensemble's own doubt about what it found",
        per_member=False, least=0.02, of_selection=True,
    ),
    Signal(
        "support", "", 0.0, 1.0,
        "mean over atoms of the share of active members that see it",
        "falls where members begin to disagree about what is an atom",
        per_member=False, least=0.02, of_selection=True,
    ),
    Signal(
        "atoms", "1/nm²", 0.0, _INFINITE,
        "atoms per area of the frame",
        "shown beside the others; not watched, since another area may well hold more or fewer",
        per_member=False, of_selection=True, watched=False,
    ),
    Signal(
        "signal_to_noise", "dB", -_INFINITE, _INFINITE,
        "usual deviation (1.48 MAD) of the image at the scale of an atom over the rms noise of a pixel",
        "follows the dose, whatever gain and dark level are, and falls with defocus",
        per_member=False, least=1.0,
    ),
    Signal(
        "contrast", "", 0.0, 1.0,
        "share of the image's variance, noise taken out, that is at the scale of an atom",
        "falls with contamination and uneven background, which bury the lattice",
        per_member=False, least=0.06,
    ),
    Signal(
        "sharpness", "1/Å", 0.0, _INFINITE,
        "mean spatial frequency of the image's power, noise taken out, between 1/6 and 1/0.8 Å",
        "defocus, astigmatism and vibration take away the high frequencies first",
        per_member=False, least=0.05,
    ),
    Signal(
        "line_noise", "", 0.0, _INFINITE,
        "rms difference between neighbouring lines over that between neighbouring columns",
        "jitter of the scan and of the beam current tell lines apart, not columns",
        per_member=False, least=0.08,
    ),
    Signal(
        "lattice_spacing", "Å", 0.0, _INFINITE,
        "spacing of the lattice planes that are strongest in the power spectrum, at the stated sampling",
        "changes when the magnification does and the metadata do not, or the material is another",
        per_member=False, least=0.2,
    ),
    Signal(
        "sampling_error", "", -1.0, 1.0,
        "by which share the stated sampling is too large, if the lattice is the one that the ensemble was trained on",
        "wrong metadata happens, and resampling to a wrong size blinds every network",
        per_member=False, least=0.08, limit=0.1,
    ),
    Signal(
        "beyond_training", "", 0.0, _INFINITE,
        "how far signal to noise, contrast, sharpness or line noise lies outside its range in training, in widths of that range",
        "no network can be trusted where none has been, even if all agree and nothing changes",
        per_member=False, least=0.2, limit=0.5,
    ),
)  # fmt: skip
"""Every signal; `Look.frame` has the values of those of the frame, `Look.by_member` those of each member."""

SIGNAL = {signal.name: signal for signal in SIGNALS}
"""By name."""
