"""Files that nobody would deliver on purpose: mutated, landed, and every one accounted for.

`python -m benchmarks.fuzz` makes 10,000 mutated files of every physical format and lands them with the same code
as any delivery. Each ends as a delivery whose counts add up (read = landed + quarantined + duplicates + filtered,
and as many rows on disk), or as a refusal with a reason. A process that dies, an error that is a fault of ours, a
file that takes longer than the limit, or a count that does not add up is a failure, and its file is kept.

The same seed makes the same files, in the same order, on any number of processes.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import multiprocessing
import random
import shutil
import struct
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyreadstat

from benchmarks.claims import Claim, report
from pipelines.extracts.contract import Contract, load_contracts
from pipelines.extracts.landing import land_inbox

KEY = bytes(range(32))
HANG_SECONDS = 60
BATCH = 20

_COLUMNS = """columns:
  - {source: Id, field: contact_id, required: true}
  - {source: Client, field: client_id, required: true}
  - {source: When, field: contacted_at, type: timestamp, required: true}
  - {source: Kind, field: kind, codes: {Proactive: proactive, Callback: callback}, required: true}
  - {source: Channel, field: channel}
outputs:
  - {entity: proactive_contact}
"""
FORMATS = {
    "csv": "{type: csv}",
    "semicolon": '{type: csv, delimiter: ";", encoding: [utf-8, cp1252]}',
    "tsv": '{type: csv, delimiter: "\\\\t", quote: ""}',
    "headers": "{type: csv, skip_rows_after_header: 2, skipped_rows_contain: ImportId}",
    "json": "{type: json, records: data.tickets}",
    "jsonl": "{type: jsonl}",
    "parquet": "{type: parquet}",
    "xlsx": "{type: xlsx}",
    "sav": "{type: sav}",
}
BINARY = {"parquet", "xlsx", "sav"}
PACKINGS = ("", "", "", "", "", "", ".gz", ".zst", ".zip")


def contract_text(name: str) -> str:
    """Return the contract of one format: files `<name>*`."""
    return (
        f"system: fuzz\nname: {name}\nversion: 1\ndescription: Contacts.\nowner: team:tests\n"
        f'match: ["{name}_*"]\nformat: {FORMATS[name]}\ntimezone: UTC\n{_COLUMNS}'
    )


# --- files ---------------------------------------------------------------------------------------------


def _rows(rng: random.Random) -> list[dict[str, str]]:
    rows = []
    for number in range(rng.randint(1, 40)):
        rows.append(
            {
                "Id": str(number),
                "Client": f"client {number % 5}",
                "When": f"2026-{rng.randint(1, 12):02}-{rng.randint(1, 31):02} 10:00:00",
                "Kind": rng.choice(["Proactive", "Callback", "callback", "none", ""]),
                "Channel": rng.choice(["phone", "e-mail, fax", 'a "quoted" word', "línea\nnew", "", "téléphone"]),
            }
        )
    return rows + rows[: rng.randint(0, 2)]


def _delimited(rows: Sequence[dict[str, str]], delimiter: str, quoting: bool, header: Sequence[str] = ()) -> str:
    def cell(text: str) -> str:
        if not quoting:
            return text.replace("\n", " ").replace("\t", " ")
        return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in f'{delimiter}"\n') else text

    lines = [delimiter.join(rows[0]), *header, *(delimiter.join(map(cell, row.values())) for row in rows)]
    return "\n".join(lines) + "\n"


def valid_file(name: str, rng: random.Random, workdir: Path) -> bytes:
    """Return a sound file of that format, with a few bad values and duplicates in it."""
    rows = _rows(rng)
    match name:
        case "csv":
            return _delimited(rows, ",", True).encode()
        case "semicolon":
            return _delimited(rows, ";", True).encode(rng.choice(["utf-8", "cp1252"]))
        case "tsv":
            return _delimited(rows, "\t", False).encode()
        case "headers":
            extra = ["Id,Client,When,Kind,Channel", "ImportId,b,c,d,e"]
            return _delimited(rows, ",", True, extra).encode()
        case "json":
            return json.dumps({"data": {"tickets": rows}}).encode()
        case "jsonl":
            return "".join(json.dumps(row) + "\n" for row in rows).encode()
        case "parquet":
            buffer = io.BytesIO()
            pl.DataFrame(rows).write_parquet(buffer)
            return buffer.getvalue()
        case "xlsx":
            buffer = io.BytesIO()
            pl.DataFrame(rows).write_excel(buffer)
            return buffer.getvalue()
        case _:
            path = workdir / "valid.sav"
            pyreadstat.write_sav(pl.DataFrame(rows).to_pandas(), str(path))
            return path.read_bytes()


def packed(content: bytes, packing: str, name: str, rng: random.Random) -> bytes:
    """Return the content as .gz, .zst or .zip, or as it is."""
    if packing == ".gz":
        return gzip.compress(content, mtime=0)
    if packing == ".zst":
        return bytes(pa.compress(content, codec="zstd", asbytes=True))
    if packing == ".zip":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as file:
            for number in range(rng.randint(1, 2)):
                member = rng.choice([f"{name}_{number}", f"{name}_{number}", f"../{name}_{number}", "__MACOSX/x"])
                file.writestr(member, content)
        return buffer.getvalue()
    return content


# --- mutations -----------------------------------------------------------------------------------------

Mutation = Callable[[bytes, random.Random], bytes]


def _place(content: bytes, rng: random.Random) -> int:
    return rng.randrange(len(content) + 1)


def cut(content: bytes, rng: random.Random) -> bytes:
    """Keep only the beginning."""
    return content[: _place(content, rng)]


def flip_bits(content: bytes, rng: random.Random) -> bytes:
    """Flip one to eight bits."""
    flipped = bytearray(content)
    for _ in range(rng.randint(1, 8)):
        if flipped:
            flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
    return bytes(flipped)


def re_encode(content: bytes, rng: random.Random) -> bytes:
    """Write the text in another encoding, with or without a byte order mark."""
    text = content.decode("utf-8", "replace")
    encoding = rng.choice(["utf-16", "utf-16-be", "utf-32", "utf-8-sig", "cp1252", "mac_roman", "cp037", "utf-7"])
    return rng.choice([b"", b"\xef\xbb\xbf"]) + text.encode(encoding, "replace")


def re_delimit(content: bytes, rng: random.Random) -> bytes:
    """Exchange separators, quotes or line ends."""
    old, new = rng.choice([b",;", b";,", b"\t,", b",\t", b"\"'", b"\n\r", b",|", b":=", b"{[", b"}]"]), b""
    if rng.random() < 0.3:
        return content.replace(b"\n", rng.choice([b"\r\n", b"\r", b"\n\n", b"\n\r\n"]))
    new = old[1:]
    return content.replace(old[:1], new)


def huge_field(content: bytes, rng: random.Random) -> bytes:
    """Put a very long run of one character somewhere."""
    at = _place(content, rng)
    return (
        content[:at]
        + rng.choice([b"x", b'"', b",", b"\n", b"9", b"[", b" "]) * rng.choice([1_000, 100_000, 9_000_000])
        + content[at:]
    )


def zero_bytes(content: bytes, rng: random.Random) -> bytes:
    """Put zero bytes somewhere."""
    at = _place(content, rng)
    return content[:at] + b"\0" * rng.randint(1, 50) + content[at:]


def nested(content: bytes, rng: random.Random) -> bytes:
    """Put deeply nested JSON somewhere."""
    at, depth = _place(content, rng), rng.choice([5, 500, 50_000])
    opening, closing = rng.choice([(b"[", b"]"), (b'{"a":', b"}")])
    return content[:at] + opening * depth + b"1" + closing * rng.choice([depth, depth - 1, 0]) + content[at:]


def noise(content: bytes, rng: random.Random) -> bytes:
    """Put random bytes somewhere, or instead of what is there."""
    at, run = _place(content, rng), rng.randbytes(rng.randint(1, 200))
    return content[:at] + run + content[at + rng.choice([0, len(run)]) :]


def repeat(content: bytes, rng: random.Random) -> bytes:
    """Write a part, or all of it, several times."""
    begin, end = sorted((_place(content, rng), _place(content, rng)))
    return rng.choice(
        [content * rng.randint(2, 4), content[:end] + content[begin:end] * rng.randint(1, 50) + content[end:]]
    )


def swap(content: bytes, rng: random.Random) -> bytes:
    """Exchange two parts."""
    a, b, c = sorted(_place(content, rng) for _ in range(3))
    return content[:a] + content[b:c] + content[a:b] + content[c:]


def odd_words(content: bytes, rng: random.Random) -> bytes:
    """Exchange a value for one that parsers stumble over."""
    words = [
        b"NaN",
        b"1e999",
        b"-0",
        b"\\u0000",
        b"\xed\xa0\x80",
        b"2026-02-30",
        b"9999-12-31",
        b"inf",
        b"null",
        b"'; --",
        b"=1+1",
        b"\xe2\x80\xae",
    ]
    return content.replace(
        rng.choice([b"client", b"phone", b"2026-", b"10:00", b"Proactive", b"0"]), rng.choice(words), rng.randint(1, 3)
    )


def lying_sizes(content: bytes, rng: random.Random) -> bytes:
    """Write another number over four or eight bytes, as a header that lies about a size would."""
    if len(content) < 16:
        return content
    size = rng.choice([4, 8])
    at = rng.choice([rng.randrange(len(content) - size), max(0, len(content) - rng.randint(size, 60))])
    number = rng.choice([0, 1, 0x7FFFFFFF, 0xFFFFFFFF, len(content), 2 * len(content), rng.getrandbits(32)])
    return content[:at] + struct.pack("<Q", number)[:size] + content[at + size :]


MUTATIONS: tuple[Mutation, ...] = (
    cut,
    flip_bits,
    flip_bits,
    re_encode,
    re_delimit,
    huge_field,
    zero_bytes,
    nested,
    noise,
    repeat,
    swap,
    odd_words,
    lying_sizes,
)


def mutated_file(seed: int, number: int, workdir: Path) -> tuple[str, bytes, str]:
    """Return name, content and mutations of the file of that number; the same for the same seed."""
    rng = random.Random(f"{seed}:{number}")
    kind = rng.choice(list(FORMATS))
    packing = rng.choice(PACKINGS)
    content = valid_file(kind, rng, workdir)
    mutations = [rng.choice(MUTATIONS) for _ in range(rng.choice([1, 1, 1, 2, 3]))]
    before = rng.random() < 0.8 or not packing
    # Half of the files keep their header, so that what is wrong is in the rows.
    head = content.find(b"\n") + 1 if rng.random() < 0.5 and kind not in BINARY else 0
    for mutation in mutations if before else ():
        content = content[:head] + mutation(content[head:], rng)
    content = packed(content, packing, kind, rng)
    for mutation in () if before else mutations:
        content = mutation(content, rng)
    told = "+".join(mutation.__name__ for mutation in mutations) + (" before packing" if packing and before else "")
    return f"{kind}_{number:06}{packing}", content, f"{kind}{packing}: {told}"


# --- landing -------------------------------------------------------------------------------------------


@dataclass
class Tally:
    """What became of files; `failures`: (file name, what went wrong)."""

    landed_files: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[str, str]] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Add another tally to this one."""
        self.landed_files += other.landed_files
        self.refused += other.refused
        self.rows += other.rows
        self.failures += other.failures


