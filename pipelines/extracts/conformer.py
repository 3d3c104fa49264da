"""Raw text to typed values, codes and landing rows: one SQL pass, a row good or bad as a whole.

Belongs here: everything a contract says of values. Every value is text first; a cast that fails gives null
and an error code, never an exception and never a row less. The order in which a row is told apart: exact
duplicate of an earlier one, filtered, bad (quarantine), good (landing); each row is exactly one of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pyarrow as pa

from pipelines.extracts.contract import ROW_VERSION, SEQUENCE_ORIGIN, Column, Contract, Output
from pipelines.extracts.entities import BY_SIDE, ENTITIES, Entity
from pipelines.extracts.entities import Field as EntityField
from pipelines.extracts.pseudonyms import identified_sql
from pipelines.extracts.readers.base import Part, RawTable, fetch_row, literal, number_places

_BLANKS = " \t\r\n\u00a0\u202f\ufeff"
_TRUE = ("true", "1", "yes", "oui", "vrai", "y", "o", "t")
_FALSE = ("false", "0", "no", "non", "faux", "n", "f")

#: Most results of a column's codes for which it is an ENUM: the type is written out at each of them.
_FEW = 20

_ISO_DATES = ("%Y-%m-%d",)
_ISO_NATIVE_DATES = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f")
_ISO_TIMESTAMPS = tuple(
    f"%Y-%m-%d{mark}{clock}{zone}"
    for zone in ("%z", " %z", "")
    for mark in ("T", " ")
    for clock in ("%H:%M:%S.%f", "%H:%M:%S", "%H:%M")
)


@dataclass(frozen=True)
class Conformed:
    """What became of the rows of one delivery, in source rows.

    `good`: relation of the typed good rows; `quarantine`: relation of every bad row with all the columns of
    the quarantine but the provenance; counts add up to the records read.
    """

    good: str
    quarantine: str
    landed: int
    quarantined: int
    duplicates: int
    filtered: int
    reasons: dict[str, int]
    filter_reasons: dict[str, int]


def conform(connection: duckdb.DuckDBPyConnection, raw: RawTable, contract: Contract) -> Conformed:
    """Type, check and sort the rows of a raw table by the contract; nothing is written to disk.

    The relations it makes (typed, good, quarantine, duplicates) replace those of an earlier call.
    """
    if raw.part is None:
        _find_duplicates(connection, raw)
        connection.execute(f"CREATE OR REPLACE TABLE typed AS {_typed_sql(raw, contract)}")
    else:
        _type_part(connection, raw, raw.part, contract)
    connection.execute("CREATE OR REPLACE VIEW good AS SELECT * FROM typed WHERE _filter IS NULL AND _errors = ''")
    sorted_out = connection.execute(
        "SELECT _filter, _errors <> '' AS bad, count(*) FROM typed GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    filter_reasons: Counter[str] = Counter()
    for reason, _, rows in sorted_out:
        if reason is not None:
            filter_reasons[reason] += rows
    bad = any(reason is None and wrong for reason, wrong, _ in sorted_out)
    connection.execute(f"CREATE OR REPLACE TABLE quarantine AS {_quarantine_sql(raw, contract, bad=bad)}")
    reasons = _counts(connection, "SELECT reason, count(*) FROM quarantine GROUP BY 1 ORDER BY 1")
    return Conformed(
        good="good",
        quarantine="quarantine",
        landed=sum(rows for reason, wrong, rows in sorted_out if reason is None and not wrong),
        quarantined=sum(reasons.values()),
        duplicates=_count(connection, "duplicates"),
        filtered=filter_reasons.total(),
        reasons=reasons,
        filter_reasons=dict(filter_reasons),
    )


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(fetch_row(connection, f"SELECT count(*) FROM {table}")[0])


def _counts(connection: duckdb.DuckDBPyConnection, query: str) -> dict[str, int]:
    return {str(name): int(count) for name, count in connection.execute(query).fetchall()}


def _find_duplicates(connection: duckdb.DuckDBPyConnection, raw: RawTable) -> None:
    """Number the later copies of identical rows. Only rows whose hash occurs twice are compared whole."""
    row = ", ".join(raw.identity)
    connection.execute(
        f"""CREATE OR REPLACE TABLE duplicates AS
        WITH hashed AS (SELECT hash({row}) AS h FROM {raw.table}),
        twice AS (SELECT h FROM hashed GROUP BY h HAVING count(*) > 1),
        suspects AS (SELECT * FROM {raw.table} WHERE hash({row}) IN (SELECT h FROM twice))
        SELECT _record FROM
            (SELECT _record, row_number() OVER (PARTITION BY {row} ORDER BY _record) AS nth FROM suspects)
        WHERE nth > 1"""
    )


def _type_part(connection: duckdb.DuckDBPyConnection, raw: RawTable, part: Part, contract: Contract) -> None:
    """Read and type the rows of a part in one go, and number those that are copies of an earlier row of the file."""
    try:
        connection.execute(f"CREATE OR REPLACE TABLE parsed AS {_typed_sql(raw, contract)}")
    except duckdb.InvalidInputException:
        part.prove(None)
    part.prove(_count(connection, "parsed"))
    rows = connection.sql("SELECT _place, _hash FROM parsed").to_arrow_table()
    hashes = np.empty(rows.num_rows, dtype=np.uint64)
    hashes[rows.column("_place").to_numpy()] = rows.column("_hash").to_numpy()
    batch = pa.table({"_record": part.record_numbers(part.twins.later(hashes))})
    connection.register("duplicates_batch", batch)
    connection.execute("CREATE OR REPLACE TABLE duplicates AS SELECT * FROM duplicates_batch")
    connection.unregister("duplicates_batch")
    numbered = number_places(connection, "parsed", part.steps, part.rows)
    connection.execute(
        f"CREATE OR REPLACE VIEW typed AS SELECT * EXCLUDE (_place, _hash) FROM ({numbered}) "
        "WHERE _record NOT IN (SELECT _record FROM duplicates)"
    )


# --- values -------------------------------------------------------------------------------------------


def _typed_sql(raw: RawTable, contract: Contract) -> str:
    """Return the pass over the raw rows: trimmed, then missing, extracts, codes, types, bounds, errors.

    Each step is a projection of its own, because DuckDB evaluates an expression that stands twice in a CASE
    twice; a name stands for a value already made. Of bad rows, `_value` is the first bad value as read and `_row` the
    whole row. Columns per contract column i: s text without the missing ones, x after the extract, p after the
    codes, w parsed, v the value.
    """
    columns = list(enumerate(contract.columns))
    number = {source: k for k, source in enumerate(raw.columns)}
    trimmed = [f"{sql if raw.trimmed else _trim_sql(sql)} AS r{number[source]}" for source, sql in raw.columns.items()]
    texts = [
        f"{_text_sql(column, f'r{number[column.source]}' if column.source in number else None)} AS s{i}"
        for i, column in columns
    ]
    # The columns as read come along, for what the quarantine shows of a bad row; the others' are not made.
    read = list(dict.fromkeys([*raw.identity, *raw.columns.values()]))
    if raw.part is None:
        keep, known = ["_record", "_line"], ["_record", "_line"]
        unique = "WHERE _record NOT IN (SELECT _record FROM duplicates)"
    else:
        # Not every plan keeps the order (a long IN list is a join), so each row takes its place in the file along.
        keep, unique = ["_place", "_hash"], ""
        known = ["row_number() OVER () - 1 AS _place", f"{raw.part.twins.hash_sql(raw.identity)} AS _hash"]
    body = f"SELECT {', '.join([*known, *read, *trimmed])} FROM {raw.table} {unique}"
    kept = ", ".join(keep + read)
    body = f"SELECT {kept}, {_filter_sql(contract, number, raw)} AS _filter, {', '.join(texts)} FROM ({body})"
    keep = [*keep, *read, "_filter"]
    steps = (
        ("s", None),
        ("x", lambda i, column: _extracted_sql(column, f"s{i}")),
        ("p", lambda i, column: _coded_sql(column, f"x{i}")),
        ("w", lambda i, column: _parsed_sql(column, f"p{i}", raw.columns.get(column.source) in raw.native, contract)),
        ("v", lambda i, column: _value_sql(i, column, raw.columns.get(column.source) in raw.native, contract)),
    )
    for letter, make in steps:
        made = []
        for i, column in columns:
            sql = make(i, column) if make is not None else None
            if sql is not None:
                made.append(f"{sql} AS {letter}{i}")
        if made:
            body = f"SELECT {', '.join(keep + made)} FROM ({body})"
        keep += [f"{letter}{i}" for i, column in columns if make is None or make(i, column) is not None]
    checks = [*(whens for i, column in columns if (whens := _checks(i, column, contract))), *_output_checks(contract)]
    values = ", ".join(f"v{i}" for i, _ in columns)
    body = f"SELECT {kept}, _filter, {values}, {_errors_sql(checks)} AS _errors FROM ({body})"
    # A good row to which no output applies gives no landing row, so it must not count as landed.
    idle = f"CASE WHEN _errors = '' AND NOT ({_lands(contract)}) THEN 'nothing_to_land' END"
    body = f"SELECT * REPLACE (coalesce(_filter, {idle}) AS _filter) FROM ({body})"
    bad = "_filter IS NULL AND _errors <> ''"
    found = " ".join(
        f"WHEN {i} THEN {raw.columns[column.source]}" for i, column in columns if column.source in raw.columns
    )
    first = "CAST(split_part(_errors, ':', 1) AS INTEGER)"
    value = f"CASE {first} {found} END" if found else "CAST(NULL AS VARCHAR)"
    return f"""SELECT * EXCLUDE ({", ".join(read)}), CASE WHEN {bad} THEN {value} END AS _value,
        CASE WHEN {bad} THEN {raw.row_sql} END AS _row FROM ({body})"""


def _trim_sql(text: str) -> str:
    """Return SQL for the text without outer blanks, no-break ones too; plain first and last letters are quick.

    Twice as quick so as with left() and right().
    """
    plain = f"{text} >= '!' AND {text} < '\x7f' AND {text}[-1] BETWEEN '!' AND '~'"
    return f"CASE WHEN {plain} THEN {text} ELSE nullif(trim({text}, {literal(_BLANKS)}), '') END"


def _filter_sql(contract: Contract, number: dict[str, int], raw: RawTable) -> str:
    """Return SQL for why a row is no data, or null: a filter of the contract, or nothing in it at all (`;;;;`)."""
    cases = [f"WHEN coalesce({', '.join(raw.identity)}) IS NULL THEN 'blank_row'"]
    for rule in contract.filters:
        if rule.source in number:
            values = ", ".join(literal(value.strip().lower()) for value in rule.drop_values)
            cases.append(f"WHEN coalesce(lower(r{number[rule.source]}), '') IN ({values}) THEN {literal(rule.reason)}")
    return f"CASE {' '.join(cases)} END"


def _text_sql(column: Column, text: str | None) -> str:
    if text is None:
        return "CAST(NULL AS VARCHAR)"
    if not column.missing:
        return text
    missing = ", ".join(literal(word.strip().lower()) for word in column.missing)
    return f"CASE WHEN lower({text}) IN ({missing}) THEN NULL ELSE {text} END"


def _extracted_sql(column: Column, text: str) -> str:
    if column.extract is None:
        return text
    pattern = literal(column.extract.pattern)
    whole = column.extract.pattern.startswith("^") and column.extract.pattern.endswith("$")
    if whole and column.extract.replace == r"\1" and not set(column.extract.pattern) & set("|\\"):
        return f"nullif(regexp_extract({text}, {pattern}, 1), '')"  # once through the text, not twice
    replaced = f"regexp_replace({text}, {pattern}, {literal(column.extract.replace)})"
    return f"CASE WHEN regexp_matches({text}, {pattern}) THEN nullif({replaced}, '') END"


def _code_keys(column: Column) -> list[str]:
    return [_folded_code(code) for code in column.codes if code.strip()]


def _folded_code(code: str) -> str:
    """Return a code as it is compared: small letters, and a typographic apostrophe as the plain one."""
    return code.strip().lower().replace("\u2019", "'")


def _fold_sql(text: str) -> str:
    """Return SQL for a code as it is compared, see `_folded_code`."""
    return f"replace(lower({text}), '\u2019', '''')"


def _coded_sql(column: Column, text: str) -> str:
    """Return SQL for what a code stands for; only one that is not written as in the contract is folded first."""
    if not column.codes:
        return text
    meant: dict[str, str] = {}
    for code, result in column.codes.items():
        if code.strip():
            meant.setdefault(_folded_code(code), result)
    written = {code.strip(): meant[_folded_code(code)] for code in column.codes if code.strip()}
    kind = _code_type(column)
    sql_of = {result: _result_sql(result, kind) for result in ("", *column.codes.values())}
    folded = " ".join(f"WHEN {literal(code)} THEN {sql_of[result]}" for code, result in meant.items())
    plain = " ".join(f"WHEN {text} = {literal(code)} THEN {sql_of[result]}" for code, result in written.items())
    blank = next((result for code, result in column.codes.items() if not code.strip()), "")
    otherwise = f"CAST({literal(column.default)} AS {kind})" if column.default is not None else sql_of[""]
    rest = f"CASE {_fold_sql(text)} {folded} ELSE {otherwise} END" if folded else otherwise
    return f"CASE WHEN {text} IS NULL THEN {sql_of[blank]} {plain} ELSE {rest} END"


def _code_type(column: Column) -> str:
    """Return the SQL type of what the codes of a column stand for: an ENUM of a few texts costs half in every step."""
    results = dict.fromkeys(result for result in (*column.codes.values(), column.default) if result)
    if column.type != "text" or column.default == "" or not 0 < len(results) <= _FEW:
        return "VARCHAR"
    return f"ENUM ({_list(tuple(results))})"


def _result_sql(result: str, kind: str) -> str:
    return f"CAST({literal(result) if result else 'NULL'} AS {kind})"


def _parsed_sql(column: Column, text: str, native: bool, contract: Contract) -> str:
    """Return SQL for the value as parsed, before its bounds are looked at."""
    match column.type:
        case "text":
            return text
        case "number" | "integer":
            return _number_sql(text, native, contract)
        case "boolean":
            words = (
                f"CASE WHEN lower({text}) IN ({_list(_TRUE)}) THEN true "
                f"WHEN lower({text}) IN ({_list(_FALSE)}) THEN false END"
            )
            if column.blank is None:
                return words
            return f"CASE WHEN {text} IS NULL THEN {str(column.blank).lower()} ELSE {words} END"
        case "date":
            formats = column.formats or _ISO_DATES
            if native:
                formats = (*formats, *_ISO_DATES, *_ISO_NATIVE_DATES)
            return _with_digit(text, f"CAST({_strptime(text, formats)} AS DATE)")
        case "timestamp":
            formats = column.formats or _ISO_TIMESTAMPS
            if native:
                formats = (*formats, *_ISO_TIMESTAMPS, *_ISO_DATES)
            return _with_digit(text, _timestamp_sql(text, formats, contract.timezone))
        case "duration":
            return _hours_sql(column, text, native, contract)


_HOURS = {"seconds": "/ 3600", "minutes": "/ 60", "hours": "", "days": "* 24"}

#: Longest duration taken for one, in hours (a hundred years).
_LONGEST = 876_000


def _hours_sql(column: Column, text: str, native: bool, contract: Contract) -> str:
    """Return SQL for a duration in hours (DOUBLE), or null where the text is none."""
    if column.unit != "clock":
        return f"({_number_sql(text, native, contract)}) {_HOURS[column.unit]}"
    parts = [f"TRY_CAST(split_part({text}, ':', {part}) AS DOUBLE)" for part in (1, 2, 3)]
    return (
        f"CASE WHEN regexp_full_match({text}, '[0-9]{{1,6}}:[0-5]?[0-9](:[0-5]?[0-9]([.][0-9]+)?)?') "
        f"THEN {parts[0]} + {parts[1]} / 60 + coalesce({parts[2]}, 0) / 3600 END"
    )


def _value_sql(i: int, column: Column, native: bool, contract: Contract) -> str:
    """Return SQL for the value itself, null where the parsed one makes no sense."""
    parsed, text = f"w{i}", f"p{i}"
    match column.type:
        case "number":
            return f"CASE WHEN isfinite({parsed}) THEN {parsed} END"
        case "integer":
            # From 2^53 on a double no longer holds every whole number: the digits themselves are read.
            plain, _ = _plain_number(text, native, contract)
            return (
                f"CASE WHEN abs({parsed}) < 9007199254740992 AND {parsed} = floor({parsed}) "
                f"THEN CAST({parsed} AS BIGINT) "
                f"WHEN abs({parsed}) >= 9007199254740992 AND regexp_full_match({plain}, '[+-]?[0-9]+') "
                f"THEN TRY_CAST({plain} AS BIGINT) END"
            )
        case "date" | "timestamp":
            # A wrong format gives years such as 0025; 9999 is how some sources write "no end".
            low, high = "1900-01-01", "9999-12-31"
            kind = column.type.upper()
            end = literal(high if kind == "DATE" else f"{high} 23:59:59.999999")
            return f"CASE WHEN {parsed} BETWEEN {kind} {literal(low)} AND {kind} {end} THEN {parsed} END"
        case "duration":
            sound = f"{parsed} BETWEEN 0 AND {_LONGEST}"
            if column.added_to is None:
                return f"CASE WHEN {sound} THEN {parsed} END"
            start = next(k for k, other in enumerate(contract.columns) if other.field == column.added_to)
            return f"CASE WHEN {sound} THEN w{start} + to_microseconds(CAST(round({parsed} * 3.6e9) AS BIGINT)) END"
        case _:
            return parsed


def _list(texts: tuple[str, ...]) -> str:
    return ", ".join(literal(text) for text in dict.fromkeys(texts))


def _with_digit(text: str, parsed: str) -> str:
    """Guard a parsed moment: whatever the format, strptime takes the words epoch and infinity too."""
    return f"CASE WHEN {text} BETWEEN '0' AND ':' OR regexp_matches({text}, '[0-9]') THEN {parsed} END"


def _strptime(text: str, formats: tuple[str, ...]) -> str:
    # One format at a time: with a list of formats that hold %z, try_strptime rolls 30 February over to 2 March.
    tries = [f"try_strptime({text}, {literal(form)})" for form in formats]
    return tries[0] if len(tries) == 1 else f"coalesce({', '.join(tries)})"


def _timestamp_sql(text: str, formats: tuple[str, ...], timezone: str) -> str:
    """Return SQL for a naive timestamp in UTC; a format without an offset is local to `timezone`."""
    with_offset = tuple(form for form in formats if "%z" in form.lower())
    without = tuple(form for form in formats if "%z" not in form.lower())
    tries = []
    if with_offset:
        # strptime's %z does not know the letter Z. The first form as it stands is what most values have.
        spelt = f"CASE WHEN right({text}, 1) = 'Z' THEN left({text}, -1) || '+00' ELSE {text} END"
        tries.append(f"make_timestamp(epoch_us({_strptime(text, with_offset[:1])}))")
        tries.append(f"make_timestamp(epoch_us({_strptime(spelt, with_offset)}))")
    if without:
        local = f"CAST({_strptime(text, without)} AS TIMESTAMP)"
        tries.append(f"timezone('UTC', timezone({literal(timezone)}, {local}))")
    return tries[0] if len(tries) == 1 else f"coalesce({', '.join(tries)})"


def _number_sql(text: str, native: bool, contract: Contract) -> str:
    """Return SQL for a DOUBLE, or null where the text is no number by the contract's marks."""
    plain, guard = _plain_number(text, native, contract)
    return f"CASE WHEN {guard} THEN TRY_CAST({plain} AS DOUBLE) END"


