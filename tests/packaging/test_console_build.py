"""How the web console is built: with a Node that is new enough, from packages whose lock file names no place to get them from."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

CONSOLE = Path(__file__).resolve().parents[2] / "clients" / "console"


@pytest.fixture(scope="module")
def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("console_build", CONSOLE / "build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("version", "enough"),
    [
        ("v20.19.0", True),
        ("v20.18.1", False),
        ("v21.7.0", False),
        ("v22.11.0", False),
        ("v22.12.0\n", True),
        ("v24.1.0", True),
        ("", False),
    ],
)
def test_node_has_to_be_as_new_as_vite_asks_for(build, version, enough):
    assert build.new_enough(version) is enough


def test_nothing_is_built_again_that_has_not_changed(build, tmp_path, monkeypatch):
    monkeypatch.setattr(build, "OUTPUT", tmp_path)
    monkeypatch.setattr(build, "usable_npm", lambda: pytest.fail("it looked for npm"))
    sources = [file for pattern in build.SOURCES for file in sorted(CONSOLE.glob(pattern)) if file.is_file()]
    (tmp_path / build.STAMP).write_text(build.digest(sources))
    assert build.main([]) == 0


def test_without_node_and_packages_the_demo_goes_on_and_the_console_alone_does_not(build, tmp_path, monkeypatch, capsys):
    def none() -> Path:
        raise build.NotBuilt("no Node here")

    monkeypatch.setattr(build, "OUTPUT", tmp_path)
    monkeypatch.setattr(build, "usable_npm", lambda: None)
    monkeypatch.setattr(build, "npm_of_pypi", none)
    assert (build.main(["--if-possible"]), build.main([])) == (0, 1)
    assert "no web console: no Node here" in capsys.readouterr().err


def test_the_lock_file_names_versions_and_checksums_and_no_addresses():
    packages = json.loads((CONSOLE / "package-lock.json").read_text())["packages"]
    named = {name: package for name, package in packages.items() if name}
    assert named and all("version" in package and "integrity" in package for package in named.values())
    assert not [name for name, package in packages.items() if "resolved" in package]
