"""The messages behind `tests/golden/messages.json`, which other languages test against.

Run `python tests/wire/golden_messages.py` to write the file anew after a deliberate change of the protocol.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from elitscope import codec
from elitscope.hotspots import HOTSPOT_DTYPE, HotspotTable
from elitscope.messages import (
    Bye,
    EnsembleSummary,
    Event,
    FrameMessage,
    Hello,
    Limits,
    Ping,
    Pong,
    Reject,
    ResultMessage,
    Status,
    Welcome,
)
from elitscope.types import ATOM_DTYPE, USUAL_OUTPUTS, AtomTable, FrameInfo, Result, Timing

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "messages.json"
SESSION = "00112233445566778899aabbccddeeff"

_PIXELS = np.arange(12, dtype="<u2").reshape(3, 4)
_ATOMS = np.array(
    [(1.5, 2.25, 0, 0.875, 1.0, 0.125, 0.25, 9.0), (0.0, 3.0, 1, 0.5, 0.5, np.nan, np.nan, 4.0)],
    dtype=ATOM_DTYPE,
)

_HOTSPOTS = np.array([(1.0, 2.5, 10.0, 1, 2.5), (0.5, 3.0, 10.0, 0, 1.125)], dtype=HOTSPOT_DTYPE)


def _result(**changes: Any) -> Result:
    fields: dict[str, Any] = {
        "frame_id": 7,
        "stream": "haadf",
        "sequence": 3,
        "ensemble": "graphene",
        "ensemble_version": "1",
        "members": (0, 2),
        "revision": 4,
        "plan": "openvino-cpu-fp32-0123456789ab",
        "classes": ("C", "Si"),
        "sampling": (0.1, 0.125),
        "warnings": ("spread_uncalibrated",),
        "timing": Timing(0.5, 1.25, 20.0, 2.0, 24.0),
        "mean": (np.arange(24, dtype="<f4") / 32).reshape(2, 3, 4),
        "std": (np.arange(24, dtype="<f4") / 64).reshape(2, 3, 4),
        "atoms": AtomTable.from_records(_ATOMS.copy(), (0.1, 0.125)),
        "epoch": "9f86d081884c7d65",
    }
    return Result(**{**fields, **changes})


CLIENT_MESSAGES = {
    "hello": Hello(SESSION, "example/1.0"),
    "frame, as little as possible": FrameMessage(SESSION, 0, "haadf", _PIXELS),
    "frame, everything": FrameMessage(
        session=SESSION,
        frame_id=2**64 - 1,
        stream="haadf-2",
        pixels=_PIXELS.astype("<f4") / 8,
        info=FrameInfo(
            sampling=(0.1, 0.125),
            field_of_view=(0.3, 0.5),
            acquired_at=1770000000.25,
            dwell_time=1e-6,
            rotation=-12.5,
            channel="HAADF",
            high_tension=100000.0,
            metadata={"operator": "Ångström", "series": [1, 2]},
        ),
        outputs=("atoms", "members"),
        deadline_ms=250.0,
        policy="latest",
        partial=True,
        valid_rows=(0, 2),
        done=(3, 4),
    ),
    "frame, our client's usual outputs": FrameMessage(SESSION, 1, "haadf", _PIXELS, outputs=USUAL_OUTPUTS),
    "ping": Ping(SESSION, 5, (0, 1)),
    "bye": Bye(SESSION),
}

SERVER_MESSAGES = {
    "welcome": Welcome(
        "9f86d081884c7d65",
        "elitscope-service/0.1.0",
        Limits(8, 2**29, 2**28, 16384),
        EnsembleSummary("graphene", "1", ("C",), (0, 1, 2, 3), 0.1, (0.07, 0.14)),
    ),
    "welcome, no ensemble ready": Welcome("9f86d081884c7d65", "elitscope-service/0.1.0", Limits(8, 2**29, 2**28, 16384)),
    "result": ResultMessage(_result()),
    "result, no atoms found and one active member": ResultMessage(
        _result(
            members=(2,),
            mean=None,
            std=None,
            sampling=None,
            warnings=("sampling_unknown", "single_member"),
            atoms=AtomTable.from_records(_ATOMS[:0]),
        )
    ),
    "result, hotspots": ResultMessage(_result(hotspots=HotspotTable.from_records(_HOTSPOTS.copy()))),
    "result, no hotspots found": ResultMessage(_result(mean=None, std=None, hotspots=HotspotTable.from_records(_HOTSPOTS[:0]))),
    "result, members' maps": ResultMessage(
        _result(mean=None, std=None, atoms=None, member_maps=(np.arange(48, dtype="<f4") / 64).reshape(2, 2, 3, 4))
    ),
    "result, preview with its frame": ResultMessage(_result(std=None), _PIXELS),
    "reject": Reject(7, "haadf", "deadline_exceeded", "no answer within 250 ms"),
    "reject, unreadable": Reject(None, "", "header_invalid", "the header is no JSON object"),
    "pong": Pong("9f86d081884c7d65", 5, (1,)),
    "status": Status({"epoch": "9f86d081884c7d65", "streams": {}}),
    "event": Event({"kind": "stream_started", "stream": "haadf"}),
}


def parts_of(message: Any) -> list[bytes]:
    """The message's parts as bytes."""
    return [bytes(part) for part in codec.encode(message)]


def main() -> None:
    """Write the golden file."""
    entries = [
        {"name": name, "from": side, "parts": [part.hex() for part in parts_of(message)]}
        for side, messages in (("client", CLIENT_MESSAGES), ("server", SERVER_MESSAGES))
        for name, message in messages.items()
    ]
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(json.dumps(entries, indent=1) + "\n")


if __name__ == "__main__":
    main()