def _plain_number(text: str, native: bool, contract: Contract) -> tuple[str, str]:
    """Return SQL for the number as a computer writes it, and for whether the text keeps the contract's marks."""
    decimal, thousands = contract.format.decimal, contract.format.thousands
    if native or (decimal == "." and not thousands):
        plain, guard = text, f"NOT contains({text}, '_')"
    elif decimal == "either":
        plain = f"replace({text}, ',', '.')"
        guard = f"NOT contains({text}, '_') AND NOT (contains({text}, '.') AND contains({text}, ','))"
    elif not thousands:
        plain, guard = f"replace({text}, ',', '.')", f"NOT contains({text}, '.') AND NOT contains({text}, '_')"
    else:
        group = "[ \u00a0\u202f]" if thousands == " " else f"[{thousands}]"
        mark = f"[{decimal}]"
        pattern = rf"[+-]?([0-9]+|[0-9]{{1,3}}({group}[0-9]{{3}})+)?({mark}[0-9]*)?([eE][+-]?[0-9]+)?"
        guard = f"regexp_full_match({text}, {literal(pattern)})"
        bare = f"regexp_replace({text}, {literal(group)}, '', 'g')"
        plain = bare if decimal == "." else f"replace({bare}, ',', '.')"
    return plain, guard


# --- errors -------------------------------------------------------------------------------------------


