"""`elitscope-models verify`: will this bundle run here, and do two runtimes agree on its numbers?"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import _SubParsersAction

_EXAMPLES = """\
examples:
  elitscope-models verify graphene
  elitscope-models verify ./my-bundle && echo fit to serve
"""


_PASSED_OVER = "; passed over for fp32, since that is more than `tolerance` in the manifest allows"


def add_parser(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser(
        "verify",
        help="check a bundle: files, graphs, a run, and agreement of runtimes",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bundle", metavar="BUNDLE", help="a bundle's folder, or the name of one that ships")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 when all is well, 1 with the reason when it is not."""
    from rich.console import Console

    from elitscope_models.bundle import load_bundle
    from elitscope_models.crosscheck import cross_check
    from elitscope_models.zoo import find_bundle

    console = Console(highlight=False, soft_wrap=True)
    bundle = load_bundle(find_bundle(args.bundle))
    console.print(f"[green]✓[/] {bundle.path}: manifest, {len(bundle.manifest.members)} checksums, graphs")
    sound = True
    for check in cross_check(bundle):
        sound &= check.harmless
        mark = "[green]✓[/]" if check.within else "[yellow]–[/]" if check.harmless else "[red]✗[/]"
        console.print(f"{mark} {check.plan}: {check.summary}{'' if check.within or not check.harmless else _PASSED_OVER}")
    if not sound:
        console.print("[red]not fit to serve[/]: plans in fp32 differ by more than `tolerance` in the manifest allows")
    return 0 if sound else 1
