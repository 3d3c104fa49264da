"""One writer: a lock of the operating system on a company's warehouse, which ends with the process that holds it.

A lock kept in a database would outlive a killed run and stop every later one.
"""

from __future__ import annotations

import fcntl
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

# The tag of a run that names the company whose lock it holds.
COMPANY_TAG = "symmetry/company"

# Seconds after which a lock is asked for once more: what held it may have been a glance of `is_held`, no writer.
GLANCE = 0.2

_held: dict[Path, IO[str]] = {}


class WarehouseBusyError(RuntimeError):
    """Another process is writing this company's warehouse; the message says which, and since when."""


def hold_warehouse(folder: Path) -> None:
    """Take the lock on a warehouse folder, until this process ends. Taking it again changes nothing.

    Raises:
        WarehouseBusyError: another process holds it.
    """
    path = folder / ".lock"
    if path in _held:
        return
    stream = path.open("a+", encoding="utf-8")
    if not _locks(stream, fcntl.LOCK_EX) and not _locks_after(GLANCE, stream):
        stream.seek(0)
        holder = stream.read().strip() or "another process"
        stream.close()
        raise WarehouseBusyError(f"{holder} is writing {folder}; wait until it has ended, or stop it, and run again")
    stream.truncate(0)
    stream.write(f"the process {os.getpid()}, since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC,")
    stream.flush()
    _held[path] = stream


def is_held(folder: Path) -> bool:
    """Whether any process, this one included, holds the lock on a warehouse folder now."""
    path = folder / ".lock"
    if not path.is_file():
        return False
    with path.open(encoding="utf-8") as stream:
        return not _locks(stream, fcntl.LOCK_SH)


def _locks(stream: IO[str], mode: int) -> bool:
    try:
        fcntl.flock(stream, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _locks_after(seconds: float, stream: IO[str]) -> bool:
    time.sleep(seconds)
    return _locks(stream, fcntl.LOCK_EX)
