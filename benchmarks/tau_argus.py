"""The field's own tool, τ-ARGUS (pytauargus), on the tables of `benchmarks.suppression`: what it hides, and its audit.

It is told of one table by microdata, one row a person, with 1 as the answer: a cell's value is its people, and so is
what hiding it costs. Its rule is the minimum frequency, its protection an interval of ten per cent around each hidden
cell, which is another thing than ours (no sum over fewer than k people), and the nearest it has.
"""

import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path

import polars as pl
from pytauargus import protect
from pytauargus.batch import Apriory
from pytauargus.engine import Engine, run_batch
from pytauargus.protect import ProtectResult

_TOTAL = "Total"
Cell = tuple[str, str]


def suppressed(hierarchy: pl.DataFrame, cells: pl.DataFrame, k: int, method: str) -> set[Cell]:
    """Unit and population of every figure that it hides beyond its rule; method: OPT (optimal) or MOD (modular)."""
    with _run(hierarchy, cells, k, f"{method}(1)") as (result, _):
        table = result.tables[0]
        frame = table.dataframe()
        populations = frame["pop"] if "pop" in frame else [_TOTAL] * len(frame)
        return {
            (_ours(unit.strip(), hierarchy), "all" if population == _TOTAL else population.strip())
            for unit, population, status in zip(frame["team"], populations, table.status(), strict=True)
            if status == "M"
        }


def unsafe_by_its_audit(hierarchy: pl.DataFrame, cells: pl.DataFrame, k: int, hidden: set[Cell]) -> int:
    """How many of the hidden cells its audit finds too narrowly bounded when `hidden` go beyond its rule."""
    top = _top(hierarchy)
    with _run(hierarchy, cells, k, None) as (result, folder):
        engine: Engine = run_batch(result.files["arb"])
        lines = [
            ",".join(
                [_TOTAL if unit == top else unit]
                + ([_TOTAL if population == "all" else population] if _populations(cells) else [])
                + ["M"]
            )
            for unit, population in sorted(hidden)
        ]
        (folder / "hidden.hst").write_text("\n".join(lines) + "\n")
        applied = engine.apply_apriori(Apriory(str(folder / "hidden.hst"), 1, ","))
        if applied["status_ok"] != len(hidden):
            raise RuntimeError(f"τ-ARGUS took {applied['status_ok']} of {len(hidden)} hidden cells: {applied}")
        return sum(cell["unsafe"] for cell in engine.audit(0))


def _populations(cells: pl.DataFrame) -> bool:
    return cells["population"].n_unique() > 1


def _top(hierarchy: pl.DataFrame) -> str:
    return str(hierarchy.filter(pl.col("parent_unit_id").is_null())["unit_id"].item())


def _ours(unit: str, hierarchy: pl.DataFrame) -> str:
    return _top(hierarchy) if unit == _TOTAL else unit


@contextmanager
def _run(
    hierarchy: pl.DataFrame, cells: pl.DataFrame, k: int, suppress: str | None
) -> Iterator[tuple[ProtectResult, Path]]:
    """Its result and its folder, which goes afterwards; without `suppress` only the batch is written, to be run."""
    top = _top(hierarchy)
    parents = dict(hierarchy.select("unit_id", "parent_unit_id").iter_rows())
    lines = []
    for site in [unit for unit, above in parents.items() if above == top]:
        lines += [site, *(f"@{unit}" for unit, above in parents.items() if above == site)]
    rows: dict[str, list[object]] = {"team": [], "pop": [], "answer": []}
    for unit, population, people in cells.select("unit_id", "population", "people").iter_rows():
        rows["team"] += [unit] * people
        rows["pop"] += [population] * people
        rows["answer"] += [1.0] * people
    dimensions = ["team", "pop"] if _populations(cells) else ["team"]
    # It writes its logs where it stands.
    with tempfile.TemporaryDirectory() as name, chdir(name):
        folder = Path(name)
        (folder / "team.hrc").write_text("\n".join(lines) + "\n")
        result = protect(
            {column: values for column, values in rows.items() if column != "pop" or len(dimensions) > 1},
            dimensions,
            response="answer",
            safety_rules=f"FREQ({k},10)",
            suppress=suppress or "OPT(1)",
            hrc={"team": str(folder / "team.hrc")},
            hierleadstring="@",
            workdir=str(folder / "run"),
            run=suppress is not None,
        )
        if suppress is None:
            batch = Path(result.files["arb"])
            kept = [line for line in batch.read_text().splitlines() if not line.startswith("<SUPPRESS>")]
            batch.write_text("\n".join(kept) + "\n")
        yield result, folder
