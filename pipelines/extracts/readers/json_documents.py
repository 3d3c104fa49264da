"""JSON documents and JSON lines: one record an object, nested values by dotted names (`customer.id`).

Values are text as in the document; null and an absent key are both null; an object or a list is its JSON.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import duckdb

from pipelines.extracts.contract import Contract
from pipelines.extracts.readers.base import (
    DeliveryError,
    RawTable,
    create_rejects,
    fetch_row,
    file_literal,
    literal,
    missing_columns,
    names_of,
    sources,
)
from pipelines.extracts.readers.delimited import Dialect, load
from pipelines.extracts.readers.text import TextSource

#: A character that no valid JSON holds unescaped: a line with it is broken anyway.
_NO_DELIMITER = "\x1f"


def read(path: Path, contract: Contract, connection: duckdb.DuckDBPyConnection, workdir: Path) -> RawTable:
    """Read a JSON document (format json, array at `records`) or JSON lines (format jsonl).

    In JSON lines, a line that is no object goes to the rejects; so does an element of the array that is
    none. Raises DeliveryError: empty_file, not_the_format (no JSON, or no array there), encoding,
    missing_column (a name that no record has).
    """
    if contract.format.type == "jsonl":
        records = _load_lines(path, contract, connection, workdir)
    else:
        records = _load_document(path, contract, connection, workdir)
    found = _find(path, contract, connection)
    columns = {source: f"c{position}" for position, source in enumerate(found)}
    names = names_of(contract)
    picks = "".join(f", {_pick(names[source])} AS {column}" for source, column in columns.items())
    connection.execute(f"CREATE TABLE fields AS SELECT _record, _line, doc{picks} FROM documents WHERE sound")
    return RawTable(
        table="fields",
        records_read=records,
        rejects_table="rejects",
        columns=columns,
        identity=("doc",),
        row_sql="doc",
    )


def _load_lines(path: Path, contract: Contract, connection: duckdb.DuckDBPyConnection, workdir: Path) -> int:
    dialect = Dialect(_NO_DELIMITER, "", contract.format.encoding, header_rows=0)
    scanned, table = load(path, dialect, connection, workdir)
    connection.execute(
        f"""CREATE TABLE documents AS SELECT _record, _line, c0 AS doc,
        coalesce(CASE WHEN json_valid(c0) THEN json_type(c0) = 'OBJECT' END, false) AS sound FROM {table}"""
    )
    for reject in scanned.rejects:
        reject["reason"] = "json"
        reject["message"] = _message(f"line {reject['_line']}")
    create_rejects(connection, scanned.rejects)
    _reject_unsound(connection, "'line ' || _line")
    return scanned.records


def _load_document(path: Path, contract: Contract, connection: duckdb.DuckDBPyConnection, workdir: Path) -> int:
    source = TextSource(path, contract.format.encoding)
    copy = workdir / "document.json"
    with copy.open("wb") as file:
        for chunk in source.chunks():
            file.write(chunk)
    place = contract.format.records
    pointer = literal("".join(f"/{_escape(step)}" for step in place.split(".")) if place else "")
    connection.execute(f"CREATE TABLE text AS SELECT content FROM read_text({file_literal(copy)})")
    if not fetch_row(connection, "SELECT json_valid(content) FROM text")[0]:
        raise DeliveryError("not_the_format", f"{path.name}: this is not JSON: {_why(copy)}. Export it again.")
    array = f"json_extract(content, {pointer})" if place else "content::JSON"
    connection.execute(f"CREATE TABLE list AS SELECT {array} AS list FROM text")
    counted = fetch_row(connection, "SELECT json_type(list), json_array_length(list) FROM list")
    if counted[0] != "ARRAY":
        what = f"at `records: {place}`" if place else "as the whole document (state `records:` in the contract)"
        raise DeliveryError("not_the_format", f"{path.name}: the contract expects an array {what}; there is none.")
    if counted[1] == 0:
        raise DeliveryError("empty_file", f"{path.name}: the array of records is empty.")
    connection.execute("CREATE TABLE elements AS SELECT unnest(json_extract(list, '$[*]')) AS doc FROM list")
    connection.execute(
        """CREATE TABLE documents AS SELECT rowid + 1 AS _record, CAST(NULL AS BIGINT) AS _line,
        CAST(doc AS VARCHAR) AS doc, json_type(doc) = 'OBJECT' AS sound FROM elements"""
    )
    create_rejects(connection, [])
    _reject_unsound(connection, "'record ' || _record")
    return int(counted[1])


def _message(where: str) -> str:
    return f"{where}: this is not one JSON object; mend it at the source and deliver the file again"


def _reject_unsound(connection: duckdb.DuckDBPyConnection, where: str) -> None:
    message = f"{where} || {literal(_message(''))}"
    connection.execute(
        f"""INSERT INTO rejects SELECT _record, _line, NULL, NULL, 'json', {message}, doc
        FROM documents WHERE NOT sound"""
    )


def _find(path: Path, contract: Contract, connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the contract's sources that at least one record has; refuse where a needed one is in none."""
    wanted, names = sources(contract), names_of(contract)
    checks = ", ".join(f"coalesce(bool_or({_has(names[source])}), false)" for source in wanted)
    row = fetch_row(connection, f"SELECT {checks} FROM documents WHERE sound")
    present = dict(zip(wanted, row, strict=True))
    missing = [source for source, needed in wanted.items() if needed and not present[source]]
    if missing and fetch_row(connection, "SELECT count(*) FROM documents WHERE sound")[0]:
        keys = connection.execute(
            """SELECT DISTINCT key FROM (SELECT unnest(json_keys(doc)) AS key FROM
            (SELECT doc FROM documents WHERE sound LIMIT 1000)) ORDER BY key"""
        ).fetchall()
        raise missing_columns(missing, [key for (key,) in keys], path.name, contract)
    return list(wanted) if missing else [source for source in wanted if present[source]]


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _pointers(source: str) -> list[str]:
    """Return the JSON pointers (RFC 6901) a name may stand for: the key itself, then the nested one."""
    nested = "".join(f"/{_escape(step)}" for step in source.split("."))
    return list(dict.fromkeys([f"/{_escape(source)}", nested]))


def _pick(names: Sequence[str]) -> str:
    """Return SQL for the text under the first of the names that the record has a value for."""
    picks = [f"json_extract_string(doc, {literal(pointer)})" for name in names for pointer in _pointers(name)]
    return picks[0] if len(picks) == 1 else f"coalesce({', '.join(picks)})"


def _has(names: Sequence[str]) -> str:
    pointers = [pointer for name in names for pointer in _pointers(name)]
    return "(" + " OR ".join(f"json_exists(doc, {literal(pointer)})" for pointer in pointers) + ")"


def _why(path: Path) -> str:
    try:
        json.loads(path.read_bytes())
    except ValueError as error:
        return str(error)
    except RecursionError:
        return "it is nested too deeply"
    return "the document is damaged"
