"""The whole loop on a measured image of DyScO3, of which nobody knows the atoms: the worked example of `docs/iterate.md`."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from benchmarks.iterate.loops import Bench, opened
from benchmarks.iterate.pictures import Panel, coloured, map_panel, save_panels, spread_panel
from elitscope.files import open_frames
from elitscope_models.sheets import Sheet
from elitscope_models.training.iterate.experiment import Frame, Sight, look, on_grid

PARENT = "square-lattice"
CLASSES = ("Sc", "Dy")
SAMPLING = 0.078
OPTIONS = ("--filter", "variance", "--rounds", "1", "--size", "3", "--steps", "80", "--crop", "96")
STAGES = {"before": "", "one round": "round-1", "multi-class": "classes"}
_SIDE = 240


def study(bench: Bench) -> str:
    image = bench.data / "experimental" / "dyscandate_8nm.png"
    options = ("--sampling", str(SAMPLING), "--bundle", PARENT, *OPTIONS, "--classes", ",".join(CLASSES), "--split-by", "otsu")
    command = bench.iterate(image, "perovskite", *options)
    ((pixels, _),) = list(open_frames(image))
    frame = Frame(image.name, pixels, (SAMPLING, SAMPLING))
    sights = {}
    for stage, folder in STAGES.items():
        ensemble = opened(bench.work / "perovskite" / folder if folder else PARENT)
        sights[stage] = look(on_grid(frame, ensemble), ensemble, ensemble.members)
    _picture(bench, sights)
    rows = [(stage, *_facts(sight)) for stage, sight in sights.items()]
    return "\n\n".join(
        [
            f"```\n{command}\n```",
            Sheet(
                "", ("", "atoms", "nearest neighbour, Å", "its scatter, Å", "mean support", "mean spread on atoms"), tuple(rows)
            ).markdown,
            "![The image, segmentation before and after, classes, spread](pictures/perovskite.png)",
        ]
    )


def _facts(sight: Sight) -> tuple[str, ...]:
    """What can be said without knowing the atoms."""
    near = cKDTree(sight.positions).query(sight.positions, 2)[0][:, 1] * sight.sampling
    assert sight.std is not None
    inside = sight.mean.max(axis=0) > 0.5
    scatter = 1.4826 * float(np.median(np.abs(near - np.median(near))))
    counts = "" if len(sight.mean) == 1 else f" ({', '.join(str(int(np.sum(sight.class_ids == kind))) for kind in range(len(sight.mean)))})"
    return (
        f"{len(sight.positions)}{counts}",
        f"{np.median(near):.3f}",
        f"{scatter:.3f}",
        f"{sight.support.mean():.3f}",
        f"{sight.std.max(axis=0)[inside].mean():.3f}",
    )


def _picture(bench: Bench, sights: dict[str, Sight]) -> None:
    before, one, last = sights.values()
    side = min(_SIDE, *before.image.shape)
    part = (slice(0, side), slice(0, side))
    assert last.std is not None
    panels = [
        Panel(before.image[part], "image"),
        Panel(coloured(before.mean[:, *part], ("Dy", "Sc"), ("Dy", "Sc")), "before"),
        map_panel(one.mean[0][part], "one round"),
        Panel(coloured(last.mean[:, *part], CLASSES, ("Dy", "Sc")), "multi-class"),
        spread_panel(last.std.max(axis=0)[part], "spread", f"0 to {last.std.max():.2f}", float(last.std.max())),
    ]
    save_panels(bench.pictures / "perovskite.png", [panels], 2.2)
