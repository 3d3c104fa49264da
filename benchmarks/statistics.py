"""What the statistics cost: every table of 500 units × 36 months, all pairs, 3 populations, on one core.

Called by `python -m benchmarks.speed`; alone: `python -m benchmarks.statistics [--json FILE] [--units N]`. The windows
are drawn, not computed from rows: the cost of the statistics does not depend on how many rows stand behind them.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from benchmarks.claims import Claim, report

UNITS, MONTHS, POPULATIONS = 500, 36, ("field", "office", "remote")
SEEDS = Path(__file__).parents[1] / "dbt_project" / "seeds" / "default"
#: Threads are the machine's; a claim about one core needs one.
ONE_CORE = dict.fromkeys(("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Cost:
    """CPU seconds and peak memory in bytes of one computation, its inputs included."""

    cpu: float
    peak: int


def compute(units: int) -> None:
    """Draw the inputs and compute every table; runs in a process of its own."""
    import numpy as np
    import numpy.typing as npt
    import polars as pl

    FloatArray = npt.NDArray[np.float64]

    from pipelines.company_definitions import load_definitions
    from pipelines.statistics.compute import every_table
    from pipelines.statistics.indicators import Definitions

    company = load_definitions(SEEDS)
    definitions = Definitions(
        company.indicators, company.goalposts, company.windows, company.mirror_pairs, company.weights
    )
    rng = np.random.default_rng(1)
    months = [date(2023 + m // 12, m % 12 + 1, 1) for m in range(MONTHS)]
    names = [f"U{u:04d}" for u in range(units)]
    cells = pl.DataFrame({"unit_id": np.repeat(names, MONTHS), "period": months * units})
    hierarchy = cells.with_columns(
        unit_level=pl.lit("team"), parent_unit_id=pl.format("S{}", pl.col("unit_id").str.slice(1).cast(pl.Int64) // 8)
    )
    lengths = dict(company.windows.select("indicator_id", "window_months").iter_rows())
    effect = dict(zip(names, rng.normal(0, 0.08, units), strict=True))

    def windows(
        indicator_id: str, kind: str, months_long: int, low: float, high: float, population: str
    ) -> pl.DataFrame:
        n = rng.integers(6, 200, cells.height).astype(float)
        share = np.clip(0.65 + np.repeat(list(effect.values()), MONTHS) + rng.normal(0, 0.02, cells.height), 0.05, 0.95)
        sums: tuple[FloatArray, FloatArray, FloatArray | None]
        if kind == "rate":
            exposure = n * months_long
            sums = (exposure, rng.poisson(exposure * 0.02).astype(float), None)
        elif kind == "nps":
            promoters = rng.binomial(n.astype(int), share * 0.7)
            detractors = rng.binomial((n - promoters).astype(int), 0.3)
            sums = (n, (promoters - detractors).astype(float), (promoters + detractors).astype(float))
        elif kind == "mean":
            mean, spread = low + (high - low) * share, 0.25 * (high - low)
            value = np.clip(mean + rng.normal(0, 1, cells.height) * spread / np.sqrt(n), low, high)
            sums = (n, n * value, n * value**2 + (n - 1) * spread**2)
        else:
            sums = (n, rng.binomial(n.astype(int), share).astype(float), None)
        return cells.with_columns(
            population=pl.lit(population),
            indicator_id=pl.lit(indicator_id),
            window_months=pl.lit(months_long, dtype=pl.Int64),
            n=pl.Series(sums[0]),
            s1=pl.Series(sums[1]),
            s2=pl.lit(None, dtype=pl.Float64) if sums[2] is None else pl.Series(sums[2]),
            people=pl.Series(n).cast(pl.Int64),
            conservative=pl.lit(False),
        )

    frames = []
    for indicator_id, side, kind, low, high in company.indicators.select(
        "indicator_id", "side", "kind", "value_min", "value_max"
    ).iter_rows():
        for population in ("all", *(POPULATIONS if side == "collaborator" else ())):
            frames.append(
                windows(indicator_id, kind, lengths.get(indicator_id, 3), low or 0.0, high or 100.0, population)
            )
    for mirror in ("perception", "journey"):
        for side in ("client", "collaborator"):
            for population in ("all", *(POPULATIONS if side == "collaborator" else ())):
                frames.append(windows(f"composite.{mirror}.{side}", "mean", 3, 0.0, 100.0, population))
    roles = ("client", "collaborator", "manager")
    beliefs = pl.concat(windows(f"belief.{role}.satisfaction", "mean", 3, 0.0, 100.0, "all") for role in roles)
    stacked = pl.concat(frames)
    frames.clear()
    stats = (
        stacked.filter(pl.col("indicator_id").str.starts_with("composite."), pl.col("population") == "all")
        .drop("window_months", "people")
        .with_columns(people_fed=pl.lit(None, dtype=pl.Int64))
    )
    people = stats.select("unit_id", "period", "indicator_id").join(
        pl.DataFrame({"person_key": [f"p{i}" for i in range(12)]}), how="cross"
    )
    themes = cells.join(pl.DataFrame({"side": ["client", "collaborator"]}), how="cross").join(
        pl.DataFrame({"theme": ["billing", "delays", "information", "equipment", "tools", "organisation"]}), how="cross"
    )
    events = rng.poisson(3.0, themes.height).astype(float)
    themes = themes.with_columns(
        window_months=pl.lit(12, dtype=pl.Int64),
        n=pl.lit(1200.0),
        s1=pl.Series(events * 12),
        people_exposed=pl.lit(100, dtype=pl.Int64),
        people_raising=pl.lit(9, dtype=pl.Int64),
        n_in_month=pl.lit(100.0),
        s1_in_month=pl.Series(events),
    )
    actions = pl.DataFrame(
        {
            "action_id": [f"A{i}" for i in range(units // 5)],
            "unit_id": names[: units // 5],
            "marker": ["trust"] * (units // 5),
            "started_on": [months[MONTHS // 2]] * (units // 5),
            "ended_on": pl.Series([None] * (units // 5), dtype=pl.Date),
            "kind": ["coaching"] * (units // 5),
            "owner_role": ["manager"] * (units // 5),
        }
    )
    inputs = {
        "windows": stacked,
        "belief_windows": beliefs,
        "theme_windows": themes,
        "theme_cells": themes.select("unit_id", "period", "side", "theme", people=pl.lit(5, dtype=pl.Int64)),
        "composite_stats": stats,
        "composite_people": people,
        "ancestors": cells.with_columns(ancestor_id=pl.col("unit_id")),
        "actions": actions,
        "units": hierarchy,
    }
    del stacked
    ok = 0

    def write(name: str, frame: pl.DataFrame) -> None:
        nonlocal ok
        if name == "unit_indices":
            ok = frame.filter(pl.col("status") == "ok").height

    before = resource.getrusage(resource.RUSAGE_SELF)
    every_table(inputs.pop, lambda: None, write, definitions, company.parameters, 5)
    after = resource.getrusage(resource.RUSAGE_SELF)
    if ok < 0.9 * cells.height:
        raise SystemExit("the drawn company is hardly scored; its cost would say nothing")
    print(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, after.ru_maxrss * 1024)


def cost_of(units: int) -> Cost:
    """Cost of every table for that many units, in a process of its own on one core."""
    print(f"statistics of {units} units", file=sys.stderr, flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.statistics", "--compute", str(units)],
        env=os.environ | ONE_CORE,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    cpu, peak = done.stdout.split()[-2:]
    return Cost(float(cpu), int(peak))


def claims(units: int = UNITS) -> list[Claim]:
    """Cost of all tables, and how it grows from half as many units."""
    half, whole = cost_of(units // 2), cost_of(units)
    growth = whole.cpu / half.cpu
    design = f"{units} units x {MONTHS} months x all pairs by default, everybody and {len(POPULATIONS)} populations"
    return [
        Claim(
            "The whole of the statistics, CPU on one core",
            f"{whole.cpu:.1f} s",
            "< 60 s",
            whole.cpu < 60,
            design,
        ),
        Claim(
            "The whole of the statistics, peak memory",
            f"{whole.peak / 1e9:.2f} GB",
            "<= 2 GB",
            whole.peak <= 2e9,
            f"of the process, its inputs included; {design}",
        ),
        Claim(
            "The statistics grow linearly with units",
            f"{growth:.2f} x for twice the units",
            "linear: <= 2.2 x for 2 x",
            growth <= 2.2,
            f"{half.cpu:.1f} s for {units // 2} units",
        ),
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print each claim, and write them to the file of --json."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.statistics", description="Cost of the statistics.")
    parser.add_argument("--units", type=int, default=UNITS, help="units of the larger company")
    parser.add_argument("--json", type=Path, help="write the claims to this file")
    parser.add_argument("--compute", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.compute is not None:
        compute(options.compute)
        return
    report(claims(options.units), options.json)


if __name__ == "__main__":
    main()
