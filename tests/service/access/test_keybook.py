"""Keys in the store, in either kind of it."""

from __future__ import annotations

from typing import Any

import pytest

from elitscope.errors import NotFound, RequestInvalid, StoreUnavailable
from elitscope_service.access.key import make_key
from elitscope_service.access.keybook import KeyBook
from elitscope_service.store.connect import open_store
from elitscope_service.store.documents import AuditEntry
from elitscope_service.store.keys import AUDIT


def test_what_was_added_is_read_the_oldest_first(store: Any) -> None:
    book = KeyBook(store)
    late, early = make_key("a", 20.0)[0], make_key("b", 10.0, scope="admin", streams=("haadf",), expires_at=99.0)[0]
    book.add(late)
    book.add(early)
    assert book.read() == (early, late)


def test_a_name_is_given_once_even_after_it_was_revoked(store: Any) -> None:
    book = KeyBook(store)
    book.add(make_key("ana", 1.0)[0])
    book.revoke("ana", 2.0)
    with pytest.raises(RequestInvalid, match="there is a key 'ana', or was one"):
        book.add(make_key("ana", 3.0)[0])


def test_revoking_again_changes_nothing(store: Any) -> None:
    book = KeyBook(store)
    book.add(make_key("ana", 1.0)[0])
    assert book.revoke("ana", 2.0) == book.revoke("ana", 3.0) == book.read()[0]
    assert book.read()[0].revoked_at == 2.0


def test_a_key_that_is_not_there_can_not_be_revoked(store: Any) -> None:
    with pytest.raises(NotFound, match="no key 'bob'"):
        KeyBook(store).revoke("bob", 1.0)


def test_the_audit_log_says_what_was_made_and_revoked_and_nothing_secret(store: Any) -> None:
    book, (key, token) = KeyBook(store), make_key("ana", 1.0, scope="operate", streams=("haadf",))
    book.add(key)
    book.revoke("ana", 2.0)
    texts = [fields["entry"] for _, fields in store.xrange(AUDIT)]
    assert [(e.action, e.subject, e.value, e.at) for e in map(AuditEntry.loads, texts)] == [
        ("key_create", "ana", "operate, operator, haadf", 1.0),
        ("key_revoke", "ana", "operate, operator, haadf", 2.0),
    ]
    assert key.token_sha256 not in str(texts)
    assert token not in str(store.hgetall("elitscope:api-keys"))


def test_a_store_that_is_not_there_is_said_to_be(tmp_path: Any) -> None:
    book = KeyBook(open_store(f"unix://{tmp_path}/none.sock"))
    with pytest.raises(StoreUnavailable):
        book.read()
