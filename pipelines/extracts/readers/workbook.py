"""An Excel workbook: placeholder until its reader is written."""

from pathlib import Path

import duckdb

from pipelines.extracts.contract import Contract
from pipelines.extracts.readers.base import RawTable


def read(path: Path, contract: Contract, connection: duckdb.DuckDBPyConnection, workdir: Path) -> RawTable:
    """Read the file by its contract."""
    raise NotImplementedError
