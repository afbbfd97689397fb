"""What an ensemble needs of the thing that runs its networks. `runtimes/` holds the implementations."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from elitscope.errors import ElitscopeError

Image = np.ndarray[Any, np.dtype[np.float32]]
Maps = np.ndarray[Any, np.dtype[np.float32]]


class RuntimeUnavailable(ElitscopeError, RuntimeError):
    """This computer lacks what was asked for: device, driver, library or precision. Says which, and what to do."""

    code = "runtime_unavailable"


class NetworkInvalid(ElitscopeError, ValueError):
    """The runtime can't compile or run this network."""

    code = "network_invalid"


class Network(Protocol):
    """One compiled member."""

    def __call__(self, image: Image) -> Maps:
        """Probabilities float32 [class, row, column] of a normalised image [row, column]; valid until the next call."""
        ...


class Runtime(Protocol):
    """A library on a device at a precision."""

    @property
    def name(self) -> str:
        """The library and the device, as the plan has them: `openvino-cpu`."""
        ...

    @property
    def precision(self) -> str:
        """What the networks are computed in: `fp32` or `bf16`."""
        ...

    @property
    def fingerprint(self) -> str:
        """All that changes a result's last bits: version, hardware, threads. Equal fingerprints promise equal bits."""
        ...

    def load(self, onnx: bytes) -> Network:
        """Compile a member.

        Raises:
            NetworkInvalid: the runtime refuses it.
        """
        ...