def land_and_account(folder: Path, contracts: Sequence[Contract]) -> Tally:
    """Land the files of `folder/inbox` and account for every one and every row."""
    tally = Tally()
    inbox = folder / "inbox"
    names = {path.name for path in inbox.iterdir()}
    report = land_inbox(inbox, folder / "landing", folder / "quarantine", contracts, KEY)
    seen = {receipt.file.split("/")[0] for receipt in report.receipts}
    seen |= {refusal.file.split("/")[0] for refusal in report.refused}
    # Two members of one archive that are equal are one delivery; a file equal to another likewise.
    if report.unchanged:
        seen |= names
    tally.failures += [(name, "neither landed nor refused") for name in sorted(names - seen)]
    for refusal in report.refused:
        tally.refused[refusal.reason] += 1
        if refusal.reason in {"fault", "count"}:
            tally.failures.append((refusal.file, refusal.message))
    with duckdb.connect() as connection:
        for receipt in report.receipts:
            tally.landed_files += 1
            counts = {
                name: getattr(receipt, name) for name in ("read", "landed", "quarantined", "duplicates", "filtered")
            }
            tally.rows.update(counts)
            on_disk = _rows_on_disk(
                connection, folder / "landing" / "proactive_contact" / f"{receipt.delivery_id}.parquet"
            )
            aside = _rows_on_disk(connection, folder / "quarantine" / f"{receipt.delivery_id}.parquet")
            if not receipt.balanced or (on_disk, aside) != (receipt.landed, receipt.quarantined):
                told = f"{counts}, {on_disk} rows on disk, {aside} in the quarantine file"
                tally.failures.append((receipt.file, told))
    return tally


