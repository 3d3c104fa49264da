from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.extracts.pseudonyms import (
    PseudonymKeyError,
    PseudonymKeys,
    bind_key,
    key_check,
    load_or_create_key,
    pseudonym,
    pseudonym_sql,
)

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)


@settings(max_examples=60, deadline=None)
@given(TEXT, st.binary(min_size=16, max_size=100), st.sampled_from(["client", "employee", "it's"]))
def test_sql_equals_python_hmac(value: str, key: bytes, domain: str) -> None:
    expected = hmac.new(key, f"{domain}:{value}".encode(), hashlib.sha256).hexdigest()[:32]
    with duckdb.connect() as connection:
        bind_key(connection, key)
        row = connection.execute(f"SELECT {pseudonym_sql('$1::VARCHAR', domain)}", [value]).fetchone()
    assert row is not None
    assert row[0] == expected == pseudonym(value, domain, key)


def test_null_stays_null_and_domains_differ() -> None:
    key = bytes(16)
    with duckdb.connect() as connection:
        bind_key(connection, key)
        assert connection.execute(f"SELECT {pseudonym_sql('NULL::VARCHAR', 'client')}").fetchall() == [(None,)]
    assert pseudonym("7", "client", key) != pseudonym("7", "employee", key)


def test_key_is_made_once_for_the_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "pseudonym.key"
    key = load_or_create_key(path)
    assert [len(link) for link in key.chain] == [32]
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_or_create_key(path) == key
    assert [entry.name for entry in path.parent.iterdir()] == ["pseudonym.key"]


def test_key_from_the_environment_wins_and_makes_no_file(tmp_path: Path) -> None:
    path = tmp_path / "pseudonym.key"
    assert load_or_create_key(path, "00" * 32) == PseudonymKeys((bytes(32),))
    assert load_or_create_key(path, "a passphrase that is long\n") == PseudonymKeys((b"a passphrase that is long",))
    assert not path.exists()


def test_weak_or_open_keys_are_refused_without_showing_them(tmp_path: Path) -> None:
    with pytest.raises(PseudonymKeyError, match="too short") as error:
        load_or_create_key(tmp_path / "k", "secret")
    assert "secret" not in str(error.value)
    path = tmp_path / "open.key"
    path.write_text("00" * 32)
    path.chmod(0o644)
    with pytest.raises(PseudonymKeyError, match="chmod 600"):
        load_or_create_key(path)


@settings(max_examples=30, deadline=None)
@given(TEXT, st.lists(st.binary(min_size=16, max_size=100), min_size=1, max_size=3))
def test_several_keys_are_a_chain_in_sql_and_python(value: str, chain: list[bytes]) -> None:
    keys = PseudonymKeys(tuple(chain))
    expected = value
    for key in chain:
        expected = hmac.new(key, f"client:{expected}".encode(), hashlib.sha256).hexdigest()[:32]
    with duckdb.connect() as connection:
        bind_key(connection, keys)
        query = f"SELECT {pseudonym_sql('$1::VARCHAR', 'client')}, {pseudonym_sql('NULL::VARCHAR', 'client')}"
        assert connection.execute(query, [value]).fetchall() == [(expected, None)]
    assert pseudonym(value, "client", keys) == expected


def test_one_key_gives_what_it_always_gave() -> None:
    """Pinned: what has landed would no longer be linked if these changed."""
    assert pseudonym("7", "client", bytes(range(32))) == pseudonym("7", "client", PseudonymKeys((bytes(range(32)),)))
    assert pseudonym("7", "client", bytes(range(32))) == "211a12260a712b66fd764b514006588f"
    assert key_check(bytes(range(32))) == "f017947c96b3b913"


def test_the_check_covers_every_key_and_their_order() -> None:
    one, other = bytes(range(16)), bytes(range(16, 32))
    checks = [key_check(key) for key in (one, other, PseudonymKeys((one, other)), PseudonymKeys((other, one)))]
    assert len(set(checks)) == 4
    assert {len(check) for check in checks} == {16}


def test_keys_are_never_shown_and_an_empty_file_is_refused(tmp_path: Path) -> None:
    assert repr(PseudonymKeys((b"secretsecretsecret",))) == "PseudonymKeys()"
    path = tmp_path / "empty.key"
    path.touch(mode=0o600)
    with pytest.raises(PseudonymKeyError, match=r"empty\.key is empty: put the former key back"):
        load_or_create_key(path)