#: SQL conditions, each with the '<column index>:<code>' of what is wrong where it is met; the first one met counts.
Checks: TypeAlias = list[tuple[str, str]]


def _errors_sql(checks: Sequence[Checks]) -> str:
    """Return SQL for the codes of all that is wrong with a row, divided by `;`; '' for a good row.

    Whether there is anything is asked first, because the codes of hardly any row need be put together.
    """
    cases = [
        f"CASE {' '.join(f'WHEN {condition} THEN {literal(code)}' for condition, code in check)} END"
        for check in checks
    ]
    bad = [f"({condition})" for check in checks for condition, _ in check]
    return f"CASE WHEN {' OR '.join(bad)} THEN concat_ws(';', {', '.join(cases)}) ELSE '' END" if bad else "''"


def _checks(i: int, column: Column, contract: Contract) -> Checks:
    """Return what may be wrong with one column."""
    whens = []
    if column.extract is not None:
        whens.append((f"s{i} IS NOT NULL AND x{i} IS NULL", "no_match"))
    if column.codes and column.default is None:
        known = [literal(_folded_code(code)) for code, result in column.codes.items() if code.strip() and not result]
        unknown = f"p{i} IS NULL AND x{i} IS NOT NULL"
        if known:
            unknown += f" AND NOT list_contains([{', '.join(known)}], {_fold_sql(f'x{i}')})"
        whens.append((unknown, "unknown_code"))
    if column.required:
        whens.append((f"p{i} IS NULL", "required"))
    if column.type != "text":
        bad = f"v{i} IS NULL"
        if column.added_to is not None:
            # The moment it is added to may be what is wrong: that column says so itself.
            bad = f"(w{i} IS NULL OR w{i} NOT BETWEEN 0 AND {_LONGEST})"
        whens.append((f"p{i} IS NOT NULL AND {bad}", f"not_a_{column.type}"))
    for bound, sign in ((column.min, "<"), (column.max, ">")):
        if bound is not None:
            whens.append((f"v{i} {sign} {_bound_sql(column, bound, contract)}", "out_of_range"))
    return [(condition, f"{i}:{code}") for condition, code in whens]


