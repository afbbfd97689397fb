"""Libraries that report their use to their makers are kept from it: a microscope's computer phones nobody.

Importing this module does it, so it comes before OpenVINO and ONNX Runtime. OpenVINO's reporter also forks the importing process, in the
midst of all its threads: it was seen to hang an engine at its start.
"""

import os
import sys
from typing import Any, cast

cast(dict[str, Any], sys.modules).setdefault("openvino_telemetry", None)  # importing it fails, which OpenVINO takes for its absence
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
