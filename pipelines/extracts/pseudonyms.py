"""Keyed pseudonyms: HMAC-SHA256 of an identifier within its identity domain, cut to 128 bits.

The same person or object gets the same pseudonym in every extract and every delivery made with the same
key, and nobody without the key can make or undo one. Belongs here: the key and the two ways (SQL, Python)
to make a pseudonym. The key itself is never logged, printed or put into SQL text.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

import duckdb

#: Length of a pseudonym in hex characters (128 bits: no accidental collision below some 10^18 identifiers).
LENGTH = 32

_BLOCK = 64  # block size of SHA-256 in bytes, RFC 2104
_KEY_BYTES = 32


class PseudonymKeyError(ValueError):
    """A pseudonym key that cannot be used; the message says what to do and never shows the key."""


class KeyChangedError(PseudonymKeyError):
    """A pseudonym key other than the one the landing was made with; the message says what to do."""


def load_or_create_key(path: Path, from_environment: str | None = None) -> bytes:
    """Return the pseudonym key (bytes, at least 16).

    `from_environment` (hex, or any text of 16 or more characters) wins when given and not blank. Otherwise
    the file at `path` is read; the first time it is made, 32 random bytes in hex, readable by the owner only
    (mode 0600). Raises PseudonymKeyError for a key too short, or a file that others may read.
    """
    if from_environment is not None and from_environment.strip():
        return _decode(from_environment.strip(), "the key given by the environment")
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        made = secrets.token_hex(_KEY_BYTES)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(made + "\n")
                file.flush()
                os.fsync(file.fileno())
            # A link fails where the file exists by now, so of two first runs at once one key wins for both.
            path.hardlink_to(temporary)
        except FileExistsError:
            pass
        finally:
            temporary.unlink(missing_ok=True)
    if path.stat().st_mode & 0o077:
        raise PseudonymKeyError(
            f"the key file {path.name} may be read by others (mode {path.stat().st_mode & 0o777:04o}); "
            "run chmod 600 on it"
        )
    return _decode(path.read_text().strip(), f"the key file {path.name}")


def _decode(text: str, what: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = text.encode()
    if len(key) < 16:
        raise PseudonymKeyError(f"{what} is too short: give at least 16 bytes (32 hex digits)")
    return key


def pseudonym(value: str, domain: str, key: bytes) -> str:
    """Return the pseudonym of `value` in the identity domain: 32 lower-case hex characters (RFC 2104)."""
    return hmac.new(key, f"{domain}:{value}".encode(), hashlib.sha256).hexdigest()[:LENGTH]


def key_check(key: bytes) -> str:
    """Return what tells this key from others without giving it away: 16 hex characters."""
    return pseudonym("check", "key", key)[:16]


def bind_key(connection: duckdb.DuckDBPyConnection, key: bytes) -> None:
    """Give the connection what `pseudonym_sql` needs: the two padded keys, as variables, never as SQL text."""
    block = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    connection.execute("SET VARIABLE hmac_inner = ?::BLOB", [bytes(byte ^ 0x36 for byte in block)])
    connection.execute("SET VARIABLE hmac_outer = ?::BLOB", [bytes(byte ^ 0x5C for byte in block)])


def pseudonym_sql(expression: str, domain: str) -> str:
    """Return SQL for the pseudonym of a VARCHAR expression; null stays null.

    `domain` is the name of the identity domain. The connection must have been given the key by `bind_key`.
    HMAC(K, m) = H(K_outer || H(K_inner || m)), RFC 2104; equal to `pseudonym` for every text.
    """
    return pseudonym_in_sql(expression, "'" + domain.replace("'", "''") + "'")


def pseudonym_in_sql(expression: str, domain_expression: str) -> str:
    """As `pseudonym_sql`, with the domain itself an SQL expression (it may differ from row to row)."""
    message = f"encode(({domain_expression}) || ':' || ({expression}))"
    inner = f"unhex(sha256(getvariable('hmac_inner') || {message}))"
    return f"left(sha256(getvariable('hmac_outer') || {inner}), {LENGTH})"
