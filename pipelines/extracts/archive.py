"""The originals of what has landed, as delivered, readable by the owner only, kept for a stated time.

Belongs here: moving a file out of the inbox, finding it again, and forgetting it. An original lies under the
SHA-256 of its bytes (`<archive>/<sha256>/<name>`), so that two files of one name never meet. Its modification
time is the moment it was archived.
"""

from __future__ import annotations

import os
import shutil
import time
from datetime import datetime, timedelta
from pathlib import Path

_TEMPORARY = ".moving"


def archive_original(path: Path, sha256: str, archive: Path) -> str:
    """Move a file into the archive, mode 0600; return its place there as `<sha256>/<name>`.

    `sha256` is that of the file's own bytes. What cannot simply be renamed is copied: the copy is complete, and on
    disk, before the name leaves the inbox. Of a link only the name leaves; the file that it leads to stays as it is.
    Bytes that were archived before keep their moment. Raises OSError when either side cannot be written; the file is
    then where it was, and there is no copy of it.
    """
    folder = archive / sha256
    place = folder / path.name
    archive.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.mkdir(exist_ok=True, mode=0o700)
    moment = place.stat().st_mtime_ns if place.exists() else time.time_ns()
    state = path.lstat()
    if not (path.is_symlink() or state.st_nlink > 1) and state.st_dev == folder.stat().st_dev:
        try:
            # Before the rename, so that a run killed here leaves a file in the inbox or a whole original.
            path.chmod(0o600)
            os.utime(path, ns=(moment, moment))
            path.replace(place)
        except OSError:
            pass  # somebody else's file, or a mount of its own: a copy is ours
        else:
            return f"{sha256}/{path.name}"
    was_there = place.exists()
    try:
        _copy(path, folder / _TEMPORARY, moment)
        (folder / _TEMPORARY).replace(place)
        path.unlink()
    except OSError:
        (folder / _TEMPORARY).unlink(missing_ok=True)
        if not was_there:
            place.unlink(missing_ok=True)
        _forget_if_empty(folder)
        raise
    return f"{sha256}/{path.name}"


def _copy(path: Path, target: Path, moment: int) -> None:
    target.unlink(missing_ok=True)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with path.open("rb") as source, os.fdopen(descriptor, "wb") as copy:
        shutil.copyfileobj(source, copy, 1 << 22)
        copy.flush()
        os.fsync(copy.fileno())
    os.utime(target, ns=(moment, moment))


def _forget_if_empty(folder: Path) -> None:
    if not any(folder.iterdir()):
        folder.rmdir()


def archived(archive: Path | None) -> list[Path]:
    """Return every original in the archive, the earliest archived first; [] when there is none."""
    paths = [path for path in _files(archive) if path.name != _TEMPORARY]
    return sorted(paths, key=lambda path: (path.stat().st_mtime_ns, path))


def _files(archive: Path | None) -> list[Path]:
    if archive is None or not archive.is_dir():
        return []
    return sorted(path for path in archive.glob("*/*") if path.is_file())


def expire(archive: Path, days: int, now: datetime) -> list[str]:
    """Delete the originals archived more than `days` days before `now` (aware); return their names.

    Of a copy that was cut off the half goes too, and is not told.
    """
    gone = []
    limit = (now - timedelta(days=days)).timestamp()
    for path in _files(archive):
        if path.stat().st_mtime <= limit:
            path.unlink()
            if path.name != _TEMPORARY:
                gone.append(path.name)
            _forget_if_empty(path.parent)
    return gone
