"""How processes of the server introduce themselves to its engine: with the server's own pair, once keys are needed."""

from __future__ import annotations

import zmq

from elitscope_service.access.keyring import Keys
from elitscope_service.access.pair import CurvePair
from elitscope_service.subscriber import Introduce


def insider(keys: Keys, pair: CurvePair) -> Introduce:
    """Has a new socket show the server's pair, if keys are needed at that moment."""

    def introduce(sock: zmq.Socket[bytes]) -> None:
        if keys().required:
            sock.setsockopt_string(zmq.CURVE_SERVERKEY, pair.public_key)
            sock.setsockopt_string(zmq.CURVE_PUBLICKEY, pair.public_key)
            sock.setsockopt_string(zmq.CURVE_SECRETKEY, pair.secret_key)

    return introduce
