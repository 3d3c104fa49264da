"""A small bench for landing: write a contract and some files, land them, look at the rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.extracts.contract import Contract, load_contracts
from pipelines.extracts.landing import LandingReport, create_landing_views, land_inbox

KEY = bytes(range(32))


@dataclass
class Bench:
    """Folders of one run and the ways to look at what it left."""

    root: Path
    key: bytes = KEY

    @property
    def inbox(self) -> Path:
        return self.root / "inbox"

    @property
    def landing(self) -> Path:
        return self.root / "landing"

    @property
    def quarantine(self) -> Path:
        return self.root / "quarantine"

    def contracts(self) -> list[Contract]:
        return load_contracts(self.root / "contracts")

    def contract(self, text: str, name: str = "contract") -> None:
        folder = self.root / "contracts"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.yml").write_text(text, encoding="utf-8")

    def file(self, name: str, content: bytes | str) -> Path:
        self.inbox.mkdir(exist_ok=True)
        path = self.inbox / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def land(self) -> LandingReport:
        return land_inbox(self.inbox, self.landing, self.quarantine, self.contracts(), self.key)

    def rows(self, entity: str, columns: str = "*", order: str = "_record") -> list[tuple[Any, ...]]:
        with duckdb.connect() as connection:
            create_landing_views(connection, self.landing)
            return connection.execute(f'SELECT {columns} FROM landing."{entity}" ORDER BY {order}').fetchall()

    def bad(self, columns: str = "line, reason, value") -> list[tuple[Any, ...]]:
        files = [str(path) for path in self.quarantine.glob("*.parquet")]
        if not files:
            return []
        with duckdb.connect() as connection:
            query = f"SELECT {columns} FROM read_parquet({files}) ORDER BY delivery_id, record"
            return connection.execute(query).fetchall()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def make_bench(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Bench]:
    return lambda: Bench(tmp_path_factory.mktemp("bench"))
