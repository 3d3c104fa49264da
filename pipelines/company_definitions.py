"""A company's definitions: one folder of CSV files, read and refused with the line when they do not hold together.

The same files are dbt's seeds. They are checked here, before anything runs, because a bad definition (a pair without
a face, weights that do not add up, equal goalposts) would otherwise surface as a strange figure months later.
Definitions are tens of rows, so they are read row by row with one pydantic model a file.
"""

from __future__ import annotations

import csv
import hashlib
import io
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import polars as pl
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

Side = Literal["client", "collaborator"]
Mirror = Literal["perception", "journey", "conduct"]
Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Blank = BeforeValidator(lambda value: None if value == "" else value)

PARAMETERS = {
    "bar": (0.0, 100.0),
    "delta": (0.0, 100.0),
    "coverage": (0.0, 1.0),
    "client_first_reply_hours": (0.0, None),
    "collaborator_first_reply_hours": (0.0, None),
    "client_resolution_hours": (0.0, None),
    "collaborator_resolution_hours": (0.0, None),
    "callback_days": (0.0, None),
    "suggestion_days": (0.0, None),
    "welcome_days": (0.0, None),
    "proactive_months": (0.0, None),
    "monthly_hours": (0.0, None),
}
"""Every named number that a folder must state, with the range it lies in: above the first, up to the second. What it
may leave unsaid is what only the statistics read (`pipelines.statistics.parameters`)."""


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class IndicatorRow(_Row):
    """One indicator: one face, one measure, one kind of (n, s1, s2)."""

    indicator_id: Identifier
    side: Side
    mirror: Literal["perception", "journey", "conduct", "none"]
    measure: Literal[
        "survey_mean",
        "survey_top_box",
        "survey_nps",
        "moment_top_box",
        "case_first_reply",
        "case_resolution",
        "case_reopen_rate",
        "complaint_rate",
        "client_loss",
        "client_retention",
        "client_welcome",
        "availability",
        "client_proactive",
        "detractor_callback",
        "request_first_reply",
        "irritant_resolution",
        "request_reopen_rate",
        "irritant_rate",
        "voluntary_turnover",
        "collaborator_retention",
        "turnover_french",
        "hire_welcome",
        "employee_proactive",
        "suggestion_answered",
        "absenteeism",
        "training_hours",
        "suggestion_rate",
        "suggestion_used_rate",
        "tool_response_time",
        "survey_participation",
        "feed",
    ]
    topic: Annotated[str | None, Blank]
    kind: Literal["proportion", "mean", "nps", "rate"]
    multiplier: float = Field(gt=0)
    value_min: Annotated[float | None, Blank]
    value_max: Annotated[float | None, Blank]
    success_from: Annotated[float | None, Blank]
    protects: Literal["client", "collaborator", "none"]
    unit_of_measure: str
    sort_order: int


class GoalpostRow(_Row):
    """The displayed values that score 0 (floor) and 100 (goal)."""

    indicator_id: Identifier
    floor: float
    goal: float


class WindowRow(_Row):
    """Over how many trailing months an indicator is summed, and the fewest observations that make a score."""

    indicator_id: Identifier
    window_months: Literal["1", "3", "12"]
    min_n: float = Field(ge=1)


class PairRow(_Row):
    """Two faces of one mirror."""

    pair_id: Identifier
    mirror: Mirror
    client_indicator_id: Identifier
    collaborator_indicator_id: Identifier
    sort_order: int


class MomentRow(_Row):
    """A moment of truth, and the one it faces on the other side."""

    moment_id: Identifier
    side: Side
    faces: Annotated[Identifier | None, Blank]
    sort_order: int


class WeightRow(_Row):
    """The weight of a mirror, or of a pair within its mirror."""

    scope: Literal["mirror", "pair"]
    id: Identifier
    weight: float = Field(ge=0, le=1)


class ParameterRow(_Row):
    """A named number that the method leaves to the company."""

    name: Identifier
    value: float


class LabelRow(_Row):
    """What people read, in English and French."""

    object: Identifier
    id: Identifier
    label_en: Annotated[str, StringConstraints(min_length=1)]
    label_fr: Annotated[str, StringConstraints(min_length=1)]