def _rows_on_disk(connection: duckdb.DuckDBPyConnection, path: Path) -> int:
    if not path.exists():
        return 0
    [(count,)] = connection.execute("SELECT count(*) FROM read_parquet(?)", [str(path)]).fetchall()
    return int(count)


def _work(seed: int, contracts_dir: Path, keep: Path, channel: Connection) -> None:
    """Land the batches of file numbers that come over the channel; answer each with its tally."""
    contracts = load_contracts(contracts_dir)
    while (numbers := channel.recv()) is not None:
        with tempfile.TemporaryDirectory(prefix="symmetry_fuzz_") as work:
            folder = Path(work)
            (folder / "inbox").mkdir()
            told = {}
            for number in numbers:
                name, content, told[name] = mutated_file(seed, number, folder)
                (folder / "inbox" / name).write_bytes(content)
            (folder / "valid.sav").unlink(missing_ok=True)
            tally = land_and_account(folder, contracts)
            for name, _ in tally.failures:
                shutil.copy(folder / "inbox" / name.split("/")[0], keep)
            tally.failures = [(f"{name} ({told[name.split('/')[0]]})", why) for name, why in tally.failures]
        channel.send(tally)


@dataclass
class _Worker:
    process: multiprocessing.process.BaseProcess
    channel: Connection
    batch: list[int] = field(default_factory=list)
    since: float = 0.0


