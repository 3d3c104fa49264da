"""One module per physical format, all with one signature: `read(path, contract, connection, workdir)`.

A reader turns a file into a table of raw text in the delivery's own DuckDB connection and sets aside the
rows that have no structure. It knows nothing of types, codes or entities (the conformer does), and it
refuses (DeliveryError) what is not a file of the stated format at all.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from pipelines.extracts.contract import Contract
from pipelines.extracts.readers.base import DeliveryError, RawTable


def read(path: Path, contract: Contract, connection: duckdb.DuckDBPyConnection, workdir: Path) -> RawTable:
    """Read a file by its contract's format. Raises DeliveryError when the delivery must be refused."""
    # Imported here so that a run without a format does not pay for its reader.
    from pipelines.extracts.readers import delimited, json_documents, parquet, spss, workbook

    contract = as_the_file_is(path, contract)
    match contract.format.type:
        case "csv":
            return delimited.read(path, contract, connection, workdir)
        case "json" | "jsonl":
            return json_documents.read(path, contract, connection, workdir)
        case "parquet":
            return parquet.read(path, contract, connection, workdir)
        case "xlsx":
            return workbook.read(path, contract, connection, workdir)
        case "sav":
            return spss.read(path, contract, connection, workdir)


def as_the_file_is(path: Path, contract: Contract) -> Contract:
    """Return the contract with what fits the file where it leaves a choice: its encoding, its delimiter."""
    contract = _with_encoding(path, contract)
    return _with_delimiter(path, contract) if contract.format.other_delimiters else contract


def _with_encoding(path: Path, contract: Contract) -> Contract:
    """Return the contract with the first of its encodings that fits the bytes; the last one where none does."""
    from pipelines.extracts.readers.text import TextSource

    candidates = (contract.format.encoding, *contract.format.other_encodings)
    for encoding in candidates[:-1]:
        try:
            for _ in TextSource(path, encoding).chunks():
                pass
        except DeliveryError as error:
            if error.reason == "encoding":
                continue
            raise
        return _stating(contract, encoding=encoding)
    return _stating(contract, encoding=candidates[-1])


def _with_delimiter(path: Path, contract: Contract) -> Contract:
    """Return the contract with the delimiter that finds the most of its columns among the names of the header."""
    from pipelines.extracts.readers.base import known_names
    from pipelines.extracts.readers.delimited import first_names

    candidates = (contract.format.delimiter, *contract.format.other_delimiters)
    found = [len(known_names(contract, first_names(path, _stating(contract, delimiter=mark)))) for mark in candidates]
    return _stating(contract, delimiter=candidates[found.index(max(found))])


def _stating(contract: Contract, **stated: str) -> Contract:
    return contract.model_copy(update={"format": contract.format.model_copy(update=stated)})


__all__ = ["DeliveryError", "RawTable", "as_the_file_is", "read"]
