"""How much memory a run may take, and how much of it DuckDB may have."""

import os
from pathlib import Path

#: What a run takes beside DuckDB: Dagster, dbt, Great Expectations, Polars and its frames.
BESIDE_DATABASE = 2**30
#: Of what is left, the part that DuckDB may count: it takes some more than it counts.
COUNTED = 0.85
#: With less than this DuckDB cannot hold a few blocks for each thread.
LEAST = 128 * 2**20


def available(root: Path = Path("/")) -> int:
    """Bytes of memory of the machine, or of the control group (container, systemd unit) that this process is in.

    root: the root of the file system, for tests.
    """
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for folder, name in _control_groups(root):
        # A limit of a group above counts too; inside a container the group's own folder is the root.
        for place in (folder, *folder.parents):
            if place.is_relative_to(root / "sys/fs/cgroup"):
                limits += _limit(place / name)
    return min(limits)


def _control_groups(root: Path) -> list[tuple[Path, str]]:
    """Folders of the control groups that this process is in, with the name of the file that holds the limit."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if number == "0" and not controllers:
            found.append((root / "sys/fs/cgroup" / path.lstrip("/"), "memory.max"))
        elif "memory" in controllers.split(","):
            found.append((root / "sys/fs/cgroup/memory" / path.lstrip("/"), "memory.limit_in_bytes"))
    return found


def _limit(path: Path) -> list[int]:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except OSError:
        return []
    return [int(text)] if text.isdigit() else []


def of_database(total: int) -> int:
    """Bytes that DuckDB may take of so many: four fifths, and less where that leaves too little for the rest."""
    return max(min(total * 4 // 5, int((total - BESIDE_DATABASE) * COUNTED)), LEAST)