def _bound_sql(column: Column, bound: str, contract: Contract) -> str:
    if column.type == "date":
        return f"DATE {literal(bound)}"
    if column.type == "timestamp":
        moment = datetime.fromisoformat(bound)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=ZoneInfo(contract.timezone))
        return f"TIMESTAMP {literal(moment.astimezone(ZoneInfo('UTC')).replace(tzinfo=None).isoformat(sep=' '))}"
    return f"CAST({literal(bound)} AS DOUBLE)"


def _output_checks(contract: Contract) -> list[Checks]:
    """Return what may be wrong with the rows the outputs would give: missing, not_allowed, off scale."""
    position = {column.field: i for i, column in enumerate(contract.columns)}
    found: dict[tuple[str, str], None] = {}
    for output in contract.resolved_outputs():
        entity = ENTITIES[output.entity]
        for item in output.items():
            active = _active(output, item, position)
            for field in entity.fields:
                reference = item.get(field.name, "=")
                if reference.startswith("="):
                    continue
                i = position[reference]
                column = contract.columns[i]
                if field.required and not column.required and not (output.each and field.name == "value"):
                    found[(f"{active} AND v{i} IS NULL", f"{i}:missing")] = None
                if field.values and not column.codes:
                    found[(f"{active} AND v{i} NOT IN ({_list(field.values)})", f"{i}:not_allowed")] = None
            if "scale_min" in entity.names and not item["value"].startswith("="):
                i = position[item["value"]]
                low = _number_reference(item["scale_min"], position)
                high = _number_reference(item["scale_max"], position)
                found[(f"{active} AND (v{i} < {low} OR v{i} > {high})", f"{i}:out_of_range")] = None
    return [[check] for check in found]


