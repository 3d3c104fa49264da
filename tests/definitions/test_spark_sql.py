"""Every compiled model is also Spark SQL: the ground on which a second engine is later a matter of a profile.

The project is compiled twice against a temporary DuckDB file: as it runs, and with the Spark side of each dispatched
macro (variable `dialect`). Both are parsed with sqlglot's Spark grammar. A grammar is lenient, so two further rules
hold: no construct that only one of the engines has, and, on the Spark side, no function that Spark does not have.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from pipelines.defs.resources import dbt_executable
from pipelines.settings import DBT_PROJECT_DIR

# Functions of Spark SQL 3.5 that the models use. A new one is looked up in Spark's reference before it joins.
SPARK_FUNCTIONS = {
    *("abs", "avg", "ceil", "coalesce", "concat", "count", "exp", "floor", "greatest", "least", "length"),
    *("lower", "max", "min", "mod", "nullif", "pow", "power", "replace", "round", "sqrt", "substr"),
    *("substring", "sum", "trim", "upper", "lag", "lead", "row_number", "rank", "dense_rank"),
    *("first_value", "last_value", "extract", "day", "month", "year", "last_day"),
    *("add_months", "date_add", "datediff", "from_utc_timestamp", "months_between", "trunc", "unix_micros"),
    *("percentile", "xxhash64"),
}
# Words that stand before a bracket without being functions.
_WORDS = {
    *("and", "as", "by", "case", "cast", "date", "else", "except", "exists", "filter", "from", "having", "in"),
    *("interval", "join", "not", "on", "or", "over", "partition", "select", "then", "union", "all", "values"),
    *("when", "where", "with", "distinct", "between", "like", "using", "limit", "intersect", "decimal"),
}
_UNSHARED = (exp.Qualify, exp.Filter, exp.Lambda, exp.Array, exp.Struct, exp.Bracket, exp.Unnest, exp.Lateral)


def _compile(folder: Path, variables: dict[str, str]) -> dict[str, str]:
    target = folder / "target"
    compiled = subprocess.run(
        [
            dbt_executable(),
            "compile",
            "--no-partial-parse",
            "--no-introspect",
            "--project-dir",
            str(DBT_PROJECT_DIR),
            "--target-path",
            str(target),
            "--log-path",
            str(folder / "logs"),
            "--select",
            "resource_type:model",
            "--vars",
            json.dumps(variables),
        ],
        env={
            **os.environ,
            "DBT_PROFILES_DIR": str(DBT_PROJECT_DIR),
            "DO_NOT_TRACK": "1",
            "SYMMETRY_WAREHOUSE": str(folder / "warehouse.duckdb"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert compiled.returncode == 0, compiled.stdout + compiled.stderr
    manifest = json.loads((target / "manifest.json").read_text())
    models = {
        node["name"]: node["compiled_code"] for node in manifest["nodes"].values() if node["resource_type"] == "model"
    }
    assert len(models) > 30
    return models


@pytest.fixture(scope="session")
def as_it_runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return _compile(tmp_path_factory.mktemp("duckdb"), {})


@pytest.fixture(scope="session")
def for_spark(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return _compile(tmp_path_factory.mktemp("spark"), {"dialect": "spark"})


@pytest.fixture(scope="session", params=["as_it_runs", "for_spark"])
def models(request: pytest.FixtureRequest) -> dict[str, str]:
    found: dict[str, str] = request.getfixturevalue(request.param)
    return found


def _bare(sql: str) -> str:
    """The text without comments and string literals."""
    return re.sub(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", " ", sql, flags=re.DOTALL)


def _unshared(name: str, sql: str) -> list[str]:
    statement = sqlglot.parse_one(sql, read="spark", error_level=sqlglot.ErrorLevel.RAISE)
    faults = [f"{name}: {type(node).__name__}: {node.sql()}" for node in statement.find_all(*_UNSHARED)]
    faults += [f"{name}: recursive" for found in statement.find_all(exp.With) if found.recursive]
    faults += [f"{name}: {star.sql()}" for star in statement.find_all(exp.Star) if any(star.args.values())]
    faults += [f"{name}: '::', write cast" for _ in re.findall(r"::", _bare(sql))]
    faults += [f'{name}: "…" is a string in Spark, not a name' for _ in re.findall('"', _bare(sql))]
    return faults


def test_every_model_parses_and_stays_in_the_common_ground(models: dict[str, str]) -> None:
    faults = []
    for name, sql in models.items():
        # How a relation is quoted is the adapter's doing, not the model's.
        text = re.sub(r'"(\w+)"(?=[.\s)]|$)', r"\1", sql)
        try:
            faults += _unshared(name, text)
        except sqlglot.errors.SqlglotError as error:
            faults.append(f"{name}: {error}")
    assert faults == []


def test_the_spark_side_uses_functions_that_spark_has(for_spark: dict[str, str]) -> None:
    unknown = sorted(
        f"{name}: {word}"
        for name, sql in for_spark.items()
        for word in {found.lower() for found in re.findall(r"\b([A-Za-z_]\w*)\s*\(", _bare(sql))}
        if word not in SPARK_FUNCTIONS | _WORDS and not re.search(rf"\b{word}\s+as\s*\(", sql)
    )
    assert unknown == []


def test_each_difference_has_a_spark_side() -> None:
    """Each macro that has a DuckDB version has a Spark version, and the variable decides which one is rendered."""
    text = (DBT_PROJECT_DIR / "macros" / "dialect.sql").read_text()
    on_duckdb = set(re.findall(r"macro duckdb__(\w+)\(", text))
    on_spark = set(re.findall(r"macro spark__(\w+)\(", text))
    assert on_duckdb
    assert on_duckdb == on_spark


def test_the_rules_catch_what_they_are_for() -> None:
    assert _unshared("m", "select a from t qualify row_number() over (partition by a order by b) = 1")
    assert _unshared("m", "select a::date from t")
    assert _unshared("m", "select * exclude (a) from t")
    assert _unshared("m", "select count(*) filter (where a) from t")
    assert _unshared("m", "with recursive r as (select 1 as a union all select a + 1 from r) select a from r")
    assert not _unshared("m", "select cast(a as date) as a from t")
    with pytest.raises(sqlglot.errors.ParseError):
        _unshared("m", "select from where")
