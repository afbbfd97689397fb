"""One key, and all of them at a moment: what opens, until when, and how a token is compared."""

from __future__ import annotations

import hmac
from typing import Any

import pytest

from elitscope.errors import NotAuthorised
from elitscope_service.access.expiry import expiry
from elitscope_service.access.key import ApiKey, make_key
from elitscope_service.access.keyring import Keyring

NOW = 1e9


def key(name: str = "ana", **options: Any) -> tuple[ApiKey, str]:
    return make_key(name, NOW, **options)


def test_its_token_opens_and_nothing_else_does() -> None:
    (ana, token), (_, other) = key(), key("bob")
    ring = Keyring((ana,), required=True)
    assert ring.by_token(token, NOW) is ana
    wrong = [
        other,
        token[:-1],
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        token.upper(),
        "",
        "elit",
        f"elit_{ana.id}_",
        "é" * 9,
        "\udcff",
    ]
    for text in wrong:
        with pytest.raises(NotAuthorised, match="not known here"):
            ring.by_token(text, NOW)


def test_nothing_that_is_kept_contains_the_token() -> None:
    ana, token = key()
    assert token.split("_")[2] not in ana.dumps()
    assert ana.token_sha256 not in repr(ana)


def test_tokens_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    real = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: compared.append((len(a), len(b))) or real(a, b))
    ana, token = key()
    ring = Keyring((ana,), required=True)
    ring.by_token(token, NOW)
    with pytest.raises(NotAuthorised):
        ring.by_token(token[:-3] + "xyz", NOW)
    assert compared == [(64, 64), (64, 64)]


def test_from_the_moment_of_its_expiry_on_it_opens_nothing() -> None:
    ana, token = key(expires_at=NOW + 10, curve_public="x" * 40)
    ring = Keyring((ana,), required=True)
    assert ring.by_token(token, NOW + 9.999) is ana
    for ask in (lambda: ring.by_token(token, NOW + 10), lambda: ring.by_id(ana.id, NOW + 10), lambda: ring.by_curve("x" * 40, NOW + 10)):
        with pytest.raises(NotAuthorised, match="key 'ana' has expired"):
            ask()
    assert ring.valid_ids(NOW + 10) == frozenset()


def test_a_revoked_one_opens_nothing() -> None:
    ana, token = key()
    ring = Keyring((ana.model_copy(update={"revoked_at": NOW}),), required=True)
    with pytest.raises(NotAuthorised, match="key 'ana' was revoked"):
        ring.by_token(token, NOW)


@pytest.mark.parametrize(
    ("scope", "scopes"), [("read", {"read"}), ("operate", {"read", "operate"}), ("admin", {"read", "operate", "admin"})]
)
def test_each_scope_includes_those_before_it(scope: Any, scopes: set[str]) -> None:
    assert key(scope=scope)[0].scopes == scopes


def test_streams_are_any_or_just_those() -> None:
    assert key()[0].may_use("haadf")
    assert [key(streams=("haadf",))[0].may_use(stream) for stream in ("haadf", "haadf2", "default")] == [True, False, False]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "a\nb"}, "'a\\\\nb' is no name"),
        ({"name": ""}, "'' is no name"),
        ({"name": "autopilot"}, "'autopilot' is what the audit calls a part of the server"),
        ({"name": "ana", "streams": ("HAADF",)}, "stream 'HAADF' must match"),
        ({"name": "ana", "expires_at": NOW}, "expired already"),
    ],
)
def test_what_can_not_be_a_key_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        key(**options)


@pytest.mark.parametrize(("text", "seconds"), [("90m", 5400), ("12h", 43200), ("30d", 30 * 86400), ("8w", 8 * 7 * 86400)])
def test_an_expiry_can_be_a_span(text: str, seconds: int) -> None:
    assert expiry(text, NOW) == NOW + seconds


@pytest.mark.parametrize("text", ["", "soon", "12", "12y", "-1h", "2027-13-01"])
def test_an_expiry_that_is_neither_span_nor_date_is_quoted(text: str) -> None:
    with pytest.raises(ValueError, match=f"--expires {text!r} is neither a span"):
        expiry(text, NOW)