def _active(output: Output, item: dict[str, str], position: dict[str, int]) -> str:
    """Return the SQL condition under which an output item applies to a row."""
    conditions = []
    if output.when is not None:
        conditions.append(f"v{position[output.when]} IS NOT NULL")
    value = item.get("value", "=")
    if output.each and not value.startswith("="):
        conditions.append(f"v{position[value]} IS NOT NULL")
    return " AND ".join(conditions) or "true"


def _lands(contract: Contract) -> str:
    """Return the SQL condition under which a good row gives at least one landing row."""
    position = {column.field: i for i, column in enumerate(contract.columns)}
    conditions = {
        _active(output, item, position): None for output in contract.resolved_outputs() for item in output.items()
    }
    return "true" if "true" in conditions else " OR ".join(f"({condition})" for condition in conditions)


def _number_reference(reference: str, position: dict[str, int]) -> str:
    if reference.startswith("="):
        return f"CAST({literal(reference[1:])} AS DOUBLE)"
    return f"CAST(v{position[reference]} AS DOUBLE)"


_PROBLEM = {
    "required": "the value is blank but must be there; fill it in at the source",
    "missing": "the value is blank but the row needs it; fill it in at the source",
    "no_match": "{value} has not the expected form {detail}; correct it at the source, or the contract",
    "unknown_code": "{value} is not one of the codes {detail}; correct it, or add the code to the contract",
    "not_allowed": "{value} is not one of {detail}; correct it, or map it with codes in the contract",
    "not_a_number": "{value} is not a number {detail}; correct it at the source",
    "not_a_integer": "{value} is not a whole number {detail}; correct it at the source",
    "not_a_boolean": "{value} is not yes or no; correct it at the source, or map it with codes in the contract",
    "not_a_date": "{value} is not a date of the form {detail}; correct it at the source, or add the form",
    "not_a_timestamp": "{value} is not a time of the form {detail}; correct it at the source, or add the form",
    "not_a_duration": "{value} is not a duration {detail}; correct it at the source, or the unit in the contract",
    "out_of_range": "{value} is out of the range {detail}; correct it at the source",
}


