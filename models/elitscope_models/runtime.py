"""What an ensemble needs of the thing that runs its networks. `runtimes/` holds the implementations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

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


@runtime_checkable
class Resting(Protocol):
    """A network that can do with less memory while it is not called."""

    def rest(self) -> None:
        """Give back what the next call will take again."""
        ...


class Whole(Protocol):
    """All active members, their mean and their spread in one call, for images of one shape."""

    def __call__(self, image: Image, maps: Maps, mean: Maps, std: Maps) -> None:
        """Fill `maps` [member, class, row, column], `mean` and `std` (population) [class, row, column], float32 and contiguous.

        Raises:
            NetworkInvalid: the runtime fails.
        """
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


@runtime_checkable
class FusingRuntime(Protocol):
    """A runtime that can also run all members of an ensemble in one call."""

    @property
    def fused_name(self) -> str:
        """Its name in the plan of such a call: `openvino-fused-cpu`."""
        ...

    def fuse(self, members: Sequence[str], read: Callable[[], Sequence[bytes]], shape: tuple[int, int]) -> Whole:
        """Compile these members for images of this shape, or take what was kept of that.

        Args:
            members: sha256 of each one's ONNX file.
            read: gives those files.
            shape: rows and columns of the image.

        Raises:
            NetworkInvalid: the runtime refuses them.
        """
        ...
