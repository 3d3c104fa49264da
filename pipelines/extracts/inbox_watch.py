"""Watching an inbox cheaply: what has arrived there since the last look, and what is still being written.

Belongs here: telling by size and time which files changed, hashing those only, and the key of an arrival. What a file
is, and whether it lands, is decided by the run that an arrival starts.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from pipelines.extracts.candidates import inbox_files, stamp_of
from pipelines.extracts.deliveries import fingerprint, shown_name

#: Looks for which a file that keeps changing holds back the others, since a run would take it as it is.
HOLD_LOOKS = 20


class Seen(BaseModel):
    """A file of the inbox as it was last seen: size (bytes), modification time (ns), and its content.

    `settled`: two looks in a row found the same size and time. `sha256`: of the content when it last settled, None
    before the first time. `changing`: how many looks in a row found it changed.
    """

    model_config = ConfigDict(frozen=True)

    size: int
    modified: int
    settled: bool = False
    sha256: str | None = None
    changing: int = 0


class InboxState(BaseModel):
    """What the last look at an inbox found, by file name; as JSON it is the sensor's cursor."""

    files: dict[str, Seen] = {}


@dataclass(frozen=True)
class Arrival:
    """What one look found: the state to keep, the names of files that are new, and of those that still change.

    `key` is one text for the same new files with the same contents ('' when there are none).
    """

    state: InboxState
    arrived: list[str] = field(default_factory=list)
    growing: list[str] = field(default_factory=list)
    key: str = ""


def look(inbox: Path, before: InboxState) -> Arrival:
    """Look at the inbox once.

    A file has settled when two looks in a row find the same size and modification time: the time alone says
    nothing of a transfer that keeps the sender's. A settled file is hashed once, and is new when its content is.
    While a file changes, those beside it wait too, since the run that they start would take it half; a file that has
    changed for `HOLD_LOOKS` looks holds back nothing any more.

    Args:
        inbox: the folder; one that is not there is empty.
        before: what the last look found; a fresh `InboxState` at the first.

    Raises:
        OSError: the folder cannot be listed. A single file that cannot be read counts as new, so that the run says why.
    """
    paths = {shown_name(path): path for path in inbox_files(inbox)[0]}
    state = InboxState(files=_stamped(paths, before))
    growing = [name for name, seen in state.files.items() if seen.changing]
    if any(state.files[name].changing < HOLD_LOOKS for name in growing):
        return Arrival(state, growing=growing)
    arrived: list[str] = []
    contents: list[str] = []
    for name, seen in state.files.items():
        if seen.settled or seen.changing:
            continue
        sha256 = _sha256(paths[name])
        state.files[name] = seen.model_copy(update={"settled": True, "sha256": sha256})
        if sha256 != seen.sha256:
            arrived.append(name)
            contents.append(f"{name} {sha256}")
    key = hashlib.sha256("\n".join(contents).encode()).hexdigest()[:32] if contents else ""
    return Arrival(state, arrived, growing, key)


def _stamped(paths: dict[str, Path], before: InboxState) -> dict[str, Seen]:
    """The files as they stand, each with what is known of it since before; the content of none is read."""
    files: dict[str, Seen] = {}
    for name, path in paths.items():
        try:
            size, modified = stamp_of(path)
        except FileNotFoundError:
            continue  # it landed, or was taken out, while we looked
        seen = before.files.get(name)
        if seen is None:
            files[name] = Seen(size=size, modified=modified, changing=1)
        elif (seen.size, seen.modified) == (size, modified):
            files[name] = seen.model_copy(update={"changing": 0})
        else:
            # What it held stays known, so that a file that was only touched is no arrival.
            files[name] = Seen(size=size, modified=modified, sha256=seen.sha256, changing=seen.changing + 1)
    return files


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return fingerprint(stream).sha256
    except OSError as error:
        return f"unreadable ({error.errno})"
