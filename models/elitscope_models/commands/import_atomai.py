"""`elitscope-models import-atomai`: bring a network or an ensemble along that AtomAI trained and saved."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from elitscope_models.training.atomai_bundle import Origin

_EXAMPLES = """\
examples:
  elitscope-models import-atomai graphene_ensemble_metadict.tar --out ./my-graphene --sampling 0.12
  elitscope-models import-atomai doped_metadict.tar --out ./doped --sampling 0.12 --classes C,Si --atoms atomai
then:
  elitscope-models verify ./my-graphene
  elitscope-models predict scan.dm4 --bundle ./my-graphene
"""


def add_parser(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser(
        "import-atomai",
        help="make a bundle of what AtomAI saved",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="FILE.tar", help="what save_model or save_ensemble_metadict wrote; a U-Net")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the bundle")
    parser.add_argument("--sampling", type=float, required=True, metavar="Å", help="Å/px that it was trained for; AtomAI does not save it")
    parser.add_argument("--sampling-range", type=_range, metavar="LOW,HIGH", help="Å/px taken as they are (default: 0.8 to 1.25 times)")
    parser.add_argument("--classes", type=_names, metavar="C,Si", help="names of the classes in the file's order, without background")
    parser.add_argument("--name", help="of the ensemble (default: the folder's)")
    parser.add_argument("--normalisation", choices=("minmax", "percentile", "local"), default="minmax", help="default: minmax, as AtomAI")
    parser.add_argument("--atoms", choices=("weighted", "atomai"), default="weighted", help="how atoms are placed (default: %(default)s)")
    parser.add_argument("--experiment", action="store_true", help="it was trained on experimental frames, not on simulated ones")
    parser.add_argument("--license", help="its licence (default: stated as unknown)")
    parser.add_argument("--release", default="1", help="version that the bundle's manifest states (default: %(default)s)")
    parser.add_argument("--overwrite", action="store_true", help="replace a bundle that is there")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the bundle; 0 when done, 2 when the options make no sense."""
    from pydantic import ValidationError
    from rich.console import Console
    from rich.progress import track

    from elitscope_models.bundle import BundleInvalid, write_bundle
    from elitscope_models.training.atomai import read_atomai
    from elitscope_models.training.atomai_bundle import complete, draft, export_member

    if args.out.exists() and not args.overwrite:
        raise BundleInvalid(f"{args.out} is already there: choose another folder or say --overwrite")
    file = read_atomai(args.file)
    try:
        manifest = draft(file, _origin(args))
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_context=False):
            print(f"elitscope-models import-atomai: {_where(problem['loc'], problem['input'])}: {problem['msg']}", file=sys.stderr)
        return 2
    bar = Console(stderr=True)
    ids = track(manifest.member_ids, "members", console=bar, disable=not bar.is_terminal)
    members = {member: export_member(file, member) for member in ids}
    bundle = write_bundle(args.out, complete(manifest, members), members, overwrite=args.overwrite)
    print(
        f"{args.out}: {len(members)} members, classes {', '.join(manifest.class_names)}, {file.shape}, {bundle.manifest.normalisation.kind}"
    )
    return 0


def _origin(args: argparse.Namespace) -> Origin:
    from elitscope_models.normalise import Local, MinMax, Normalisation, Percentile
    from elitscope_models.training.atomai_bundle import LICENSE_UNKNOWN, Origin

    normalisations: dict[str, Normalisation] = {"minmax": MinMax(), "percentile": Percentile(), "local": Local()}
    return Origin(
        name=args.name if args.name is not None else args.out.resolve().name,
        release=args.release,
        sampling=args.sampling,
        sampling_range=args.sampling_range,
        classes=args.classes,
        normalisation=normalisations[args.normalisation],
        atoms=args.atoms,
        domain="experiment" if args.experiment else "simulation",
        license=args.license or LICENSE_UNKNOWN,
    )


def _where(place: tuple[Any, ...], value: Any) -> str:
    """The option that a field of the manifest comes from, and what it was given."""
    return f"--{str(place[0]).replace('_', '-')} {value!r:.80}" if place else "these options"


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))


def _range(text: str) -> tuple[float, float]:
    low, high = (float(part) for part in text.split(","))
    return low, high
