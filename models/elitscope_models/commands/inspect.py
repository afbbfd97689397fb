"""`elitscope-models inspect`: what an ensemble is, what it was trained on, and how good its members are."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import _SubParsersAction
    from collections.abc import Iterator

    from rich.table import Table
    from rich.tree import Tree

    from elitscope_models.bundle import Bundle, Training

_EXAMPLES = """\
examples:
  elitscope-models inspect graphene
  elitscope-models inspect ./my-bundle --json
"""
_PLACES = {"weighted": "weighted by probability, touching ones divided", "atomai": "AtomAI's: whole blobs, unweighted, none near the edge"}
_SHOWN_OF_TRAINING = {"recipe", "seed", "data", "software", "domain", "calibrated", "parameters"}


def add_parser(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser(
        "inspect",
        help="show what an ensemble is and was trained on",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bundle", metavar="BUNDLE", help="a bundle's folder, or the name of one that ships")
    parser.add_argument("--json", action="store_true", help="the whole manifest as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the manifest; 0."""
    from rich.console import Console

    from elitscope_models.bundle import load_bundle
    from elitscope_models.training.iterate.lineage import lineage_of
    from elitscope_models.zoo import find_bundle

    bundle = load_bundle(find_bundle(args.bundle))
    if args.json:
        print(bundle.manifest.model_dump_json(indent=2))
        return 0
    console = Console()
    console.print(_facts_table(bundle))
    console.print(_members_table(bundle))
    if lineage_of(bundle):
        console.print(_tree(bundle))
    return 0


def _facts_table(bundle: Bundle) -> Table:
    from rich.table import Table

    table = Table(box=None, show_header=False, title=f"{bundle.manifest.name} {bundle.manifest.version}", title_justify="left")
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in _facts(bundle):
        table.add_row(name, value)
    return table


def _facts(bundle: Bundle) -> Iterator[tuple[str, str]]:
    manifest, training = bundle.manifest, bundle.manifest.training
    yield "folder", str(bundle.path)
    yield "classes", ", ".join(c.name if c.element in (None, c.name) else f"{c.name} ({c.element})" for c in manifest.classes)
    yield "sampling", f"{manifest.sampling:g} Å/px, unchanged from {manifest.sampling_range[0]:g} to {manifest.sampling_range[1]:g}"
    yield "normalisation", f"{manifest.normalisation.kind} {manifest.normalisation.parameters.model_dump() or ''}"
    yield "architecture", f"{manifest.architecture.name} {manifest.architecture.parameters or ''}"
    yield "atoms", _PLACES[manifest.atoms.kind]
    yield "stride, reach", f"{manifest.stride} px, {bundle.halo} px"
    yield "recipe", training.recipe + ("" if training.seed is None else f", seed {training.seed}")
    yield "data", training.data
    yield "trained on", training.domain + (", spread calibrated" if training.calibrated else ", spread not calibrated")
    yield "software", ", ".join(f"{name} {version}" for name, version in training.software.items())
    yield from _further(training)
    yield "license", manifest.license
    yield "on disk", f"{sum(path.stat().st_size for path in bundle.path.iterdir() if path.is_file()) / 1e6:.1f} MB"
    yield "digest", bundle.digest


def _further(training: Training) -> Iterator[tuple[str, str]]:
    """Whatever else is known of how the members came about: what they descend from, schedule, augmentation."""
    known = training.model_dump(mode="json", exclude=_SHOWN_OF_TRAINING)
    for name, value in {**known, **training.parameters}.items():
        if name != "lineage" and value not in (None, {}, [], ""):
            yield (
                name.replace("_", " "),
                ", ".join(f"{key} {each}" for key, each in value.items()) if isinstance(value, dict) else str(value),
            )


def _tree(bundle: Bundle) -> Tree:
    """What the ensemble descends from, the oldest at the root, and whose finds each learnt from."""
    from rich.tree import Tree

    from elitscope_models.training.iterate.lineage import lineage_of

    tree = branch = Tree("[bold]lineage[/]")
    for each in lineage_of(bundle):
        selected = ", ".join(map(str, each.get("selected", [])))
        words = f"{each.get('name')} {each.get('version')}, {each.get('domain')}, members {selected}"
        branch = branch.add(f"{words}  {str(each.get('digest'))[:12]}")
    branch.add(f"[bold]{bundle.manifest.name} {bundle.manifest.version}[/], {bundle.manifest.training.domain}  {bundle.digest[:12]}")
    return tree


def _members_table(bundle: Bundle) -> Table:
    from rich.table import Table

    members = bundle.manifest.members
    metrics = list(dict.fromkeys(name for member in members for name in member.metrics))
    table = Table("member", *metrics, "kB", "sha256", box=None, header_style="bold")
    for column in table.columns[:-1]:
        column.justify = "right"
    for member in members:
        figures = [_figure(member.metrics[name]) if name in member.metrics else "" for name in metrics]
        size = (bundle.path / member.file).stat().st_size
        table.add_row(str(member.id), *figures, f"{size / 1e3:.0f}", member.sha256[:12])
    return table


def _figure(value: float) -> str:
    """Four places, or two digits of what is too small for them."""
    return f"{value:.4f}" if value == 0 or abs(value) >= 1e-2 else f"{value:.1e}"
