"""How this API is to be reached, from the configuration: by which names, with which keys, with TLS or without."""

from __future__ import annotations

import hashlib
import ssl

from elitscope_service.access.keyring import Keys
from elitscope_service.access.pair import CurvePair
from elitscope_service.api.cookies import Cookies
from elitscope_service.api.gate import Doors
from elitscope_service.config import ConfigInvalid, ServerConfig


def doors(config: ServerConfig, keys: Keys, pair: CurvePair) -> Doors:
    """What the gate decides by. Cookies are signed with a secret made from the server's own, so that a restart signs nobody out."""
    secret = hashlib.blake2b(pair.secret_key.encode(), person=b"elitscope-cookie").digest()
    return Doors(keys, config.host_names, config.beyond_loopback, Cookies(secret), config.limits)


def check_tls(config: ServerConfig) -> None:
    """Whether the certificate and its key belong together.

    Raises:
        ConfigInvalid: they don't, or can't be read.
    """
    if config.tls_cert is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(config.tls_cert, config.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigInvalid(f"tls_cert {str(config.tls_cert)!r} with tls_key {str(config.tls_key)!r} can't be used: {error}") from error
