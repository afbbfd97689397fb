"""Addresses that the server listens on: TCP, by number. Whether it may is decided elsewhere: beyond loopback it needs keys."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

_TCP = re.compile(r"tcp://(?P<host>\[[^\]]+\]|[^:\[\]/]+):(?P<port>\d{1,5})")
_HERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
_HTTP = re.compile(r"(?P<host>\[[^\]]+\]|[^:\[\]/]+):(?P<port>\d{1,5})")


@dataclass(frozen=True)
class Address:
    """A host (an IP number, or "localhost") and a port; port 0 lets the system choose one, 0.0.0.0 is every IPv4 address there is."""

    host: str
    port: int

    @property
    def netloc(self) -> str:
        """`host:port`, IPv6 in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """What ZeroMQ calls it."""
        return f"tcp://{self.netloc}"

    @property
    def is_loopback(self) -> bool:
        """Whether it can only be reached from this computer."""
        return is_loopback(self.host)

    @property
    def from_here(self) -> Address:
        """How processes of this computer reach it.

        >>> tcp_address("tcp://*:5555").from_here.url, tcp_address("tcp://[::]:5555").from_here.url
        ('tcp://127.0.0.1:5555', 'tcp://[::1]:5555')
        """
        return Address(_HERE.get(self.host, self.host), self.port)


def tcp_address(text: str) -> Address:
    """A ZeroMQ address.

    >>> tcp_address("tcp://127.0.0.1:5555")
    Address(host='127.0.0.1', port=5555)

    Raises:
        ValueError: another form.
    """
    return _parse(text, _TCP, "tcp://127.0.0.1:5555")


def http_address(text: str) -> Address:
    """An address for HTTP.

    >>> http_address("[::1]:0").netloc
    '[::1]:0'

    Raises:
        ValueError: another form.
    """
    return _parse(text, _HTTP, "127.0.0.1:8000")


def _parse(text: str, form: re.Pattern[str], example: str) -> Address:
    match = form.fullmatch(text)
    if match is None or int(match["port"]) > 65535:
        raise ValueError(f"address {text!r} is not of the form {example}")
    host = match["host"].strip("[]")
    if host == "*":
        host = "0.0.0.0"
    if host != "localhost" and not is_number(host):
        raise ValueError(f"address {text!r}: {host!r} is a name; say by number which of this computer's addresses is meant, or * for all")
    return Address(host, int(match["port"]))


def is_number(host: str) -> bool:
    """Whether a host is an IP number.

    >>> is_number("10.0.0.7"), is_number("::1"), is_number("gpu-box")
    (True, True, False)
    """
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether a host name or number can only be reached from this computer.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0"), is_loopback("*")
    (True, True, False, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
