"""Both wheels, built and installed as a user would: the thin one in a bare environment of the oldest and the newest Python around."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
THIN = {"numpy", "zmq", "httpx"}
THIN_TESTS = ["tests/wire", "tests/client/test_session.py", "tests/client/test_client.py"]

LIST_IMPORTS = """
import json, sys
before = set(sys.modules)
import elitscope
from elitscope import Client
import elitscope.aio, elitscope.codec, elitscope.control, elitscope.watch, elitscope.simulator
outside = {}
for name in set(sys.modules) - before:
    file = getattr(sys.modules[name], "__file__", None) or ""
    if "site-packages" in file:
        outside[name.split(".")[0]] = file
print(json.dumps(sorted(outside)))
"""


def run(*command: object, **options: object) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=600, check=False, **options)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both wheels, built from a copy of the sources so that the checkout stays as it is."""
    folder = tmp_path_factory.mktemp("wheels")
    copy = folder / "source"
    # other tests write into .hypothesis and caches meanwhile, and what vanishes while it is copied is an error
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "*.egg-info", "build", "__pycache__", "demo-report", "node_modules"))
    for project in (copy / "clients" / "python", copy):
        run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", folder, project)
    return {path.name.split("-")[0]: path for path in folder.glob("*.whl")}


def pythons() -> list[Path]:
    """The oldest and the newest Python that the thin client supports, of those on this machine."""
    found: dict[tuple[int, int], Path] = {}
    for minor in range(9, 14):
        for candidate in (shutil.which(f"python3.{minor}"), *sorted(Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python"))):
            if (
                candidate
                and subprocess.run([str(candidate), "-c", "import venv, ensurepip"], capture_output=True, check=False).returncode == 0
            ):
                found[3, minor] = Path(candidate)
    ordered = [found[key] for key in sorted(found)]
    return ordered if len(ordered) < 2 else [ordered[0], ordered[-1]]


@pytest.fixture(scope="session", params=pythons() or [None], ids=lambda path: path.parts[-3] if path else "none")
def bare(request: pytest.FixtureRequest, wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a fresh environment that holds the thin client and what it depends on, nothing else."""
    if request.param is None:
        pytest.skip("no Python from 3.9 to 3.13 with venv was found on this machine")
    folder = tmp_path_factory.mktemp("bare")
    run(request.param, "-m", "venv", folder)
    python = folder / "bin" / "python"
    run(python, "-m", "pip", "install", "--disable-pip-version-check", "-q", wheels["elitscope"])
    return python


def test_the_server_wheel_holds_its_packages_and_ensembles_and_nothing_else(wheels):
    names = zipfile.ZipFile(wheels["elitscope_service"]).namelist()
    top = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert top == {"elitscope_service", "elitscope_models"}
    sources = {
        str(path.relative_to(ROOT / folder)) for folder in ("service", "models") for path in (ROOT / folder).glob("elitscope_*/**/*.py")
    }
    assert sources <= set(names)
    assert "elitscope_models/zoo/graphene/manifest.json" in names
    console = ROOT / "service" / "elitscope_service" / "console"
    built = {str(path.relative_to(ROOT / "service")) for path in console.glob("**/*") if path.is_file() and path.name[0] != "."}
    assert built <= set(names)


def test_the_thin_wheel_holds_one_package(wheels):
    names = zipfile.ZipFile(wheels["elitscope"]).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"elitscope"}
    assert "elitscope/py.typed" in names


def test_importing_the_thin_client_needs_only_its_three_dependencies(bare, tmp_path):
    imported = set(json.loads(run(bare, "-c", LIST_IMPORTS, cwd=tmp_path)))
    dependencies_of_httpx = {
        "anyio",
        "certifi",
        "h11",
        "httpcore",
        "idna",
        "sniffio",
        "exceptiongroup",
        "typing_extensions",
        "_cffi_backend",
    }
    assert imported - THIN - dependencies_of_httpx == {"elitscope"}


def test_the_command_explains_itself_without_the_extras(bare, tmp_path):
    assert "stream" in run(bare.parent / "elitscope", "--help", cwd=tmp_path)


def test_the_clients_tests_pass_there(bare):
    run(bare, "-m", "pip", "install", "--disable-pip-version-check", "-q", "pytest", "pytest-timeout", "hypothesis")
    options = ["-q", "-c", "/dev/null", "--rootdir", ROOT, "--import-mode=importlib", "-p", "no:cacheprovider", "--timeout=120"]
    out = run(
        bare,
        "-m",
        "pytest",
        *options,
        *THIN_TESTS,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert " passed" in out
