"""One small company, written once for all tests of the simulation, and read with the csv module alone."""

import csv
import io
import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pipelines.simulation.company import SimulationSummary, simulate

SMALL: dict[str, Any] = {
    "seed": 7,
    "months": 18,
    "last_month": date(2026, 10, 1),
    "teams": 40,
    "clients": 2200,
    "volume": 0.8,
}
ENCODINGS = {"hr_": "cp1252", "salesforce_": "utf-8", "qualtrics_": "utf-8-sig", "helpdesk": "utf-8", "avail": "utf-8"}


@dataclass(frozen=True)
class Raw:
    """A file read independently: header rows, then (line, fields) of each record."""

    headers: list[list[str]]
    records: list[tuple[int, list[str]]]

    @property
    def names(self) -> list[str]:
        return self.headers[0]

    def column(self, name: str) -> list[str]:
        position = self.names.index(name)
        return [fields[position] for _, fields in self.records if len(fields) == len(self.names)]

    def dicts(self) -> list[dict[str, str]]:
        width = len(self.names)
        return [dict(zip(self.names, fields, strict=True)) for _, fields in self.records if len(fields) == width]


def read_raw(path: Path) -> Raw:
    encoding = next(e for prefix, e in ENCODINGS.items() if path.name.startswith(prefix))
    text = path.read_bytes().decode(encoding)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if path.name.startswith("hr_") else ",")
    rows, start = [], 1
    for fields in reader:
        rows.append((start, fields))
        start = reader.line_num + 1
    head = 3 if path.name.startswith("qualtrics_") else 1
    return Raw(headers=[fields for _, fields in rows[:head]], records=rows[head:])


@dataclass(frozen=True)
class Company:
    """The small company: its files, its truth, and what `simulate` said."""

    inbox: Path
    truth: dict[str, Any]
    summary: SimulationSummary

    def raw(self, name: str) -> Raw:
        return read_raw(self.inbox / name)


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    root = tmp_path_factory.mktemp("company")
    summary = simulate(root / "inbox", root / "truth.json", **SMALL)
    return Company(root / "inbox", json.loads((root / "truth.json").read_text("utf-8")), summary)
