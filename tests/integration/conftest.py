"""Runs of the real command in a fresh workspace, once for each module that looks at the result."""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl
import pytest

from pipelines.settings import PROJECT_DIR

TINY = Path(__file__).parent / "tiny"


@dataclass(frozen=True)
class Company:
    """A workspace and the `symmetry` command bound to it."""

    data: Path
    environment: dict[str, str]

    @property
    def inbox(self) -> Path:
        return self.data / "inbox"

    def original(self, name: str) -> Path:
        """The archived original of a file that has landed."""
        (path,) = (self.data / "archive").glob(f"*/{name}")
        return path

    @property
    def published(self) -> Path:
        return self.data / "published" / "scorecard.duckdb"

    def symmetry(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command; `more`: environment variables beside the company's own."""
        command = [str(Path(sys.executable).with_name("symmetry")), *arguments]
        return subprocess.run(
            command, env=self.environment | more, capture_output=True, text=True, check=False, timeout=600
        )

    def use_in_this_process(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Put this company's settings in force for code that runs in the test's own process."""
        for name, value in self.environment.items():
            if name.startswith("SYMMETRY_"):
                monkeypatch.setenv(name, value)

    def query(self, sql: str, published: Path | None = None) -> pl.DataFrame:
        with duckdb.connect(str(published or self.published), read_only=True) as connection:
            return connection.sql(sql).pl()


@pytest.fixture(scope="session")
def new_company(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Company]:
    """Make a company's workspace; keyword arguments are settings, without their prefix."""

    def make(name: str, **settings: object) -> Company:
        root = tmp_path_factory.mktemp(name)
        home = root / "dagster_home"
        home.mkdir()
        shutil.copyfile(PROJECT_DIR / "dagster_home" / "dagster.yaml", home / "dagster.yaml")
        known = {name: value for name, value in os.environ.items() if not name.startswith("SYMMETRY_")}
        given = {"data_dir": root / "data", "dagster_home": home, **settings}
        own = {f"SYMMETRY_{name.upper()}": str(value) for name, value in given.items()}
        company = Company(root / "data", known | own | {"COLUMNS": "200"})
        company.inbox.mkdir(parents=True)
        return company

    return make


def write_tiny_company(inbox: Path) -> None:
    """Write the extracts of the tiny company (`tiny/company.py`)."""
    spec = importlib.util.spec_from_file_location("tiny_company", TINY / "company.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.write(inbox)


@pytest.fixture(scope="module")
def tiny(new_company: Callable[..., Company]) -> Company:
    """The tiny company, published once with its own contracts and definitions."""
    company = new_company("tiny", contracts_dir=TINY / "contracts", definitions=TINY / "definitions")
    write_tiny_company(company.inbox)
    done = company.symmetry("run")
    assert done.returncode == 0, done.stdout + done.stderr
    return company
