"""docs/method.md cannot drift: its worked example is recomputed, its tables and parameters are those of the code."""

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipelines.company_definitions import load_definitions
from pipelines.settings import SHIPPED_DEFINITIONS_DIR
from pipelines.statistics import intervals
from pipelines.statistics.indicators import Definitions, indicator_scores
from pipelines.statistics.indices import Parameters, pair_scores, unit_indices
from pipelines.statistics.parameters import optional_parameters
from pipelines.statistics.ruptures import RuptureParameters, rupture_tests
from pipelines.statistics.shrinkage import Comparable, between, shrunk_indices, shrunk_pairs
from pipelines.statistics.swot import SwotParameters, swot
from pipelines.statistics.tables import PUBLISHED
from pipelines.statistics.trend import weighted_slopes

DOCUMENT = Path(__file__).parents[3] / "docs" / "method.md"
PERIOD = date(2026, 10, 1)
POINTS = np.array([0.0, 25.0, 50.0, 75.0, 100.0])
SMALLEST_K = 5


def table(name: str) -> list[list[str]]:
    """The cells of the Markdown table that follows `<!-- example: name -->`, without header and code ticks."""
    _, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(f"<!-- example: {name} -->\n")
    lines = re.match(r"(?:\|.*\n)+", rest)
    assert lines, f"docs/method.md has no table marked 'example: {name}'"
    rows = lines.group().splitlines()[2:]
    return [[cell.strip().strip("`") for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]


def example_windows() -> pl.DataFrame:
    """Sums of the answers and cases that the document prints."""
    rows = []
    for team, indicator, *counts in table("answers"):
        told = np.array([float(count) for count in counts])
        rows.append((team, indicator, told.sum(), told @ POINTS, told @ POINTS**2))
    for team, indicator, cases, in_time in table("cases"):
        rows.append((team, indicator, float(cases), float(in_time), float(in_time)))
    sums = pl.DataFrame(rows, ["unit_id", "indicator_id", "n", "s1", "s2"], orient="row")
    return sums.with_columns(
        period=pl.lit(PERIOD),
        population=pl.lit("all"),
        window_months=pl.lit(3, dtype=pl.Int64),
        people=pl.col("n").cast(pl.Int64),
        conservative=pl.lit(False),
    )


def example_definitions() -> Definitions:
    """The shipped definitions with the document's pairs and weights alone."""
    shipped = load_definitions(SHIPPED_DEFINITIONS_DIR / "default")
    weights = [(scope, name, float(weight)) for scope, name, weight in table("weights")]
    pairs = [name for scope, name, _ in weights if scope == "pair"]
    return Definitions(
        indicators=shipped.indicators,
        goalposts=shipped.goalposts,
        windows=shipped.windows,
        mirror_pairs=shipped.mirror_pairs.filter(pl.col("pair_id").is_in(pairs)),
        weights=pl.DataFrame(weights, ["scope", "id", "weight"], orient="row"),
    )


@pytest.fixture(scope="module")
def figures() -> dict[str, str | float]:
    """Every figure of the example under the name that the document gives it."""
    windows, definitions = example_windows(), example_definitions()
    units = (
        windows.select("unit_id")
        .unique()
        .with_columns(period=pl.lit(PERIOD), unit_level=pl.lit("team"), parent_unit_id=pl.lit("site"))
    )
    scores = indicator_scores(windows, definitions, units, SMALLEST_K)
    pairs = pair_scores(scores, definitions, units)
    indices = unit_indices(pairs, scores, definitions, units, Parameters())
    tests = rupture_tests(indices, pairs, units, RuptureParameters())
    shrunken = shrunk_pairs(pairs, units)
    judged = swot(scores, definitions, units, SwotParameters(), shrunken=shrunken)

    found: dict[str, str | float] = {}

    def add(rows: pl.DataFrame, name: Callable[[dict[str, object]], str], columns: list[str]) -> None:
        for row in rows.iter_rows(named=True):
            found.update({f"{name(row)} {column}": row[column] for column in columns})

    add(windows, lambda row: f"{row['unit_id']} {row['indicator_id']}", ["n", "s1", "s2"])
    trust = windows.filter(pl.col("indicator_id") == "client_trust")
    n, s1, s2 = (trust[name].to_numpy() for name in ("n", "s1", "s2"))
    own = intervals.sample_variance(s1, s2, n)
    pooled = float(((n - 1) * own).sum() / (n - 1).sum())
    found["client_trust pooled_variance"] = pooled
    moderated = intervals.moderated_variance(s1, s2, pooled, n)
    for team, alone, together in zip(trust["unit_id"], own, moderated, strict=True):
        found |= {f"{team} client_trust own_variance": alone, f"{team} client_trust moderated_variance": together}
    add(
        scores,
        lambda row: f"{row['unit_id']} {row['indicator_id']}",
        ["score", "score_lower", "score_upper", "score_se"],
    )
    gap = ["gap", "gap_lower", "gap_upper", "gap_se"]
    add(pairs, lambda row: f"{row['unit_id']} {row['pair_id']}", gap)
    index = [f"{side}_index{end}" for side in ("client", "collaborator") for end in ("", "_se")]
    symmetry = ["level", "symmetry", "symmetry_index", "symmetry_index_lower", "symmetry_index_upper", "quadrant"]
    add(indices, lambda row: str(row["unit_id"]), [*index, *gap, *symmetry])
    add(
        tests.with_columns(rupture=pl.when("is_rupture").then(pl.lit("yes")).otherwise(pl.lit("no"))),
        lambda row: f"{row['unit_id']} {row['pair_id'] or 'unit'}",
        ["p_value", "q_value", "rupture", "side"],
    )
    comparable = Comparable(["period", "unit_level"], "parent_unit_id")
    named = indices.join(units, on=["unit_id", "period"]).with_columns(
        sum=pl.col("client_index") + pl.col("collaborator_index"),
        sum_se=(pl.col("client_index_se") ** 2 + pl.col("collaborator_index_se") ** 2).sqrt(),
    )
    for measure in ("client_index", "collaborator_index", "sum"):
        family = between(named, measure, f"{measure}_se", comparable)
        found |= {f"site {measure} {name}": family[name][0] for name in ("tau2", "centre")}
    tau2 = {name: float(found[f"site {name} tau2"]) for name in ("client_index", "collaborator_index", "sum")}
    most = np.sqrt(tau2["client_index"] * tau2["collaborator_index"])
    covariance = (tau2["sum"] - tau2["client_index"] - tau2["collaborator_index"]) / 2
    found["site covariance"] = float(np.clip(covariance, -most, most))
    add(
        shrunk_indices(indices, units),
        lambda row: f"{row['unit_id']} {row['measure']}",
        ["shrinkage", "shrunk", "shrunk_se", "shrunk_lower", "shrunk_upper", "rank"],
    )
    add(
        judged.rename({"score": "swot_score"}),
        lambda row: f"{row['unit_id']} {row['pair_id']} {row['side']}",
        ["swot_score", "swot", "shortfall", "weight", "driver_importance", "priority"],
    )
    months = np.array([[float(cell) for cell in row[1:]] for row in table("months")])
    slope = weighted_slopes(months[None, :, 0], months[None, :, 1], np.array([3.0]), 3)
    found |= {"trend slope": slope.slope[0], "trend slope_se": slope.se[0], "trend slope_p": slope.p[0]}
    return found


def test_every_figure_of_the_document_is_what_the_pipeline_computes(figures: dict[str, str | float]) -> None:
    printed = {name: value for name, _, value in table("figures")}
    assert len(printed) >= 40
    for name, shown in printed.items():
        assert name in figures, f"the pipeline has no figure {name!r}"
        value = figures[name]
        if isinstance(value, str):
            assert shown == value, name
            continue
        decimals = len(shown.partition(".")[2])
        assert shown == f"{value:.{decimals}f}", f"{name} is {value}, and the document says {shown}"


def test_every_number_in_the_words_of_the_example_stands_in_its_tables() -> None:
    """Sentences of the example repeat figures; one that stands in no table is one that nothing recomputes."""
    section = DOCUMENT.read_text(encoding="utf-8").partition("## A worked example\n")[2].partition("\n## ")[0]
    known = {cell for name in ("figures", "weights", "months") for row in table(name) for cell in row}
    words = " ".join(line for line in section.splitlines() if not line.startswith(("|", "<!--")))
    spoken = set(re.findall(r"(?<![\w.])-?\d+\.\d+(?![\w.])", words))
    assert spoken, "the example says nothing about its figures"
    assert spoken <= known


def test_every_published_table_has_its_question_and_every_section_linked_exists() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    asked = set(re.findall(r"^\| [^|]+\? \| `(\w+)` \|", text, flags=re.MULTILINE))
    assert asked == {*PUBLISHED, "scorecard", "scorecard_pairs", "scorecard_indicators"}
    sections = {title.lower().replace(" ", "-") for title in re.findall(r"^## (.+)$", text, flags=re.MULTILINE)}
    definitions = (DOCUMENT.parent / "definitions.md").read_text(encoding="utf-8")
    linked = {*re.findall(r"\]\(#([\w-]+)\)", text), *re.findall(r"\]\(method\.md#([\w-]+)\)", definitions)}
    assert linked <= sections


def test_every_parameter_of_the_statistics_is_in_the_section_it_changes() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert [name for name in (*optional_parameters(), "bar", "delta", "coverage") if f"`{name}`" not in text] == []
