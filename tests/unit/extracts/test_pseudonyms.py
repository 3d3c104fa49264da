from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.extracts.pseudonyms import (
    PseudonymKeyError,
    PseudonymKeys,
    identified_sql,
    key_check,
    load_or_create_key,
    pseudonym,
    pseudonyms,
)

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(TEXT | st.none(), max_size=5),
    st.lists(st.binary(min_size=16, max_size=100), min_size=1, max_size=3),
    st.sampled_from(["client", "employee", "it's"]),
    st.integers(0, 5),
)
def test_a_column_has_the_pseudonyms_of_its_values(
    values: list[str | None], chain: list[bytes], domain: str, cut: int
) -> None:
    def expected(value: str | None) -> str | None:
        for key in chain if value is not None else ():
            value = hmac.new(key.hex().encode(), f"{domain}:{value}".encode(), hashlib.sha256).hexdigest()[:32]
        return value

    keys = PseudonymKeys(tuple(chain))
    identified = [None if value is None else f"{domain}:{value}" for value in values]
    column = pl.Series(identified[:cut], dtype=pl.String).append(pl.Series(identified[cut:], dtype=pl.String))
    assert pseudonyms(column, keys).to_list() == [expected(value) for value in values]
    assert [value if value is None else pseudonym(value, domain, keys) for value in values] == [
        expected(value) for value in values
    ]


def test_sql_gives_identifiers_with_their_domain_and_null_stays_null() -> None:
    with duckdb.connect() as connection:
        row = connection.execute(
            "SELECT " + identified_sql("'7'", "'client'") + ", " + identified_sql("NULL::VARCHAR", "'client'")
        ).fetchone()
    assert row == ("client:7", None)
    assert pseudonym("7", "client", bytes(16)) != pseudonym("7", "employee", bytes(16))


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


def test_one_key_gives_what_it_always_gave() -> None:
    """Pinned: what has landed would no longer be linked if these changed."""
    assert pseudonym("7", "client", bytes(range(32))) == pseudonym("7", "client", PseudonymKeys((bytes(range(32)),)))
    assert pseudonym("7", "client", bytes(range(32))) == "c5b6cc11bf8b5be8b8ff2fd07a2b41ec"
    assert key_check(bytes(range(32))) == "9d44031aeedf2d25"


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