FILES: dict[str, tuple[type[_Row], tuple[str, ...]]] = {
    "indicators": (IndicatorRow, ("indicator_id",)),
    "goalposts": (GoalpostRow, ("indicator_id",)),
    "windows": (WindowRow, ("indicator_id",)),
    "mirror_pairs": (PairRow, ("pair_id",)),
    "moments_of_truth": (MomentRow, ("moment_id", "side")),
    "weights": (WeightRow, ("scope", "id")),
    "parameters": (ParameterRow, ("name",)),
    "labels": (LabelRow, ("object", "id")),
}


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a folder of definitions, and where."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        """``file:line: message``, as editors and people read it."""
        return f"{self.file}:{self.line}: {self.message}"


class DefinitionsError(ValueError):
    """The definitions do not hold together. `problems` lists every one found, with file and line."""

    def __init__(self, folder: Path, problems: list[Problem]) -> None:
        self.problems = problems
        listed = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"the definitions in {folder} are refused:\n{listed}\nCorrect these lines and run again.")


@dataclass(frozen=True)
class _Line:
    number: int
    row: Any


@dataclass
class _Table:
    file: str
    lines: list[_Line] = field(default_factory=list)

    def ids(self, column: str) -> dict[str, _Line]:
        return {getattr(line.row, column): line for line in self.lines}


@dataclass(frozen=True)
class Definitions:
    """A company's definitions as Polars frames, one a file, with the file's columns and types."""

    name: str
    folder: Path
    indicators: pl.DataFrame
    goalposts: pl.DataFrame
    windows: pl.DataFrame
    mirror_pairs: pl.DataFrame
    moments_of_truth: pl.DataFrame
    weights: pl.DataFrame
    parameters: dict[str, float]
    labels: pl.DataFrame


def definitions_fingerprint(folder: Path) -> str:
    """SHA-256 (hexadecimal) of the definition files' names and bytes, in the order of `FILES`."""
    digest = hashlib.sha256()
    for name in FILES:
        path = folder / f"{name}.csv"
        digest.update(name.encode() + b"\0" + (path.read_bytes() if path.is_file() else b"absent") + b"\0")
    return digest.hexdigest()