def _quarantine_sql(raw: RawTable, contract: Contract, *, bad: bool) -> str:
    """Return the bad rows, whole, by record: rejects of the reader and, where there are `bad` ones, typed rows."""
    rejects = f"""SELECT _line AS line, _record AS record, "column", value, reason, message, row
        FROM {raw.rejects_table}"""
    if not bad:
        return f"{rejects} ORDER BY record"
    lookup = ", ".join(
        f"({i}, {literal(code)}, {literal(column.source)}, {literal(text)})"
        for i, column in enumerate(contract.columns)
        for code, text in _texts(column, contract).items()
    )
    by_source: dict[str, list[int]] = {}
    for i, column in enumerate(contract.columns):
        by_source.setdefault(column.source, []).append(i)
    names = ", ".join(
        f"CASE WHEN ({' OR '.join(f'''contains(';' || _errors, ';{i}:')''' for i in indices)}) "
        f"THEN {literal(source)} END"
        for source, indices in by_source.items()
    )
    return f"""
        WITH bad AS (
            SELECT _record, _line, _value AS value, _row AS whole, concat_ws(', ', {names}) AS named,
                CAST(split_part(_errors, ':', 1) AS INTEGER) AS i,
                split_part(split_part(_errors, ';', 1), ':', 2) AS code
            FROM typed WHERE _filter IS NULL AND _errors <> ''),
        told AS (
            SELECT b._record, b._line, k.source, b.value, b.code, k.told, b.named, b.whole
            FROM bad AS b JOIN (VALUES {lookup}) AS k (i, code, source, told) ON k.i = b.i AND k.code = b.code)
        SELECT _line AS line, _record AS record, source AS "column", value, code AS reason,
            CASE WHEN _line IS NULL THEN 'record ' || _record ELSE 'line ' || _line END
                || ', column ' || source || ': '
                || replace(told, '{{value}}', '''' || coalesce(left(value, 200), '') || '''')
                || CASE WHEN named <> source THEN '. Bad columns of the row: ' || named ELSE '' END AS message,
            whole AS row
        FROM told
        UNION ALL {rejects}
        ORDER BY record"""


