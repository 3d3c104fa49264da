"""One writer: a lock of the operating system on a company's warehouse, which ends with the process that holds it.

A lock kept in a database would outlive a killed run and stop every later one.
"""

from __future__ import annotations

import fcntl
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

# The tag of a run that names the company whose lock it holds.
COMPANY_TAG = "symmetry/company"

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
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        stream.seek(0)
        holder = stream.read().strip() or "another process"
        stream.close()
        raise WarehouseBusyError(
            f"{holder} is writing {folder}; wait until it has ended, or stop it, and run again"
        ) from None
    stream.truncate(0)
    stream.write(f"the process {os.getpid()}, since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC,")
    stream.flush()
    _held[path] = stream
