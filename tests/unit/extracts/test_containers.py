"""Packed files: every way of packing gives the same bytes, every way of being unsound is refused by name."""

from __future__ import annotations

import gzip
import io
import stat
import struct
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.extracts import containers
from pipelines.extracts.containers import Part, parts_of
from pipelines.extracts.readers.base import DeliveryError

TEXT = b"id;name\n" + b"".join(b"%d;unit %d\n" % (number, number % 7) for number in range(50_000))


def zst(data: bytes) -> bytes:
    return bytes(pa.compress(data, "zstd", asbytes=True))


def zipped(**members: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return target.getvalue()


def put(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def reason(act: Callable[[], object]) -> str:
    with pytest.raises(DeliveryError) as caught:
        act()
    assert "Deliver" in caught.value.message or "again" in caught.value.message
    return caught.value.reason


def whole(part: Part) -> bytes:
    with part.open() as stream:
        return stream.read()


def read_all(path: Path, limit: int = containers.EXPANDED_LIMIT) -> list[bytes]:
    return [whole(part) for part in parts_of(path, limit)]


@pytest.mark.parametrize(
    ("name", "pack", "inner"),
    [
        ("cases.csv", bytes, "cases.csv"),
        ("cases.csv.gz", gzip.compress, "cases.csv"),
        ("Cases.CSV.GZ", gzip.compress, "Cases.CSV"),
        ("cases.csv.zst", zst, "cases.csv"),
        ("cases.csv.ZST", zst, "cases.csv"),
    ],
)
def test_a_packed_file_gives_the_bytes_and_the_inner_name(
    tmp_path: Path, name: str, pack: Callable[[bytes], bytes], inner: str
) -> None:
    path = put(tmp_path, name, pack(TEXT))
    (part,) = parts_of(path)
    assert (part.name, part.shown, part.member, part.also) == (inner, name, None, ())
    assert part.packed is (inner != name)
    assert whole(part) == TEXT
    work = tmp_path / "work"
    work.mkdir()
    plain = part.unpacked(work)
    assert plain.read_bytes() == TEXT
    assert (plain == path) is not part.packed


@pytest.mark.parametrize(("suffix", "pack"), [("gz", gzip.compress), ("zst", zst)])
def test_members_one_after_the_other_are_one_file(tmp_path: Path, suffix: str, pack: Callable[[bytes], bytes]) -> None:
    path = put(tmp_path, f"a.csv.{suffix}", pack(TEXT) + pack(b"tail;1\n"))
    assert read_all(path) == [TEXT + b"tail;1\n"]


@pytest.mark.parametrize(("suffix", "pack"), [("gz", gzip.compress), ("zst", zst)])
def test_a_stream_cut_anywhere_or_followed_by_something_is_damaged(
    tmp_path: Path, suffix: str, pack: Callable[[bytes], bytes]
) -> None:
    data = pack(TEXT)
    for size in (1, 3, 9, 20, len(data) // 2, len(data) - 9, len(data) - 1):
        path = put(tmp_path, f"a.csv.{suffix}", data[:size])
        assert reason(partial(read_all, path)) == "damaged_archive", size
    for tail in (b"garbage after the end", b"id;name\n"):
        path = put(tmp_path, f"a.csv.{suffix}", data + tail)
        assert reason(partial(read_all, path)) == "damaged_archive"
    plain = put(tmp_path, f"plain.csv.{suffix}", TEXT)
    assert reason(lambda: read_all(plain)) == "damaged_archive"
    assert read_all(put(tmp_path, f"nothing.csv.{suffix}", b"")) == [b""]


def test_a_flipped_bit_of_a_gzip_is_noticed(tmp_path: Path) -> None:
    data = bytearray(gzip.compress(TEXT))
    data[len(data) // 2] ^= 4
    path = put(tmp_path, "a.csv.gz", bytes(data))
    assert reason(lambda: read_all(path)) == "damaged_archive"


def test_every_file_of_a_zip_is_a_part_and_clutter_is_none(tmp_path: Path) -> None:
    data = zipped(
        **{
            "2025/cases.csv": TEXT,
            "2025/": b"",
            "__MACOSX/2025/._cases.csv": b"x",
            "2025/.DS_Store": b"x",
            "accounts.csv": b"id\n1\n",
        }
    )
    path = put(tmp_path, "Export.ZIP", data)
    parts = parts_of(path)
    assert [(part.name, part.shown, part.member, part.also) for part in parts] == [
        ("cases.csv", "Export.ZIP/2025/cases.csv", "2025/cases.csv", ()),
        ("accounts.csv", "Export.ZIP/accounts.csv", "accounts.csv", ()),
    ]
    assert [whole(part) for part in parts] == [TEXT, b"id\n1\n"]
    work = tmp_path / "work"
    work.mkdir()
    for part in parts:
        assert part.unpacked(work).name == "Export.ZIP"
    assert [file.name for file in work.rglob("*") if file.is_file()] == ["Export.ZIP", "Export.ZIP"]


@pytest.mark.parametrize(
    ("archive", "member", "also"),
    [
        ("cases_20250131.zip", "export.csv", "cases_20250131.csv"),
        ("cases_20250131.csv.zip", "export.csv", "cases_20250131.csv"),
        ("v1.2 cases.zip", "data.json", "v1.2 cases.json"),
        ("cases.zip", "export", "cases"),
    ],
)
def test_the_only_member_also_goes_by_the_name_of_the_zip(tmp_path: Path, archive: str, member: str, also: str) -> None:
    (part,) = parts_of(put(tmp_path, archive, zipped(**{member: b"id\n1\n", "__MACOSX/._x": b"x"})))
    assert (part.name, part.also) == (member, (also,))


def test_an_empty_zip_is_an_empty_file(tmp_path: Path) -> None:
    for data in (b"", zipped(), zipped(**{"folder/": b"", "folder/.DS_Store": b"x"})):
        path = put(tmp_path, "a.zip", data)
        assert reason(partial(parts_of, path)) == "empty_file"


@pytest.mark.parametrize(
    "name",
    ["/etc/cases.csv", "../cases.csv", "a/../../cases.csv", "..\\cases.csv", "C:\\cases.csv", "\\\\host\\cases.csv"],
)
def test_a_member_outside_the_archive_is_refused(tmp_path: Path, name: str) -> None:
    path = put(tmp_path, "a.zip", zipped(**{"ok.csv": b"id\n", name: b"id\n"}))
    assert reason(lambda: parts_of(path)) == "archive_path"


def test_a_link_in_an_archive_is_refused(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("cases.csv")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    path = put(tmp_path, "a.zip", target.getvalue())
    assert reason(lambda: parts_of(path)) == "archive_path"


def patched(data: bytes, at_local: int, at_central: int, value: bytes) -> bytes:
    """Overwrite a field of the first local header and of the first entry of the directory."""
    changed = bytearray(data)
    if at_local >= 0:
        changed[at_local : at_local + len(value)] = value
    start = data.index(b"PK\x01\x02") + at_central
    changed[start : start + len(value)] = value
    return bytes(changed)


def test_a_password_and_an_unknown_method_are_named(tmp_path: Path) -> None:
    data = zipped(**{"cases.csv": TEXT})
    locked = put(tmp_path, "locked.zip", patched(data, 6, 8, b"\x01\x00"))
    assert reason(lambda: parts_of(locked)) == "encrypted"
    deflate64 = put(tmp_path, "method.zip", patched(data, 8, 10, b"\x09\x00"))
    assert reason(lambda: parts_of(deflate64)) == "archive_method"


@pytest.mark.parametrize("size", [len(TEXT) - 10, len(TEXT) + 10, 5])
def test_a_zip_that_lies_about_a_size_is_damaged(tmp_path: Path, size: int) -> None:
    data = zipped(**{"cases.csv": TEXT})
    path = put(tmp_path, "a.zip", patched(data, 22, 24, struct.pack("<L", size)))
    assert reason(lambda: read_all(path)) == "damaged_archive"


def test_a_zip_cut_anywhere_or_with_more_around_it_is_damaged(tmp_path: Path) -> None:
    data = zipped(**{"cases.csv": TEXT, "b.csv": b"id\n1\n"})
    cuts = [data[:size] for size in (1, 30, len(data) // 2, len(data) - 23, len(data) - 5, len(data) - 1)]
    for other in [*cuts, data + b"tail", data + data[:100], b"head" + data, TEXT]:
        path = put(tmp_path, "a.zip", other)
        assert reason(partial(read_all, path)) == "damaged_archive"
    flipped = bytearray(data)
    flipped[200] ^= 1
    path = put(tmp_path, "a.zip", bytes(flipped))
    assert reason(lambda: read_all(path)) == "damaged_archive"


def test_the_same_name_twice_is_damaged(tmp_path: Path) -> None:
    data = zipped(**{"a.csv": b"id\n1\n", "b.csv": b"id\n2\n"}).replace(b"b.csv", b"a.csv")
    path = put(tmp_path, "a.zip", data)
    assert reason(lambda: parts_of(path)) == "damaged_archive"


def test_members_that_share_their_bytes_are_damaged(tmp_path: Path) -> None:
    data = bytearray(zipped(**{"a.csv": b"id\n1\n", "b.csv": b"id\n1\n"}))
    second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4)
    data[second + 42 : second + 46] = struct.pack("<L", 0)
    path = put(tmp_path, "a.zip", bytes(data))
    assert reason(lambda: parts_of(path)) == "damaged_archive"


@pytest.mark.parametrize("name", ["inner.zip", "cases.csv.gz", "x/inner.7Z", "cases.csv.zst", "a.tar"])
def test_an_archive_in_an_archive_is_refused(tmp_path: Path, name: str) -> None:
    path = put(tmp_path, "a.zip", zipped(**{name: b"x"}))
    assert reason(lambda: parts_of(path)) == "nested_archive"
    outer = put(tmp_path, f"{Path(name).name}.gz", gzip.compress(b"x"))
    assert reason(lambda: parts_of(outer)) == "nested_archive"


def test_a_workbook_in_a_zip_is_no_nested_archive(tmp_path: Path) -> None:
    (part,) = parts_of(put(tmp_path, "a.zip", zipped(**{"book.xlsx": b"x"})))
    assert part.name == "book.xlsx"


@pytest.mark.parametrize(("suffix", "pack"), [("gz", gzip.compress), ("zst", zst)])
def test_expansion_is_bounded_while_streaming(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, pack: Callable[[bytes], bytes]
) -> None:
    path = put(tmp_path, f"a.csv.{suffix}", pack(TEXT))
    assert read_all(path, len(TEXT)) == [TEXT]
    assert reason(lambda: read_all(path, len(TEXT) - 1)) == "bomb"
    monkeypatch.setattr(containers, "RATIO_FREE", 2 * 2**20)
    zeros = put(tmp_path, f"z.csv.{suffix}", pack(bytes(8 * 2**20)))
    (part,) = parts_of(zeros)
    work = tmp_path / "work"
    work.mkdir()
    with pytest.raises(DeliveryError, match="more than 200 times its size") as caught:
        part.unpacked(work)
    assert [file.stat().st_size <= 3 * 2**20 for file in work.rglob(zeros.name)] == [True]
    assert caught.value.reason == "bomb"


def test_a_zip_that_states_too_much_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path, "a.zip", zipped(**{"a.csv": TEXT, "b.csv": TEXT}))
    assert len(parts_of(path, 2 * len(TEXT))) == 2
    assert reason(lambda: parts_of(path, 2 * len(TEXT) - 1)) == "bomb"
    monkeypatch.setattr(containers, "RATIO_FREE", 2 * 2**20)
    zeros = put(tmp_path, "z.zip", zipped(**{"z.csv": bytes(4 * 2**20)}))
    assert reason(lambda: parts_of(zeros)) == "bomb"
    monkeypatch.setattr(containers, "MEMBERS_LIMIT", 1)
    assert reason(lambda: parts_of(path)) == "bomb"


def test_a_name_with_control_characters_is_shown_escaped(tmp_path: Path) -> None:
    (part,) = parts_of(put(tmp_path, "a.zip", zipped(**{"ca\nses\x1b[2J.csv": TEXT})))
    assert (part.name, part.shown) == ("ca\\x0ases\\x1b[2J.csv", "a.zip/ca\\x0ases\\x1b[2J.csv")
    assert whole(part) == TEXT


def test_a_file_that_is_not_there_is_an_oserror_not_a_damage(tmp_path: Path) -> None:
    for name in ("a.csv", "a.csv.gz", "a.csv.zst"):
        with pytest.raises(FileNotFoundError):
            read_all(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        parts_of(tmp_path / "a.zip")
