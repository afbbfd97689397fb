"""`elitscope-models iterate`: focus an ensemble on what is in your own frames, without a label (ELIT paper, Algorithm 1).

Members are applied one by one and the physical ones chosen; what they find, without what lies in dirt, becomes a training set; a new
ensemble learns from it and looks at all frames again, for as long as it finds more. Every round leaves a bundle that a server can load.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elitscope_models.commands._crew import Crews, add_crew_options, crews
from elitscope_models.commands._numbers import numbers

if TYPE_CHECKING:
    from argparse import _SubParsersAction
    from collections.abc import Iterable

    from elitscope_models.bundle import Bundle
    from elitscope_models.training.baseline import Baseline
    from elitscope_models.training.iterate.experiment import Frame
    from elitscope_models.training.iterate.settings import Settings
    from elitscope_models.training.origin import Origin
    from elitscope_models.training.recipes import Recipe

_EXAMPLES = """\
examples:
  elitscope-models iterate movie.npz --bundle graphene --out ./mine
      members as proposed; look at ./mine/report/members.png and choose your own with --members
  elitscope-models iterate movie.npz --bundle graphene --members 2,5 --learn-from 0-5 --out ./mine --rounds 2
      as the paper has it: an expert's members, the first six frames
  elitscope-models iterate scan.dm4 --bundle square-lattice --filter variance --classes B,A --split-by surroundings --out ./mine
      a single image: what members don't agree on is left out, and sublattices are told apart in the end
  elitscope-models iterate movie.npz --bundle graphene --out ./mine --look-only
      the contact sheet and the proposal, and no training
"""


def add_parser(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser(
        "iterate",
        help="retrain an ensemble on your own frames, without labels",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("frames", type=Path, nargs="+", metavar="FRAMES", help="files of frames or movies, as `predict` reads them")
    parser.add_argument("--bundle", required=True, metavar="NAME", help="the ensemble to begin with: a folder or a name")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the rounds' bundles and the report")
    parser.add_argument("--name", help="of the new bundles (default: the bundle's, with -iterated)")
    parser.add_argument("--sampling", type=float, metavar="Å", help="Å/px, instead of the files' own")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="at most so many (default: %(default)s)")
    parser.add_argument("--members", type=numbers, metavar="IDS", help="the bundle's members to trust, 0,2 say (default: as proposed)")
    parser.add_argument("--learn-from", type=numbers, metavar="FRAMES", help="0-5 or 0,3,7 (default: the best, at most 6)")
    parser.add_argument(
        "--region", action="append", default=[], metavar="N:ROW,COL,HEIGHT,WIDTH", help="of frame N, px: learn from there alone; repeatable"
    )
    parser.add_argument(
        "--filter", choices=("gmm", "variance", "both", "none"), default="gmm", help="what is not learnt from: dirt (gmm), doubt (variance)"
    )
    parser.add_argument("--from", dest="start", choices=("best", "scratch"), default="best", help="weights to start from (default: best)")
    parser.add_argument("--size", type=int, default=6, metavar="N", help="members of each new ensemble (default: %(default)s)")
    parser.add_argument(
        "--steps", type=int, metavar="N", help="a member (default: the parent's; a quarter of them with --from best, in every round)"
    )
    parser.add_argument("--crop", type=int, default=224, metavar="PX", help="side of training patches (default: %(default)s)")
    parser.add_argument("--classes", metavar="NAMES", help="of a last, multi-class round, the darkest first: C,Si")
    parser.add_argument(
        "--split-by", default="otsu", metavar="HOW", help="otsu, gmm or thresholds of intensity, or surroundings (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of everything random (default: %(default)s)")
    add_crew_options(parser)
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="of the CPU, for looking at frames (default: every core)")
    parser.add_argument("--resume", action="store_true", help="go on with the loop that was stopped: the same command once more")
    parser.add_argument("--look-only", action="store_true", help="contact sheet and proposal, no training")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the loop; 0 when it came to its end, 2 when the arguments make no sense."""
    from elitscope.types import as_sampling
    from elitscope_models.bundle import load_bundle
    from elitscope_models.training.iterate.experiment import read_frames
    from elitscope_models.training.iterate.report import Report
    from elitscope_models.training.iterate.rounds import iterate
    from elitscope_models.zoo import find_bundle

    for name, least in (("rounds", 0), ("size", 1), ("steps", 1), ("crop", 8), ("workers", 1)):
        if (value := getattr(args, name)) is not None and value < least:
            return _refuse(f"{value} {name} are too few: give at least {least}")
    if args.out.exists() and any(args.out.iterdir()) and not args.resume:
        return _refuse(f"{args.out} is not empty: go on with what was begun there (--resume), or choose another folder")
    try:
        parent = load_bundle(find_bundle(args.bundle))
        frames = list(read_frames(args.frames, as_sampling(args.sampling)))
        settings = _settings(args, parent)
        report = Report(args.out / "report", lambda text: print(text, file=sys.stderr))
        with crews(args) as crew:
            written = iterate(frames, parent, args.out, settings, _trainer(settings, crew), report, _watch, args.threads)
    except ValueError as error:
        return _refuse(str(error))
    except KeyboardInterrupt:
        print("elitscope-models iterate: stopped; what was done is kept. The same command with --resume goes on with it", file=sys.stderr)
        raise
    for path in (*(bundle.path for bundle in written), report.folder / "index.html"):
        print(path)
    return 0


def _settings(args: argparse.Namespace, parent: Bundle) -> Settings:
    from elitscope_models.training.iterate.kinds import class_names
    from elitscope_models.training.iterate.region import read_region
    from elitscope_models.training.iterate.settings import Settings

    return Settings(
        name=args.name or f"{parent.manifest.name.removesuffix('-iterated')}-iterated",
        rounds=0 if args.look_only else args.rounds,
        members=args.members,
        start=args.start,
        size=args.size,
        steps=args.steps,
        seed=args.seed,
        train_on=args.learn_from,
        regions=tuple(map(read_region, args.region)),
        filter=args.filter,
        crop=args.crop,
        classes=() if args.classes is None or args.look_only else tuple(class_names(args.classes)),
        split_by=args.split_by,
    )


def _trainer(settings: Settings, crew: Crews) -> Any:
    """Trains where the options say, with bars; what is there already is gone on with."""
    from elitscope_models.training.ensemble import train_ensemble
    from elitscope_models.training.progress import TrainingProgress

    def train(recipe: Recipe, members: int, out: Path, release: str, frames: Any, baseline: Baseline | None, origin: Origin) -> Bundle:
        with TrainingProgress(members) as progress:
            own, _ = crew.of(members, recipe.schedule.threads, progress.note)
            return train_ensemble(
                recipe,
                members,
                out,
                settings.seed,
                release,
                progress,
                own,
                frames=frames,
                device=crew.device,
                baseline=baseline,
                resume=True,
                origin=origin,
            )

    return train


def _watch(frames: Iterable[Frame], title: str) -> Iterable[Frame]:
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(list(frames), title, console=console, disable=not console.is_terminal)


def _refuse(reason: str) -> int:
    print(f"elitscope-models iterate: {reason}", file=sys.stderr)
    return 2