def copy_definitions(folder: Path, target: Path) -> None:
    """Copy the files of a folder of definitions, and nothing else that lies there, to a folder of the run's own."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for name in FILES:
        shutil.copyfile(folder / f"{name}.csv", target / f"{name}.csv")


def load_definitions(folder: Path) -> Definitions:
    """Read and check a folder of definitions.

    Returns:
        The definitions, typed.

    Raises:
        DefinitionsError: with every problem found, each with its file and line.
    """
    problems: list[Problem] = []
    tables = {name: _read(folder / f"{name}.csv", *FILES[name], problems) for name in FILES}
    if not problems:
        problems.extend(_cross_checks(tables))
    if problems:
        raise DefinitionsError(folder, problems)

    def frame(name: str) -> pl.DataFrame:
        rows = [line.row.model_dump() for line in tables[name].lines]
        columns = list(FILES[name][0].model_fields)
        return pl.DataFrame(rows, infer_schema_length=None) if rows else pl.DataFrame(schema=columns)

    parameters = _optional_parameters() | {line.row.name: line.row.value for line in tables["parameters"].lines}
    return Definitions(
        name=folder.name,
        folder=folder,
        indicators=frame("indicators").with_columns(
            pl.col("value_min", "value_max", "success_from").cast(pl.Float64), pl.col("topic").cast(pl.String)
        ),
        goalposts=frame("goalposts"),
        windows=frame("windows").with_columns(pl.col("window_months").cast(pl.Int64)),
        mirror_pairs=frame("mirror_pairs"),
        moments_of_truth=frame("moments_of_truth"),
        weights=frame("weights"),
        parameters=parameters,
        labels=frame("labels"),
    )


def _read(path: Path, model: type[_Row], key: tuple[str, ...], problems: list[Problem]) -> _Table:
    table = _Table(path.name)
    if not path.is_file():
        problems.append(Problem(path.name, 0, f"the file is missing; add it with the header {_header(model)}"))
        return table
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        problems.append(Problem(path.name, line, "the file is not UTF-8; save it as CSV UTF-8"))
        return table
    with io.StringIO(text, newline="") as stream:
        reader = csv.DictReader(stream)
        if list(reader.fieldnames or []) != list(model.model_fields):
            problems.append(Problem(path.name, 1, f"the header is {reader.fieldnames}; it must be {_header(model)}"))
            return table
        seen: dict[tuple[Any, ...], int] = {}
        for raw in reader:
            if None in raw or None in raw.values():
                problems.append(Problem(path.name, reader.line_num, f"the line must have {len(raw)} fields"))
                continue
            try:
                row = model.model_validate(raw)
            except ValidationError as error:
                for detail in error.errors():
                    column = ".".join(str(part) for part in detail["loc"])
                    problems.append(
                        Problem(path.name, reader.line_num, f"{column} = {detail['input']!r}: {detail['msg']}")
                    )
                continue
            identity = tuple(getattr(row, column) for column in key)
            if identity in seen:
                problems.append(
                    Problem(path.name, reader.line_num, f"{identity} stands already on line {seen[identity]}")
                )
            seen[identity] = reader.line_num
            table.lines.append(_Line(reader.line_num, row))
    return table


def _header(model: type[_Row]) -> str:
    return ",".join(model.model_fields)


def _cross_checks(tables: dict[str, _Table]) -> Iterator[Problem]:
    indicators = tables["indicators"].ids("indicator_id")
    yield from _check_indicators(tables["indicators"])
    yield from _check_goalposts(tables["goalposts"], indicators)
    yield from _check_windows(tables, indicators)
    yield from _check_pairs(tables, indicators)
    yield from _check_moments(tables["moments_of_truth"])
    yield from _check_weights(tables)
    yield from _check_parameters(tables["parameters"])
    yield from _check_labels(tables)


def _check_indicators(table: _Table) -> Iterator[Problem]:
    for line in table.lines:
        row = line.row
        if row.kind == "mean" and (row.value_min is None or row.value_max is None):
            yield Problem(table.file, line.number, f"{row.indicator_id} is a mean: give value_min and value_max")
        elif row.value_min is not None and row.value_max is not None and row.value_min >= row.value_max:
            yield Problem(table.file, line.number, f"value_min {row.value_min} must be below value_max {row.value_max}")
        if row.measure in ("survey_top_box", "moment_top_box") and row.success_from is None:
            yield Problem(table.file, line.number, f"{row.indicator_id} is a top box: give success_from (0 to 100)")
        if row.measure in ("survey_mean", "survey_top_box", "survey_nps", "moment_top_box") and row.topic is None:
            yield Problem(table.file, line.number, f"{row.indicator_id}: give the topic (dimension or moment)")


def _check_goalposts(table: _Table, indicators: dict[str, _Line]) -> Iterator[Problem]:
    for line in table.lines:
        row = line.row
        if row.indicator_id not in indicators:
            yield Problem(table.file, line.number, f"{row.indicator_id!r} is not in indicators.csv")
        if row.floor == row.goal:
            yield Problem(
                table.file,
                line.number,
                f"floor and goal of {row.indicator_id} are equal ({row.floor}); they must differ",
            )


def _check_windows(tables: dict[str, _Table], indicators: dict[str, _Line]) -> Iterator[Problem]:
    table = tables["windows"]
    windows = table.ids("indicator_id")
    for name, line in windows.items():
        if name not in indicators:
            yield Problem(table.file, line.number, f"{name!r} is not in indicators.csv")
    for name, line in indicators.items():
        if name not in windows:
            yield Problem("indicators.csv", line.number, f"{name} has no line in windows.csv; add its window and min_n")


def _check_pairs(tables: dict[str, _Table], indicators: dict[str, _Line]) -> Iterator[Problem]:
    if not tables["mirror_pairs"].lines:
        yield Problem("mirror_pairs.csv", 1, "there is no pair; symmetry needs at least one")
    table, goalposts = tables["mirror_pairs"], tables["goalposts"].ids("indicator_id")
    faces: dict[str, str] = {}
    for line in table.lines:
        row = line.row
        for side in ("client", "collaborator"):
            name = getattr(row, f"{side}_indicator_id")
            if name not in indicators:
                yield Problem(
                    table.file,
                    line.number,
                    f"pair {row.pair_id} has no {side} face: {name!r} is not in indicators.csv",
                )
                continue
            indicator = indicators[name].row
            if indicator.side != side:
                yield Problem(
                    table.file,
                    line.number,
                    f"the {side} face {name} of {row.pair_id} is a {indicator.side}'s",
                )
            if indicator.mirror != row.mirror:
                yield Problem(
                    table.file,
                    line.number,
                    f"{name} is in mirror {indicator.mirror}, pair {row.pair_id} in {row.mirror}",
                )
            if name not in goalposts:
                yield Problem(table.file, line.number, f"{name} has no goalposts; a face must be scored")
            if name in faces:
                yield Problem(table.file, line.number, f"{name} is already a face of pair {faces[name]}")
            faces[name] = row.pair_id


def _check_moments(table: _Table) -> Iterator[Problem]:
    moments = {(line.row.moment_id, line.row.side): line for line in table.lines}
    for line in table.lines:
        row = line.row
        other = "collaborator" if row.side == "client" else "client"
        if row.faces is None:
            continue
        if (row.faces, other) not in moments:
            yield Problem(
                table.file, line.number, f"{row.moment_id} faces {row.faces!r}, no moment of the {other} side"
            )
        elif moments[row.faces, other].row.faces != row.moment_id:
            yield Problem(table.file, line.number, f"{row.faces} must face {row.moment_id} in return")


def _check_weights(tables: dict[str, _Table]) -> Iterator[Problem]:
    table = tables["weights"]
    pairs = {line.row.pair_id: line.row.mirror for line in tables["mirror_pairs"].lines}
    groups: dict[str, list[_Line]] = {"the mirrors": []} | {mirror: [] for mirror in set(pairs.values())}
    for line in table.lines:
        row = line.row
        if row.scope == "mirror" and row.id in groups:
            groups["the mirrors"].append(line)
        elif row.scope == "pair" and row.id in pairs:
            groups[pairs[row.id]].append(line)
        else:
            yield Problem(table.file, line.number, f"{row.id!r} is no {row.scope} in force; see mirror_pairs.csv")
    weighed = {line.row.id for line in table.lines}
    for line in tables["mirror_pairs"].lines:
        if line.row.pair_id not in weighed:
            yield Problem("mirror_pairs.csv", line.number, f"pair {line.row.pair_id} has no weight in weights.csv")
    for mirror in sorted(set(pairs.values()) - weighed):
        yield Problem(table.file, 1, f"mirror {mirror} has no weight; add a line mirror,{mirror},…")
    for group, lines in groups.items():
        total = sum(line.row.weight for line in lines)
        if lines and abs(total - 1) > 1e-6:
            scope = "mirrors" if group == "the mirrors" else f"pairs of mirror {group}"
            yield Problem(table.file, lines[-1].number, f"the weights of the {scope} add up to {total:g}, not to 1")


def _optional_parameters() -> dict[str, float]:
    # Here and not at the top: the statistics bring SciPy, which commands that read no definitions must not wait for.
    from pipelines.statistics.parameters import optional_parameters

    return optional_parameters()


def _check_parameters(table: _Table) -> Iterator[Problem]:
    from pipelines.statistics.parameters import refused

    given, optional = table.ids("name"), _optional_parameters()
    for name in sorted(set(PARAMETERS) - set(given)):
        yield Problem(table.file, 1, f"the parameter {name} is missing; add a line {name},…")
    for name, reason in refused({name: line.row.value for name, line in given.items() if name in optional}).items():
        yield Problem(table.file, given[name].number, reason)
    for name, line in given.items():
        if name in optional:
            continue
        if name not in PARAMETERS:
            known = ", ".join([*PARAMETERS, *optional])
            yield Problem(table.file, line.number, f"{name!r} is no parameter; known are {known}")
            continue
        low, high = PARAMETERS[name]
        if line.row.value <= low or (high is not None and line.row.value > high):
            yield Problem(
                table.file,
                line.number,
                f"{name} = {line.row.value:g} must be above {low:g}" + (f" and at most {high:g}" if high else ""),
            )


def _check_labels(tables: dict[str, _Table]) -> Iterator[Problem]:
    labelled = {(line.row.object, line.row.id) for line in tables["labels"].lines}
    for file, kind, column in (
        ("indicators", "indicator", "indicator_id"),
        ("mirror_pairs", "pair", "pair_id"),
        ("moments_of_truth", "moment", "moment_id"),
    ):
        for line in tables[file].lines:
            name = getattr(line.row, column)
            if (kind, name) not in labelled:
                yield Problem(f"{file}.csv", line.number, f"{kind} {name} has no label in labels.csv")
