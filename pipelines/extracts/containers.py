"""Packed files: what an inbox file holds, plain, as .gz or .zst, or as the members of a .zip.

Belongs here: finding the parts, reading them as one stream of bytes each, with the expansion bounded. Nothing is
ever written under a name that an archive states. An archive is taken whole or not at all: anything in it that two
programs may read differently (bytes after its end, a name twice, a stated size that is not the real one) refuses it.
"""

from __future__ import annotations

import gzip
import io
import shutil
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, Literal, cast

import pyarrow as pa

from pipelines.extracts.deliveries import shown_name
from pipelines.extracts.readers.base import DeliveryError

Packing = Literal["plain", "gz", "zst", "zip"]

#: Most bytes that one inbox file may expand to: thirty times the largest extract foreseen (2.1 GB for 20 million
#: cases), and still what one disk can hold.
EXPANDED_LIMIT = 64 * 2**30

#: An archive is taken for a bomb when it expands to more than this many times its size and to more than
#: RATIO_FREE bytes. Real extracts pack 5 to 50 times; deflate cannot exceed 1032.
RATIO_LIMIT = 200
RATIO_FREE = 256 * 2**20

#: Most members of one .zip: each is a delivery of its own.
MEMBERS_LIMIT = 10_000

_SUFFIXES: dict[str, Packing] = {".gz": "gz", ".zst": "zst", ".zip": "zip"}

#: Suffixes of archives that are not unpacked inside another archive.
_ARCHIVES = (".gz", ".zst", ".zip", ".tar", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".z")

#: Stored, deflate, bzip2, LZMA: what the standard library can read.
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}

_END_OF_DIRECTORY = struct.Struct("<4s4H2LH")
_END_MARK = b"PK\x05\x06"

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Part:
    """One extract inside one inbox file.

    `name`: the file name that contracts are matched against, packing suffix removed; `shown`: what people are
    told (`export.zip/cases.csv`); `path`: the inbox file; `member`: the name inside a .zip, else None. `also`: the
    names to match when no contract claims `name`: of the only member of a .zip, the archive's own name with the
    member's suffix (`cases_2025.zip` holding `export.csv` is also `cases_2025.csv`). `limit`: most bytes to expand to.
    """

    name: str
    shown: str
    path: Path
    member: str | None = None
    also: tuple[str, ...] = ()
    packing: Packing = "plain"
    limit: int = EXPANDED_LIMIT

    @property
    def packed(self) -> bool:
        """Whether the bytes of the part differ from those of the inbox file."""
        return self.packing != "plain"

    def open(self) -> BinaryIO:
        """Return the part's bytes as a stream.

        OSError when the inbox file cannot be read. Reading raises DeliveryError: damaged_archive (not what its
        suffix says, cut off, a wrong check sum or size, bytes after the end), bomb (expands beyond the bounds).
        """
        if self.packing == "plain":
            return self.path.open("rb")
        size = self.path.stat().st_size
        stated = None
        if self.packing == "zip":
            source, size, stated = _open_member(self.path, self.member or "", self.shown)
        elif self.packing == "gz":
            source = cast("IO[bytes]", gzip.GzipFile(self.path, "rb"))
        else:
            source = _open_zst(self.path)
        return cast("BinaryIO", io.BufferedReader(_Expanding(source, self.shown, size, self.limit, stated), _CHUNK))

    def unpacked(self, workdir: Path) -> Path:
        """Return a plain file with the part's bytes: the inbox file itself, or a copy of the same name below `workdir`.

        Raises DeliveryError and OSError as reading the stream of `open` does.
        """
        if not self.packed:
            return self.path
        # The inbox file's own name, so that what readers say names a file that people know.
        target = Path(tempfile.mkdtemp(dir=workdir)) / self.path.name
        with self.open() as source, target.open("wb") as copy:
            shutil.copyfileobj(source, copy, 1 << 22)
        return target