def _texts(column: Column, contract: Contract) -> dict[str, str]:
    """Return error code -> message template for one column."""
    marks = f"(decimal mark {contract.format.decimal!r}" + (
        f", thousands {contract.format.thousands!r})" if contract.format.thousands else ")"
    )
    allowed: dict[str, None] = {}
    scales: dict[str, None] = {}
    for output in contract.resolved_outputs():
        for item in output.items():
            for name, reference in item.items():
                if reference == column.field:
                    allowed |= dict.fromkeys(ENTITIES[output.entity].field(name).values)
            if item.get("value") == column.field and "scale_min" in item and "scale_max" in item:
                scales[f"{item['scale_min'].lstrip('=')} to {item['scale_max'].lstrip('=')}"] = None
    if column.min is not None or column.max is not None:
        scales[f"{column.min or 'any'} to {column.max or 'any'}"] = None
    details = {
        "no_match": column.extract.pattern if column.extract else "",
        "unknown_code": ", ".join(column.codes),
        "not_allowed": ", ".join(allowed),
        "not_a_number": marks,
        "not_a_integer": marks,
        "not_a_date": " or ".join(column.formats or _ISO_DATES),
        "not_a_duration": "as H:MM[:SS]" if column.unit == "clock" else f"in {column.unit}, not below 0 {marks}",
        "not_a_timestamp": " or ".join(column.formats or ("ISO 8601",)),
        "out_of_range": ", ".join(scales),
    }
    return {code: text.replace("{detail}", details.get(code, "")) for code, text in _PROBLEM.items()}


