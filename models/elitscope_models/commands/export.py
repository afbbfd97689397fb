"""`elitscope-models export`: an ensemble, or some of its networks, in another form.

What the name ends in says which: a folder is a bundle, `.zip` one file of it to hand on or to upload, `.onnx` one graph of all networks
that any program with an ONNX runtime can run.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from elitscope_models.commands._numbers import numbers

if TYPE_CHECKING:
    from argparse import _SubParsersAction
    from collections.abc import Mapping

    from elitscope_models.manifest import Manifest

_EXAMPLES = """\
examples:
  elitscope-models export graphene --out graphene.zip                  one file: elitscope ensembles upload graphene.zip
  elitscope-models export ./mine --members 0,2,5 --out ./mine-sharp    a bundle of the networks that an expert trusts
  elitscope-models export graphene --out graphene.onnx                 image in; mean, std and every network's maps out
"""


def add_parser(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command and its options."""
    parser = subparsers.add_parser(
        "export",
        help="hand an ensemble on: some of its networks, one zip, or one ONNX graph",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bundle", metavar="BUNDLE", help="a bundle's folder, or the name of one that ships")
    parser.add_argument("--out", type=Path, required=True, metavar="OUT", help="OUT.zip, OUT.onnx, or a folder")
    parser.add_argument("--members", type=numbers, metavar="IDS", help="only these networks, 0,2 say (default: all)")
    parser.add_argument("--release", metavar="VERSION", help="version that its manifest states (default: the old one, and which are left)")
    parser.add_argument("--overwrite", action="store_true", help="replace what is there")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write it and say what it is; 0."""
    from rich.console import Console

    from elitscope_models.bundle import load_bundle, read_member
    from elitscope_models.zoo import find_bundle

    bundle = load_bundle(find_bundle(args.bundle))
    manifest = _left(bundle.manifest, args.members, args.release)
    networks = {member: read_member(bundle, member) for member in manifest.member_ids}
    if args.out.suffix in (".zip", ".onnx"):
        pack = _zipped if args.out.suffix == ".zip" else _one_graph
        _write(args.out, pack(manifest, networks), args.overwrite)
    else:
        from elitscope_models.bundle import write_bundle

        write_bundle(args.out, manifest, networks, args.overwrite)
    ids = ", ".join(map(str, manifest.member_ids))
    Console(highlight=False, soft_wrap=True).print(f"{args.out}: {manifest.name} {manifest.version}, networks {ids}")
    return 0


def _left(manifest: Manifest, members: tuple[int, ...] | None, release: str | None) -> Manifest:
    """The manifest of the networks that go on, in the manifest's order, under a version of their own where some stay behind."""
    from elitscope_models.bundle import BundleInvalid
    from elitscope_models.manifest import Manifest

    unknown = sorted(set(members or ()) - set(manifest.member_ids))
    if unknown:
        raise BundleInvalid(f"{manifest.name} has no networks {unknown}: it has {list(manifest.member_ids)}")
    left = [member for member in manifest.members if members is None or member.id in members]
    version = manifest.version
    if len(left) < len(manifest.members):
        version += "+networks." + ".".join(str(member.id) for member in left)
    content = manifest.model_copy(update={"members": tuple(left), "version": release or version})
    try:
        return Manifest.model_validate_json(content.model_dump_json(), strict=True)
    except ValueError as error:
        raise BundleInvalid(f"version {content.version!r} can't be one: give --release, at most 64 letters, digits and . _ + -") from error


def _zipped(manifest: Manifest, networks: Mapping[int, bytes]) -> bytes:
    from tempfile import TemporaryDirectory

    from elitscope.rest.archive import read_archive
    from elitscope_models.bundle import write_bundle

    with TemporaryDirectory() as folder:
        return read_archive(write_bundle(Path(folder) / manifest.name, manifest, networks).path)


def _one_graph(manifest: Manifest, networks: Mapping[int, bytes]) -> bytes:
    """All networks with mean and spread, for images whose sides are any multiples of the stride; the manifest comes as metadata."""
    import onnx
    from onnx import helper

    from elitscope_models.bundle import BundleInvalid
    from elitscope_models.runtimes.fused_onnx import fused_onnx

    try:
        content, _ = fused_onnx(list(networks.values()), ("rows", "columns"))
    except ValueError as error:
        raise BundleInvalid(f"{manifest.name} can't be made one graph: {error}; a .zip or a folder can have them") from error
    graph = onnx.load_model_from_string(content)
    graph.doc_string = (
        f"{manifest.name} {manifest.version}: 'image' float32 [1, 1, rows, columns], normalised, sides multiples of {manifest.stride}; "
        f"'maps' [network, class, rows, columns], 'mean' and 'std' [1, class, rows, columns], probabilities"
    )
    helper.set_model_props(graph, {"manifest": manifest.model_dump_json()})
    return bytes(graph.SerializeToString())


def _write(path: Path, content: bytes, overwrite: bool) -> None:
    """All or nothing."""
    from elitscope_models.bundle import BundleInvalid

    if path.exists() and not overwrite:
        raise BundleInvalid(f"{path} is already there: choose another name, or give --overwrite")
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_bytes(content)
    fresh.replace(path)
