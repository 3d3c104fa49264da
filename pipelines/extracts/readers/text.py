"""Bytes to UTF-8 text, by chunks: what the file claims to be is checked, never guessed.

Belongs here: telling that a file is not text at all, that it is in another encoding than stated, and the
transcoding. Records and fields are the scanner's business.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pipelines.extracts.readers.base import DeliveryError

#: Bytes read at a time.
CHUNK = 16 * 2**20

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a zip archive (it is unpacked when its name ends in .zip) or an Excel workbook (.xlsx)"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"%PDF", "a PDF document"),
    (b"\x1f\x8b", "a gzip archive (it is unpacked when its name ends in .gz)"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive (it is unpacked when its name ends in .zst)"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"\xd0\xcf\x11\xe0", "an old Microsoft Office file (.xls, .doc)"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"$FL2", "an SPSS data file (.sav)"),
    (b"$FL3", "an SPSS data file (.zsav)"),
)
_MARKUP = (b"<!doctype", b"<html", b"<?xml")

_BOMS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass
class TextSource:
    """A text file read by chunks of UTF-8 bytes, byte order marks stripped.

    After the chunks were read to the end, `transcoded` says whether any byte was changed on the way.
    """

    path: Path
    encoding: str
    transcoded: bool = False

    def chunks(self) -> Iterator[bytes]:
        """Yield the file as UTF-8. Raises DeliveryError: not_the_format (no text), encoding (not as stated)."""
        check_is_text(self.path, self.encoding)
        wide = self.encoding.replace("_", "-").startswith(("utf-16", "utf-32"))
        utf8 = self.encoding in {"utf-8", "utf-8-sig"}
        single = not wide and not utf8 and _is_single_byte(self.encoding)
        decoder = codecs.getincrementaldecoder("utf-8" if utf8 else self.encoding)(errors="strict")
        also_utf8 = codecs.getincrementaldecoder("utf-8")(errors="strict") if single else None
        multi_byte: tuple[int, int] | None = None
        offset, lines = 0, 0
        with self.path.open("rb") as file:
            while not wide and file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8:
                offset += len(codecs.BOM_UTF8)  # some programs set a second mark before the first
            file.seek(offset)
            if wide:
                self.transcoded = True
            while True:
                raw = file.read(CHUNK)
                plain = not wide and raw.isascii() and not decoder.getstate()[0]
                if plain:
                    chunk = raw
                else:
                    chunk = self._decode(decoder, raw, offset, lines)
                    if also_utf8 is not None:
                        try:
                            also_utf8.decode(raw, final=not raw)
                            if multi_byte is None and not raw.isascii():
                                first = next(i for i, byte in enumerate(raw) if byte > 127)
                                multi_byte = (offset + first, lines + raw[:first].count(b"\n") + 1)
                        except UnicodeDecodeError:
                            also_utf8 = None
                    if not utf8:
                        self.transcoded = True
                if plain and also_utf8 is not None and also_utf8.getstate()[0]:
                    also_utf8 = None  # a multi-byte sequence cut by plain text: no UTF-8 after all
                if b"\0" in chunk:
                    at = offset + raw.find(b"\0")
                    raise DeliveryError(
                        "not_the_format",
                        f"{self.path.name}: a zero byte at byte {at}: this is not a text file. Export it again "
                        "as text.",
                    )
                if chunk:
                    yield chunk
                if not raw:
                    break
                offset += len(raw)
                lines += raw.count(b"\n")
        if also_utf8 is not None and multi_byte is not None:
            at, line = multi_byte
            raise DeliveryError(
                "encoding",
                f"{self.path.name}: the contract states the encoding {self.encoding}, but the file is valid "
                f"UTF-8 with multi-byte letters (the first at byte {at}, line {line}); read as stated, every "
                "accent would be garbled. State `encoding: utf-8` in the contract, or mend the export.",
            )

    def _decode(self, decoder: codecs.IncrementalDecoder, raw: bytes, offset: int, lines: int) -> bytes:
        pending = decoder.getstate()[0]
        try:
            text = decoder.decode(raw, final=not raw)
        except UnicodeDecodeError as error:
            at = offset - len(pending) + error.start
            whole = pending + raw
            line = lines + whole[: error.start].count(b"\n") + 1
            raise DeliveryError(
                "encoding",
                f"{self.path.name}: byte {at} (line {line}) is not {self.encoding}: 0x{whole[error.start]:02X}. "
                f"{_looks_like(whole, error.start)} State the encoding the file has in the contract, or "
                "export it again.",
            ) from error
        except UnicodeError as error:  # utf-16 without a mark, truncated
            raise DeliveryError(
                "encoding", f"{self.path.name}: not {self.encoding} near byte {offset}: {error}."
            ) from error
        if self.encoding == "iso8859-1" and any("\x80" <= letter <= "\x9f" for letter in set(text)):
            at = next(i for i, byte in enumerate(raw) if 0x80 <= byte <= 0x9F)
            raise DeliveryError(
                "encoding",
                f"{self.path.name}: byte {offset + at} (line {lines + raw[:at].count(10) + 1}) is a control "
                "character in latin-1; it looks like Windows-1252. State `encoding: cp1252` in the contract.",
            )
        if offset == 0 and text.startswith("\ufeff"):
            text = text.lstrip("\ufeff")
        return text.encode("utf-8")


@lru_cache
def _is_single_byte(encoding: str) -> bool:
    """Return whether each byte is one letter in this encoding (undefined bytes aside)."""
    try:
        return len(bytes(range(256)).decode(encoding, errors="replace")) == 256
    except (LookupError, UnicodeError):
        return False


def _looks_like(data: bytes, at: int) -> str:
    for mark, name in _BOMS:
        if data.startswith(mark):
            return f"The file begins with the mark of {name}."
    sample = data[max(0, at - 2000) : at + 2000]
    if sample.count(b"\0") > len(sample) // 4:
        return "It looks like UTF-16."
    mac = data[at : at + 1].decode("mac_roman")
    try:
        letter = data[at : at + 1].decode("cp1252")
    except UnicodeDecodeError:
        return (
            f"It is no Windows-1252 either; that byte is {mac!r} in Mac Roman (`mac_roman`), or the file is "
            "damaged or of an old DOS encoding."
        )
    return f"That byte is {letter!r} in Windows-1252 (`cp1252`) and {mac!r} in Mac Roman (`mac_roman`)."


def check_is_text(path: Path, encoding: str) -> None:
    """Refuse an empty file, and a file whose first bytes show that it is no text of that encoding."""
    with path.open("rb") as file:
        head = file.read(4096)
    if not head or not head.strip(b"\xef\xbb\xbf \t\r\n"):
        if path.stat().st_size <= 4096:
            raise DeliveryError(
                "empty_file", f"{path.name}: the file is empty. Export it again, or take it out of the inbox."
            )
        return
    what = describe_bytes(head)
    if what is not None:
        raise DeliveryError(
            "not_the_format",
            f"{path.name}: the contract expects a text file, but this is {what}. Export it again as the "
            "contract states.",
        )
    wide = encoding.replace("_", "-").startswith(("utf-16", "utf-32"))
    marked_wide = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if wide and not marked_wide and b"\0" not in head:
        raise DeliveryError(
            "encoding",
            f"{path.name}: the contract states {encoding}, but the first bytes (byte 0, line 1) are of a "
            "one-byte encoding or UTF-8. State the encoding the file has in the contract, or export it again.",
        )
    if not wide and (marked_wide or head.count(b"\0") > len(head) // 4):
        raise DeliveryError(
            "encoding",
            f"{path.name}: the contract states {encoding}, but byte 0 (line 1) begins what looks like UTF-16. "
            "State `encoding: utf-16` in the contract, or export it again.",
        )
    if b"\0" in head and not wide:
        raise DeliveryError(
            "not_the_format",
            f"{path.name}: a zero byte at byte {head.find(0)}: this is not a text file. Export it again as text.",
        )


def describe_bytes(head: bytes) -> str | None:
    """Return in words what kind of binary or markup file begins like that, or None."""
    for magic, what in _MAGIC:
        if head.startswith(magic):
            return what
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:16].lower().startswith(_MARKUP):
        return "an HTML or XML page (often the login page of the source system)"
    return None