# --- landing rows -------------------------------------------------------------------------------------


def landing_selects(contract: Contract, entity: Entity, good: str, version: datetime) -> list[tuple[str, bool]]:
    """Return the SELECT of the landing rows of each output of one entity, and whether it is of distinct rows.

    Columns: the entity's fields in order, `_record` and `_version`; where a pseudonym belongs stands the identifier
    with its domain, for `pseudonyms`; what stands for codes may be an ENUM. Distinct rows are so within `good`; where
    it is a part of a file, `distinct_sql` over the rows of all parts remains to be done. `version` is the delivery's,
    for rows that do not state their own.
    """
    position = {column.field: i for i, column in enumerate(contract.columns)}
    selects = []
    outputs = [output for output in contract.resolved_outputs() if output.entity == entity.name]
    # Of several outputs or items, the same field may be of codes here and of texts there.
    alike = len(outputs) == 1 and len(outputs[0].items()) == 1
    for output in outputs:
        select = " UNION ALL ".join(
            f"SELECT {_field_list(entity, item, turned, contract, position, alike=alike)}, _record, "
            f"{version_sql(contract, version)} AS _version FROM {good} WHERE {_active(output, item, position)}"
            for item, turned in zip(output.items(), output.reversed_items(), strict=True)
        )
        selects.append((distinct_sql(entity, f"({select})") if output.distinct else select, output.distinct))
    return selects


def distinct_sql(entity: Entity, rows: str) -> str:
    """Return the SELECT of the distinct ones of landing rows, each with its first record and latest version."""
    names = ", ".join(f'"{name}"' for name in entity.names)
    return f"SELECT {names}, min(_record) AS _record, max(_version) AS _version FROM {rows} GROUP BY {names}"


def version_sql(contract: Contract, version: datetime) -> str:
    """Return SQL for the version of a good row: its own where `version_from` names a column, else the delivery's."""
    for i, column in enumerate(contract.columns):
        if column.field == ROW_VERSION:
            if column.type == "integer":
                return f"TIMESTAMP {literal(SEQUENCE_ORIGIN.isoformat(sep=' '))} + to_seconds(v{i})"
            return f"CAST(v{i} AS TIMESTAMP)"
    return f"TIMESTAMP {literal(version.isoformat(sep=' '))}"


def _field_list(
    entity: Entity,
    item: dict[str, str],
    turned: bool,
    contract: Contract,
    position: dict[str, int],
    *,
    alike: bool,
) -> str:
    parts = []
    for field in entity.fields:
        sql = _field_sql(field, item, contract, position)
        i = position.get(item.get(field.name, "="))
        if alike and i is not None and field.identity is None and _code_type(contract.columns[i]) != "VARCHAR":
            sql = f"v{i}"
        if turned and field.name == "value":
            low = _number_reference(item["scale_min"], position)
            high = _number_reference(item["scale_max"], position)
            sql = f"{low} + {high} - {sql}"
        parts.append(f'{sql} AS "{field.name}"')
    return ", ".join(parts)


def _field_sql(field: EntityField, item: dict[str, str], contract: Contract, position: dict[str, int]) -> str:
    reference = item.get(field.name, "=")
    if reference.startswith("="):
        constant = reference[1:]
        return f"CAST({literal(constant) if constant else 'NULL'} AS {field.type})"
    i = position[reference]
    column = contract.columns[i]
    value = f"v{i}"
    zone = literal(contract.timezone)
    if column.type == "timestamp" and field.type == "DATE":
        value = f"timezone({zone}, timezone('UTC', {value}))"
    elif column.type == "date" and field.type == "TIMESTAMP":
        value = f"timezone('UTC', timezone({zone}, CAST({value} AS TIMESTAMP)))"
    value = f"CAST({value} AS {field.type})"
    if field.identity == BY_SIDE:
        side = _field_sql(_SIDE, item, contract, position)
        return identified_sql(value, f"CASE WHEN {side} = 'client' THEN 'client' ELSE 'employee' END")
    if field.identity is not None:
        return identified_sql(value, literal(field.identity))
    return value


_SIDE = ENTITIES["survey_answer"].field("side")