class _Expanding(io.RawIOBase):
    """Bytes as they are unpacked, counted; every way of being damaged becomes one refusal."""

    def __init__(self, source: IO[bytes], shown: str, packed: int, limit: int, stated: int | None) -> None:
        self._source = source
        self._shown = shown
        self._packed = packed
        self._limit = limit
        self._stated = stated
        self._expanded = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast("bytearray", buffer))
        try:
            data = self._source.read(len(view))
        except (EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise damaged(self._shown, str(error)) from error
        self._expanded += len(data)
        check_expansion(self._shown, self._expanded, self._packed, self._limit)
        if not data and self._stated is not None and self._expanded != self._stated:
            raise damaged(self._shown, f"it states {self._stated} bytes but holds {self._expanded}")
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._source.close()
        super().close()


def parts_of(path: Path, limit: int = EXPANDED_LIMIT) -> list[Part]:
    """Return the extracts that an inbox file holds, in the order of their names.

    `limit`: most bytes that all of them together may expand to. Of a .zip only the list of members is read here;
    folders and what operating systems leave in archives are no members. OSError when the file cannot be read.

    Raises DeliveryError: damaged_archive, empty_file (a .zip without a member), archive_path (a member that is
    absolute, leads out of the archive, or is a link), encrypted, nested_archive, archive_method (a compression
    that cannot be read), bomb.
    """
    shown = shown_name(path)
    packing = _SUFFIXES.get(path.suffix.lower())
    if packing is None:
        return [Part(name=path.name, shown=shown, path=path)]
    if packing != "zip":
        _refuse_nested(path.stem, shown)
        return [Part(name=path.stem, shown=shown, path=path, packing=packing, limit=limit)]
    members = [member for member in checked_members(path, limit) if not _is_clutter(member.filename)]
    if not members:
        raise DeliveryError(
            "empty_file", f"{shown}: the archive holds no file. Export it again, or take it out of the inbox."
        )
    parts = []
    for member in sorted(members, key=lambda member: member.filename):
        inner = PurePosixPath(member.filename.replace("\\", "/"))
        told = f"{shown}/{_printable(str(inner))}"
        _refuse_nested(inner.name, told)
        own = Path(path.stem)
        same = own.suffix.lower() == inner.suffix.lower()
        also = (own.name if same else own.name + inner.suffix,) if len(members) == 1 else ()
        parts.append(
            Part(
                name=_printable(inner.name),
                shown=told,
                path=path,
                member=member.filename,
                also=also,
                packing="zip",
                limit=limit,
            )
        )
    return parts


def checked_members(path: Path, limit: int) -> list[zipfile.ZipInfo]:
    """Return the files of a zip archive (folders left out), its list of members found sound.

    Raises DeliveryError: damaged_archive, archive_path, encrypted, archive_method, bomb.
    """
    shown = shown_name(path)
    try:
        _check_end(path, shown)
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
        raise damaged(shown, str(error)) from error
    if len(infos) > MEMBERS_LIMIT:
        raise _bomb(shown, f"it holds {len(infos)} members, more than {MEMBERS_LIMIT}")
    if infos and min(info.header_offset for info in infos) != 0:
        raise damaged(shown, "there are bytes before its first member")
    seen: set[str] = set()
    for info in infos:
        told = f"{shown}/{_printable(info.orig_filename)}"
        _check_member(info, told)
        if info.filename in seen:
            raise damaged(shown, f"the name {_printable(info.filename)!r} stands twice")
        seen.add(info.filename)
    files = [info for info in infos if not info.is_dir()]
    spans = sorted((info.header_offset, info.compress_size) for info in files)
    if any(start + size > following for (start, size), (following, _) in pairwise(spans)):
        raise damaged(shown, "its members overlap")
    check_expansion(shown, sum(info.file_size for info in files), path.stat().st_size, limit)
    return files


def check_expansion(shown: str, expanded: int, packed: int, limit: int) -> None:
    """Refuse (bomb) what has expanded beyond `limit` bytes, or out of all proportion to its packed size."""
    if expanded > limit:
        raise _bomb(shown, f"it expands to more than {limit} bytes")
    if expanded > RATIO_FREE and expanded > RATIO_LIMIT * packed:
        raise _bomb(shown, f"it expands to more than {RATIO_LIMIT} times its size")


def damaged(shown: str, why: str) -> DeliveryError:
    """Return the refusal of an archive that cannot be read as what it is."""
    return DeliveryError(
        "damaged_archive",
        f"{shown}: the archive is damaged or cut off, or is none of its suffix: {why or 'it ends too early'}. Pack or "
        "fetch it again, or deliver the file unpacked.",
    )


def _bomb(shown: str, why: str) -> DeliveryError:
    return DeliveryError("bomb", f"{shown}: {why}; no extract does. Deliver the file unpacked, or in smaller files.")


def _check_end(path: Path, shown: str) -> None:
    """Refuse bytes after the end of a zip archive, which its reader would take for a comment or pass over."""
    size = path.stat().st_size
    if size == 0:
        raise DeliveryError("empty_file", f"{shown}: the file is empty. Pack it again, or take it out of the inbox.")
    with path.open("rb") as file:
        file.seek(max(0, size - _END_OF_DIRECTORY.size - 0xFFFF))
        tail = file.read()
    at = tail.rfind(_END_MARK)
    if at < 0 or at + _END_OF_DIRECTORY.size > len(tail):
        raise damaged(shown, "its end is missing")
    *_, comment = _END_OF_DIRECTORY.unpack_from(tail, at)
    if at + _END_OF_DIRECTORY.size + comment != len(tail):
        raise damaged(shown, "there are bytes after its end")


def _check_member(info: zipfile.ZipInfo, told: str) -> None:
    name = info.orig_filename
    steps = name.replace("\\", "/").split("/")
    if "\0" in name or not steps[0] or ".." in steps or (len(steps[0]) > 1 and steps[0][1] == ":"):
        raise DeliveryError(
            "archive_path",
            f"{told}: a member whose name is absolute or leads out of the archive. Pack the files themselves again.",
        )
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind and not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
        raise DeliveryError(
            "archive_path", f"{told}: a link or a special file, not a file. Pack the files themselves again."
        )
    if info.flag_bits & 0x2041:  # encrypted, strongly encrypted, masked directory
        raise DeliveryError(
            "encrypted", f"{told}: protected by a password. Deliver it without; the inbox itself is to be protected."
        )
    if info.compress_type not in _METHODS:
        raise DeliveryError(
            "archive_method",
            f"{told}: packed by a method (number {info.compress_type}) that cannot be read. Pack it again with "
            "deflate, the usual one, or deliver it unpacked.",
        )


def _is_clutter(name: str) -> bool:
    steps = name.split("/")
    return "__MACOSX" in steps[:-1] or steps[-1] == ".DS_Store"


def _refuse_nested(name: str, shown: str) -> None:
    if name.lower().endswith(_ARCHIVES):
        raise DeliveryError(
            "nested_archive", f"{shown}: an archive inside an archive. Deliver the inner one, or the file itself."
        )


def _printable(name: str) -> str:
    """Return a name as it can be shown: control characters and the like escaped."""
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in name)


def _open_member(path: Path, member: str, shown: str) -> tuple[IO[bytes], int, int]:
    """Return a member's stream, its packed size and the size it states."""
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise damaged(shown, str(error)) from error
    try:
        info = archive.getinfo(member)
        source = archive.open(info)
    except (zipfile.BadZipFile, NotImplementedError, KeyError, RuntimeError, ValueError) as error:
        archive.close()
        raise damaged(shown, str(error)) from error
    return cast("IO[bytes]", _Owning(source, archive.close)), info.compress_size, info.file_size


def _open_zst(path: Path) -> IO[bytes]:
    file = path.open("rb")
    if path.stat().st_size == 0:
        return file  # nothing: the reader says that the file is empty
    stream = pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd")
    return cast("IO[bytes]", _Owning(stream, file.close))


class _Owning:
    """A stream that closes what it reads from."""

    def __init__(self, source: IO[bytes], then: Callable[[], None]) -> None:
        self._source = source
        self._then = then

    def read(self, size: int) -> bytes:
        return self._source.read(size)

    def close(self) -> None:
        self._source.close()
        self._then()