def fuzz(files: int, seed: int, processes: int, keep: Path, say: Callable[[str], None]) -> Tally:
    """Land `files` mutated files in `processes` processes; files that fail are copied to `keep`.

    A batch whose process dies or takes too long is landed again file by file, so that the one at fault is named.
    """
    total = Tally()
    with tempfile.TemporaryDirectory(prefix="symmetry_fuzz_") as folder:
        contracts_dir = Path(folder)
        for name in FORMATS:
            (contracts_dir / f"{name}.yml").write_text(contract_text(name), encoding="utf-8")
        context = multiprocessing.get_context("spawn")

        def start() -> _Worker:
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(seed, contracts_dir, keep, theirs), daemon=True)
            process.start()
            theirs.close()
            return _Worker(process, ours)

        todo = [list(range(first, min(first + BATCH, files))) for first in range(0, files, BATCH)][::-1]
        workers = [start() for _ in range(processes)]
        done, began, said = 0, time.monotonic(), time.monotonic()
        while todo or any(worker.batch for worker in workers):
            for place, worker in enumerate(workers):
                if not worker.batch and todo:
                    worker.batch, worker.since = todo.pop(), time.monotonic()
                    worker.channel.send(worker.batch)
                elif worker.batch and time.monotonic() - worker.since > HANG_SECONDS * (1 + len(worker.batch) / 10):
                    worker.process.kill()
                    _again_or_fail(worker, todo, total, f"took longer than {HANG_SECONDS} seconds")
                    workers[place] = start()
            for ready in wait([worker.channel for worker in workers if worker.batch], timeout=1):
                place = next(place for place, worker in enumerate(workers) if worker.channel is ready)
                worker = workers[place]
                try:
                    total.add(worker.channel.recv())
                    done += len(worker.batch)
                    worker.batch = []
                except EOFError:
                    worker.process.join()
                    _again_or_fail(worker, todo, total, f"ended the process (code {worker.process.exitcode})")
                    workers[place] = start()
            if time.monotonic() - said > 5:
                said = time.monotonic()
                say(
                    f"{done:,} of {files:,} files, {done / (said - began):.0f} a second, {len(total.failures)} failures"
                )
        for worker in workers:
            worker.channel.send(None)
            worker.process.join(timeout=10)
    return total


def _again_or_fail(worker: _Worker, todo: list[list[int]], total: Tally, why: str) -> None:
    if len(worker.batch) > 1:
        todo.extend([number] for number in reversed(worker.batch))
    else:
        total.failures.append((f"file number {worker.batch[0]}", why))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the fuzz and print its figures; the exit code is 1 when a file failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description="Land mutated files; lose nothing.")
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=20261123)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--keep", type=Path, default=Path("fuzz_failures"), help="Where files that failed are kept.")
    parser.add_argument("--json", type=Path, help="Write the figures here.")
    options = parser.parse_args(arguments)
    options.keep.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    tally = fuzz(
        options.files,
        options.seed,
        options.processes,
        options.keep,
        lambda line: print(line, file=sys.stderr, flush=True),
    )
    if not tally.failures and not any(options.keep.iterdir()):
        options.keep.rmdir()
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in tally.refused.most_common())
    rows = ", ".join(f"{name} {count:,}" for name, count in tally.rows.items())
    detail = (
        f"seed {options.seed}, {time.monotonic() - began:.0f} s; deliveries landed {tally.landed_files:,} ({rows}); "
        f"refused: {reasons}"
    )
    claim = Claim(
        f"{options.files:,} mutated files end with no crash, no hang, no lost row",
        f"{len(tally.failures)} failures",
        "0 failures",
        not tally.failures,
        detail,
    )
    report([claim], options.json)
    for name, why in tally.failures:
        print(f"  {name}: {why}")
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
