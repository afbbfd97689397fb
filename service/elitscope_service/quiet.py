"""Libraries that report their use to their makers are kept from it: a microscope's computer phones nobody.

OpenVINO's reporter also forks the importing process, in the midst of all its threads: it was seen to hang an engine at its start.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any


def silence(modules: MutableMapping[str, Any], environ: MutableMapping[str, str]) -> None:
    """Turn reporting off, for the process whose `sys.modules` and `os.environ` these are. To be called before OpenVINO or ONNX Runtime
    are imported.

    >>> modules, environ = {}, {}
    >>> silence(modules, environ)
    >>> modules, environ
    ({'openvino_telemetry': None}, {'ORT_DISABLE_TELEMETRY': '1'})
    """
    modules.setdefault("openvino_telemetry", None)  # importing it fails, which OpenVINO takes for its absence
    environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
