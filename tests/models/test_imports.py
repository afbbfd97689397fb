from __future__ import annotations

import subprocess
import sys

LOOK = """
import importlib, pkgutil, sys
import elitscope_models
for module in pkgutil.walk_packages(elitscope_models.__path__, "elitscope_models."):
    if not module.name.startswith("elitscope_models.training"):
        importlib.import_module(module.name)
print(sorted(name for name in sys.modules if name.split(".")[0] == "torch"))
"""


def test_nothing_outside_training_imports_torch() -> None:
    found = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


HELP = """
import sys
import elitscope_models.cli
elitscope_models.cli.build_parser()
print(sorted(name for name in ("torch", "openvino", "onnxruntime") if name in sys.modules))
"""


def test_the_command_line_answers_help_without_loading_a_runtime() -> None:
    found = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
