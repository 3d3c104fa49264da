"""JSON documents and JSON lines: one record an object, nested values by name (`customer.id`, see json_names).

Values are text as in the document; null and an absent key are both null; an object or a list is its JSON. Of a key
that stands twice in an object the first counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import duckdb

from pipelines.extracts.contract import Contract
from pipelines.extracts.json_names import pick_of
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

#: Most bytes of a JSON document: it is held in memory some four times over. JSON lines have no such bound.
DOCUMENT_LIMIT = 2**30

#: Records looked at, and levels gone down, to list the names that a file has.
_SAMPLE, _DEPTH = 1000, 20

#: An escaped half of a surrogate pair without the other half: no text can hold it.
_HALF = re.compile(
    r"(?<!\\)(?:\\\\)*(\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|"
    r"(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2})"
)


def read(path: Path, contract: Contract, connection: duckdb.DuckDBPyConnection, workdir: Path) -> RawTable:
    """Read a JSON document (format json, array at `records`) or JSON lines (format jsonl).

    In JSON lines, a line that is no object goes to the rejects; so does an element of the array that is
    none. Raises DeliveryError: empty_file, not_the_format (no JSON, or no array there), encoding, too_large (a
    document of more than DOCUMENT_LIMIT bytes), missing_column (a name that no record has).
    """
    if contract.format.type == "jsonl":
        records = _load_lines(path, contract, connection, workdir)
    else:
        records = _load_document(path, contract, connection, workdir)
    found = _find(path, contract, connection)
    columns = {source: f"c{position}" for position, source in enumerate(found)}
    names = names_of(contract)
    places = _Places(name for source in found for name in names[source])
    picks = "".join(f", {_pick(names[source], places)} AS {column}" for source, column in columns.items())
    connection.execute(
        f"""CREATE TABLE fields AS SELECT _record, _line, doc{picks} FROM
        (SELECT _record, _line, doc, {places.texts_sql()} AS texts, {places.arrays_sql()} AS arrays
        FROM documents WHERE sound)"""
    )
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
    if path.stat().st_size > DOCUMENT_LIMIT:
        raise DeliveryError(
            "too_large",
            f"{path.name}: a JSON document of more than {DOCUMENT_LIMIT} bytes cannot be read, because it must be held "
            "in memory whole. Export it as JSON lines (one record a line), or in smaller files.",
        )
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
        raise DeliveryError(
            "not_the_format",
            f"{path.name}: the contract expects an array {what}; there is none.{_arrays_there(connection)}",
        )
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


def _arrays_there(connection: duckdb.DuckDBPyConnection) -> str:
    """Return where arrays stand instead, with the remedy: the whole document, or under one of its own keys.

    A key that is no plain word is not shown: it may be somebody's name or address.
    """
    if fetch_row(connection, "SELECT json_type(content) FROM text")[0] == "ARRAY":
        return " The whole document is an array: leave `records` out of the contract, or export it again."
    found = connection.execute(
        "SELECT key FROM (SELECT unnest(json_keys(content)) AS key, content FROM text) "
        "WHERE regexp_full_match(key, '[A-Za-z][A-Za-z0-9_]{0,39}') AND json_type(content, '/' || key) = 'ARRAY' "
        "ORDER BY key LIMIT 5"
    ).fetchall()
    if not found:
        return " Export it again."
    keys = ", ".join(repr(key) for (key,) in found)
    return f" There are arrays at {keys}: state one as `records` in the contract, or export it again."


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
    places = _Places(name for source in wanted for name in names[source])
    checks = ", ".join(f"coalesce(bool_or({_has(names[source], places)}), false)" for source in wanted)
    row = fetch_row(
        connection,
        f"""SELECT {checks} FROM (SELECT {places.found_sql()} AS found, {places.arrays_sql()} AS arrays
        FROM documents WHERE sound)""",
    )
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


def _path(pointer: str) -> str:
    """Return the steps of a JSON pointer as those of a JSON path, each quoted."""
    steps = (step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:])
    return ".".join('"' + step.replace("\\", "\\\\").replace('"', '\\"') + '"' for step in steps)


def _pointers(source: str) -> list[str]:
    """Return the JSON pointers (RFC 6901) a name may stand for: the key itself, then the nested one."""
    nested = "".join(f"/{_escape(step)}" for step in source.split("."))
    return list(dict.fromkeys([f"/{_escape(source)}", nested]))


class _Places:
    """All the pointers that some names may stand for, so that a record is parsed once and not once a pointer."""

    def __init__(self, names: Iterable[str]) -> None:
        plain: dict[str, None] = {}
        arrays: dict[str, None] = {}
        for name in names:
            plain.update(dict.fromkeys(_pointers(name)))
            pick = pick_of(name)
            if pick is not None:
                arrays.update(dict.fromkeys(_pointers(pick.array)))
        self._plain, self._arrays = list(plain), list(arrays)

    def texts_sql(self) -> str:
        """Return SQL for the texts at the plain pointers, a list."""
        return f"json_extract_string(doc, [{', '.join(map(literal, self._plain))}])"

    def found_sql(self) -> str:
        """Return SQL for whether there is anything at the plain pointers, a list."""
        return f"json_exists(doc, [{', '.join(map(literal, self._plain))}])"

    def arrays_sql(self) -> str:
        """Return SQL for the items of the arrays that are picked from, a list of lists."""
        items = (f"json_extract(doc, {literal(f'$.{_path(pointer)}[*]')})" for pointer in self._arrays)
        return f"[{', '.join(items)}]" if self._arrays else "CAST(NULL AS JSON[][])"

    def plain(self, pointer: str, values: str) -> str:
        """Return SQL for the value at a plain pointer, in a list made by `texts_sql` or `found_sql`."""
        return f"{values}[{self._plain.index(pointer) + 1}]"

    def items(self, pointer: str) -> str:
        """Return SQL for the items of the array at a pointer."""
        return f"arrays[{self._arrays.index(pointer) + 1}]"


def _pick(names: Sequence[str], places: _Places) -> str:
    """Return SQL for the text under the first of the names that the record has a value for."""
    picks = []
    for name in names:
        picks += [places.plain(pointer, "texts") for pointer in _pointers(name)]
        picks += [f"json_extract_string({found}, {literal(pointer)})" for found, pointer in _picked(name, places)]
    return picks[0] if len(picks) == 1 else f"coalesce({', '.join(picks)})"


def _has(names: Sequence[str], places: _Places) -> str:
    tests = []
    for name in names:
        tests += [places.plain(pointer, "found") for pointer in _pointers(name)]
        tests += [
            f"coalesce(json_exists({found}, {literal(pointer)}), false)" for found, pointer in _picked(name, places)
        ]
    return "(" + " OR ".join(tests) + ")"


def _picked(name: str, places: _Places) -> Iterator[tuple[str, str]]:
    """Yield, for `array[key=value].rest`, SQL for the first such object and the pointers `rest` may stand for in it."""
    pick = pick_of(name)
    if pick is None:
        return
    for array in _pointers(pick.array):
        told = f"json_extract_string(item, {literal('/' + _escape(pick.key))}) = {literal(pick.value)}"
        found = f"list_filter({places.items(array)}, lambda item: {told})[1]"
        for pointer in _pointers(pick.rest) if pick.rest else [""]:
            yield found, pointer


def file_names(connection: duckdb.DuckDBPyConnection, raw: RawTable) -> list[str]:
    """Return the names of the values in a file's first records, sorted, those of any format.

    Nested ones are dotted, through arrays as `name[]` (`requester.email`, `comments[].author.name`); a record that
    is nested beyond reason gives its own keys only.
    """
    names: set[str] = set()
    # The rows of a part are those of a delimited file: each has the columns of its header.
    sample = _SAMPLE if raw.part is None else 1
    rows = connection.execute(f"SELECT {raw.row_sql} FROM {raw.table} LIMIT {sample}").fetchall()
    for (row,) in rows:
        try:
            names.update(_names_in(json.loads(row)))
        except (ValueError, RecursionError):
            ((keys,),) = connection.execute("SELECT json_keys(CAST($1 AS JSON))", [row]).fetchall()
            names.update(keys)
    return sorted(names)


def _names_in(record: object) -> Iterator[str]:
    """Yield the names of the values in a record, level by level."""
    level: list[tuple[str, object]] = [("", record)]
    for _ in range(_DEPTH):
        following: list[tuple[str, object]] = []
        for place, value in level:
            if isinstance(value, dict) and value:
                following += [(f"{place}.{key}" if place else str(key), inner) for key, inner in value.items()]
            elif isinstance(value, list) and any(isinstance(inner, (dict, list)) for inner in value):
                following += [(f"{place}[]", inner) for inner in value if isinstance(inner, (dict, list))]
            elif place:
                yield place
        level = following
    yield from (place for place, _ in level)


def _why(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    try:
        json.loads(text)
    except ValueError as error:
        return str(error)
    except RecursionError:
        return "it is nested too deeply"
    half = _HALF.search(text)
    if half is not None:
        line = text.count("\n", 0, half.start(1)) + 1
        return f"line {line} holds {half[1]}, half of a letter without the other half"
    return "the document is damaged"
