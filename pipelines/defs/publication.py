"""Write, audit, publish, as three steps that ops can see: candidate, gate, published scorecard and report."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Literal

import dagster as dg
import duckdb

from pipelines.defs.gates import check_results
from pipelines.defs.loggers import say
from pipelines.defs.resources import Workspace
from pipelines.extracts.deliveries import live_receipts
from pipelines.publication.inputs import code_version, settled_definitions, settled_inputs
from pipelines.publication.publish import PUBLISHED_TABLES, mark_audited, new_publication_id, publish, write_candidate
from pipelines.settings import Settings

GATE = "publication_gate"
OWNER = "team:data-engineering"
CANDIDATE_KEY = dg.AssetKey(["publication", "candidate"])
SCORECARD_KEY = dg.AssetKey(["publication", "scorecard"])


def _facts(settings: Settings) -> dict[str, object]:
    receipts = live_receipts(settings.landing_dir)
    inputs = settled_inputs(settings)
    now = datetime.now(UTC)
    return {
        "publication_id": new_publication_id(inputs.fingerprint, now),
        "published_at": now.replace(tzinfo=None),
        "code_version": code_version(),
        "definitions": inputs.definitions,
        "inputs_fingerprint": inputs.fingerprint,
        "deliveries": len(receipts),
        "rows_read": sum(receipt.read for receipt in receipts),
        "rows_landed": sum(receipt.landed for receipt in receipts),
        "rows_quarantined": sum(receipt.quarantined for receipt in receipts),
        "rows_duplicate": sum(receipt.duplicates for receipt in receipts),
        "rows_filtered": sum(receipt.filtered for receipt in receipts),
    }


@dg.asset(
    key=CANDIDATE_KEY,
    deps=[dg.AssetKey(["scorecard", name]) for name in PUBLISHED_TABLES],
    group_name="publication",
    owners=[OWNER],
    kinds={"duckdb"},
)
def candidate(context: dg.AssetExecutionContext, workspace: Workspace) -> dg.MaterializeResult:
    """The file that is to be published, written beside the published one and not yet audited."""
    settings = workspace.settings()
    say(context, "Writing the candidate publication")
    rows = write_candidate(settings.warehouse_path, settings.candidate_path, settings.published_path, _facts(settings))
    return dg.MaterializeResult(metadata={f"rows of {name}": count for name, count in rows.items()})


@dg.multi_asset_check(
    name=GATE,
    specs=[
        dg.AssetCheckSpec(
            name=GATE,
            asset=CANDIDATE_KEY,
            blocking=True,
            description="Great Expectations at the second door: keys, ranges, ordered intervals, nothing hidden shown.",
        )
    ],
)
def publication_gate(context: dg.AssetCheckExecutionContext, workspace: Workspace) -> Iterator[dg.AssetCheckResult]:
    """The second gate: exactly the file that would be published."""
    settings = workspace.settings()
    from expectations.published import check_published

    say(context, "Checking the candidate publication (Great Expectations)")
    result = check_published(
        settings.candidate_path,
        min_respondents=settings.min_respondents,
        coverage=settled_definitions(settings).parameters["coverage"],
    )
    mark_audited(settings.candidate_path, passed=result.success)
    yield from check_results(context, result, GATE, {"main": CANDIDATE_KEY})


@dg.asset(
    key=SCORECARD_KEY,
    deps=[CANDIDATE_KEY],
    group_name="publication",
    owners=[OWNER],
    kinds={"duckdb", "parquet"},
)
def scorecard(context: dg.AssetExecutionContext, workspace: Workspace) -> dg.MaterializeResult:
    """The scorecard that BI tools open: one DuckDB file and its Parquet copy, replaced in one atomic rename."""
    settings = workspace.settings()
    parquet = publish(settings.candidate_path, settings.published_path)
    with duckdb.connect(str(settings.published_path), read_only=True) as connection:
        headline = connection.sql(
            "select s.unit_name, s.status, round(s.client_index, 1), round(s.collaborator_index, 1), "
            "round(s.gap, 1), round(s.symmetry_index, 1), s.quadrant "
            "from scorecard as s where s.period = (select max(period) from scorecard where status = 'ok') "
            "and s.parent_unit_id is null order by 1"
        ).fetchall()
        [(rows,)] = connection.execute("select count(*) from scorecard").fetchall()
    say(context, f"Published {settings.published_path}")
    table = (
        "| unit | status | client | collaborator | gap | symmetry index | quadrant |\n|---|---|---|---|---|---|---|\n"
    )
    table += "\n".join("| " + " | ".join(str(value) for value in row) + " |" for row in headline)
    return dg.MaterializeResult(
        metadata={
            "path": dg.MetadataValue.path(str(settings.published_path)),
            "parquet": dg.MetadataValue.path(str(parquet)),
            "dagster/row_count": rows,
            "whole company, last month": dg.MetadataValue.md(table),
        }
    )


@dg.asset(key=["publication", "report"], deps=[SCORECARD_KEY], group_name="publication", owners=[OWNER], kinds={"html"})
def report(context: dg.AssetExecutionContext, workspace: Workspace) -> dg.MaterializeResult:
    """The first page to look at, in English and French: one HTML file each, which needs no network."""
    from pipelines.publication.report import write_report

    settings = workspace.settings()
    say(context, "Writing the report")
    bar = settled_definitions(settings).parameters["bar"]
    languages: tuple[Literal["en", "fr"], ...] = ("en", "fr")
    paths = [
        write_report(settings.published_path, settings.report_path(language), language=language, period=None, bar=bar)
        for language in languages
    ]
    return dg.MaterializeResult(metadata={path.name: dg.MetadataValue.url(path.as_uri()) for path in paths})
