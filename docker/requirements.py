"""What an image installs beside our own two packages, read from their metadata: `requirements.py cpu|gpu`, run where they are installed.

The CPU image takes the plain ONNX Runtime instead of the GPU build, which is 200 MB larger and can do nothing more there.
"""

import sys
from importlib.metadata import requires

from packaging.requirements import Requirement

OURS = {"elitscope", "elitscope-service"}


def requirements(kind: str) -> list[str]:
    """One line each, for pip."""
    extras = ("", "files", kind)
    found = [Requirement(text) for text in requires("elitscope-service") or ()]
    found += [Requirement(text) for text in requires("elitscope") or ()]
    wanted = [r for r in found if r.name not in OURS and (r.marker is None or any(r.marker.evaluate({"extra": e}) for e in extras))]
    lines = {f"{r.name}{r.specifier}" for r in wanted}
    if kind == "cpu":
        lines = {line.replace("onnxruntime-gpu", "onnxruntime") for line in lines}
    return sorted(lines)


if __name__ == "__main__":
    print("\n".join(requirements(sys.argv[1])))
