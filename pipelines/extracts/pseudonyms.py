"""Keyed pseudonyms: HMAC-SHA256 of an identifier within its identity domain, cut to 128 bits.

The same person or object gets the same pseudonym in every extract and every delivery made with the same keys, and
nobody without them can make or undo one. After a rotation there are several keys, and a pseudonym is a chain: that of
the identifier under the first key, then that of the pseudonym so far under each later one. So a key can be added to
what has landed without the originals (`rotation.py`). Belongs here: the keys and the two ways (one value, a column) to
make a pseudonym. A key is never logged, printed or put into SQL text.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import polars as pl
import polars_hash as plh

#: Length of a pseudonym in hex characters (128 bits: no accidental collision below some 10^18 identifiers).
LENGTH = 32

_KEY_BYTES = 32


class PseudonymKeyError(ValueError):
    """A pseudonym key that cannot be used; the message says what to do and never shows the key."""


class KeyChangedError(PseudonymKeyError):
    """A pseudonym key other than the one the landing was made with; the message says what to do."""


@dataclass(frozen=True)
class PseudonymKeys:
    """The keys of a pseudonym's chain, the oldest first; at least one. Its text never shows them."""

    chain: tuple[bytes, ...] = field(repr=False)

    def __post_init__(self) -> None:
        if not self.chain:
            raise PseudonymKeyError("there is no pseudonym key: give at least one")


#: What a pseudonym is made with; plain bytes are a chain of one key.
Keys: TypeAlias = PseudonymKeys | bytes


def chain_of(key: Keys) -> tuple[bytes, ...]:
    """Return the keys in the order in which they apply."""
    return key.chain if isinstance(key, PseudonymKeys) else (key,)


def load_or_create_key(path: Path, from_environment: str | None = None) -> PseudonymKeys:
    """Return the pseudonym keys (each at least 16 bytes).

    `from_environment` wins when given and not blank. Otherwise the file at `path` is read; the first time it is
    made, 32 random bytes in hex, readable by the owner only (mode 0600). Either holds one key a line, the oldest
    first: hex, or any text of 16 or more characters. Raises PseudonymKeyError for a key too short, no key at all,
    or a file that others may read.
    """
    if from_environment is not None and from_environment.strip():
        return _decode(from_environment, "the key given by the environment")
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        try:
            write_key_file(temporary, new_key())
            # A link fails where the file exists by now, so of two first runs at once one key wins for both.
            path.hardlink_to(temporary)
        except FileExistsError:
            pass
        finally:
            temporary.unlink(missing_ok=True)
    return _decode(read_key_file(path), f"the key file {path.name}")


def new_key() -> str:
    """Return a new random key as a line of a key file (64 hex digits and a line end)."""
    return secrets.token_hex(_KEY_BYTES) + "\n"


def read_key_file(path: Path) -> str:
    """Return the text of a key file. Raises PseudonymKeyError when others may read it."""
    if path.stat().st_mode & 0o077:
        raise PseudonymKeyError(
            f"the key file {path.name} may be read by others (mode {path.stat().st_mode & 0o777:04o}); "
            "run chmod 600 on it"
        )
    return path.read_text(encoding="utf-8")


def write_key_file(path: Path, text: str) -> None:
    """Write a new key file, for the owner only (mode 0600), and wait until it is on the disk.

    Raises FileExistsError when there is a file of that name.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _decode(text: str, what: str) -> PseudonymKeys:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise PseudonymKeyError(f"{what} is empty: put the former key back, or remove it where nothing has landed yet")
    return PseudonymKeys(tuple(_decode_line(line, what) for line in lines))


def _decode_line(line: str, what: str) -> bytes:
    try:
        key = bytes.fromhex(line)
    except ValueError:
        key = line.encode()
    if len(key) < 16:
        raise PseudonymKeyError(f"{what} is too short: give at least 16 bytes (32 hex digits) a line")
    return key


def pseudonym(value: str, domain: str, key: Keys) -> str:
    """Return the pseudonym of `value` in the identity domain: 32 lower-case hex characters (RFC 2104, chained).

    The key of the HMAC is the key as hexadecimal text: the vectorised one takes text.
    """
    for link in chain_of(key):
        value = hmac.new(link.hex().encode(), f"{domain}:{value}".encode(), hashlib.sha256).hexdigest()[:LENGTH]
    return value


def key_check(key: Keys) -> str:
    """Return what tells these keys, all of them, from others without giving them away: 16 hex characters."""
    return pseudonym("check", "key", key)[:16]


def identified_sql(expression: str, domain_expression: str) -> str:
    """Return SQL for what `pseudonyms` takes, of a VARCHAR expression and the name of its domain; null stays null."""
    return f"({domain_expression}) || ':' || {expression}"


def pseudonyms(identified: pl.Series, key: Keys) -> pl.Series:
    """Return the pseudonym of each text `domain:value`; null stays null. Equal to `pseudonym` for every text.

    A domain holds no colon. Takes 0.2 us of CPU a value and key.
    """
    made = plh.col("made")
    frame = identified.alias("made").to_frame()
    for number, link in enumerate(chain_of(key)):
        if number:
            frame = frame.with_columns(pl.concat_str(pl.lit(identified.str.extract("^([^:]*:)")), made).alias("made"))
        frame = frame.with_columns(made.chash.hmac_sha256(key=link.hex()).str.slice(0, LENGTH))
    return frame.to_series()
