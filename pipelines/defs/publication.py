"""Write, audit, publish, as three steps that ops can see: candidate, gate, published scorecard and report."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import duckdb

from pipelines.defs.extracts import contracts_in_force
from pipelines.defs.gates import check_results, write_pages
from pipelines.defs.loggers import say
from pipelines.defs.months import MONTHS_KEY, computed_months
from pipelines.defs.pictures import counts_table, line_plot, markdown_table
from pipelines.defs.resources import POOL, Workspace
from pipelines.defs.retries import trying_again
from pipelines.extracts.deliveries import live_receipts
from pipelines.extracts.onboarding.source_states import states_of
from pipelines.publication.history import kept_publications
from pipelines.publication.inputs import code_version, settled_definitions, settled_inputs
from pipelines.publication.pages import write_reports
from pipelines.publication.publish import (
    PUBLISHED_TABLES,
    STATISTICS_TABLES,
    mark_audited,
    new_publication_id,
    note_warnings,
    publish,
    write_candidate,
)
from pipelines.publication.sources import source_rows
from pipelines.settings import Settings

if TYPE_CHECKING:
    from pipelines.confidentiality.audit import Exposure

GATE = "publication_gate"
AUDIT = "linear_audit"
EXPOSURES_TOLD = 20
OWNER = "team:data-engineering"
CANDIDATE_KEY = dg.AssetKey(["publication", "candidate"])
SCORECARD_KEY = dg.AssetKey(["publication", "scorecard"])
HEADLINE = ("unit", "status", "client", "collaborator", "gap", "symmetry index", "quadrant")
REPORTS = ("report_en", "report_fr")


def _origin(settings: Settings) -> dict[str, object]:
    """What the manifest says of where a publication comes from; of deliveries no file name, which may name a person."""
    receipts = live_receipts(settings.landing_dir)
    return {
        "deliveries": [
            {
                "delivery_id": receipt.delivery_id,
                "sha256": receipt.sha256,
                "contract": receipt.contract,
                "contract_version": receipt.contract_version,
                "landed": receipt.landed,
            }
            for receipt in receipts
        ],
        "settings": {"min_respondents": settings.min_respondents, "timezone": settings.timezone},
    }


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
    deps=[
        *(dg.AssetKey(["scorecard", name]) for name in PUBLISHED_TABLES),
        *(dg.AssetKey(["statistics", name]) for name in STATISTICS_TABLES),
    ],
    group_name="publication",
    owners=[OWNER],
    kinds={"duckdb"},
    pool=POOL,
)
def candidate(context: dg.AssetExecutionContext, workspace: Workspace) -> dg.MaterializeResult:
    """The file that is to be published, written beside the published one and not yet audited."""
    say(context, "Writing the candidate publication")
    with trying_again(context):
        settings = workspace.settings()
        facts = _facts(settings)
        states = states_of(
            contracts_in_force(),
            live_receipts(settings.landing_dir),
            facts["published_at"],  # type: ignore[arg-type]
        )
        rows = write_candidate(
            settings.warehouse_path,
            settings.candidate_path,
            settings.published_path,
            facts,
            source_rows(states, settings.stale_grace_days, settings.retired),
        )
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": rows["scorecard"],
            "rows by table": dg.MetadataValue.md(markdown_table(("table", "rows"), rows.items())),
            "inputs fingerprint": str(facts["inputs_fingerprint"]),
        }
    )


@dg.multi_asset_check(
    name=GATE,
    specs=[
        dg.AssetCheckSpec(
            name=GATE,
            asset=CANDIDATE_KEY,
            blocking=True,
            description="Great Expectations at the second door: keys, ranges, ordered intervals, nothing hidden shown.",
        ),
        dg.AssetCheckSpec(
            name=AUDIT,
            asset=CANDIDATE_KEY,
            blocking=True,
            description="Linear audit: no combination of published figures tells anything about fewer than k people.",
        ),
    ],
)
def publication_gate(context: dg.AssetCheckExecutionContext, workspace: Workspace) -> Iterator[dg.AssetCheckResult]:
    """The second gate: exactly the file that would be published."""
    settings = workspace.settings()
    from expectations.compared import check_compared
    from expectations.published import check_published

    say(context, "Checking the candidate publication (Great Expectations)")
    result = check_published(
        settings.candidate_path,
        min_respondents=settings.min_respondents,
        coverage=settled_definitions(settings).parameters["coverage"],
    ).joined(
        check_compared(
            settings.candidate_path,
            settings.published_path,
            settings.warehouse_path,
            max_rows_lost_share=settings.max_rows_lost_share,
            work=settings.warehouse_path.with_name("compared.duckdb"),
        )
    )
    from pipelines.confidentiality.audit import audit

    say(context, "Looking for anything about too few people that the candidate gives away (linear audit)")
    # Of exactly the figures that would be published, beside those that readers may have kept.
    previous = readable_before(settings)
    found = audit(settings.candidate_path, previous, settings.min_respondents, settings.warehouse_path)
    exposed = [one for one in found if one.kind != "change"]
    changed = late_data([one for one in found if one.kind == "change"], settings.min_respondents)
    for warning in changed:
        context.log.warning(warning)
    landed = json.loads(settings.gate_warnings_path.read_text(encoding="utf-8"))
    note_warnings(
        settings.candidate_path,
        [*landed, *(warning.told_to_readers for warning in result.warnings), *changed],
    )
    mark_audited(settings.candidate_path, passed=result.success and not exposed)
    yield from check_results(context, result, GATE, {"main": CANDIDATE_KEY}, write_pages(settings, result))
    yield audit_result(context, exposed, settings.min_respondents)


def readable_before(settings: Settings) -> list[Path]:
    """The publications that the audit reads beside the candidate, the newest first: as many as the setting says.

    The one in force comes first: after a rollback that is what readers have.
    """
    kept = [one for one in kept_publications(settings.published_path) if not one.in_force]
    before = [settings.published_path] if settings.published_path.is_file() else []
    return [*before, *(one.scorecard for one in reversed(kept))][: settings.audit_previous]


def late_data(changes: "Sequence[Exposure]", k: int) -> list[str]:
    """One warning for all figures that fewer than k people have changed since the publication before."""
    if not changes:
        return []
    indicators = sorted({name for change in changes for name in change.indicators})
    named = ", ".join(indicators[:5]) + (f" and {len(indicators) - 5} more" if len(indicators) > 5 else "")
    return [
        f"late data: {len(changes)} figure(s) of {named} differ from the publication before by what fewer than {k} "
        "people said; whoever has both files can tell. Publish months once their answers are in"
    ]


def audit_result(context: dg.AssetCheckExecutionContext, exposed: "Sequence[Exposure]", k: int) -> dg.AssetCheckResult:
    """The audit's outcome as a check; every exposure is named by its combination, and none by its figure."""
    stays = "Nothing is published and the last publication stays."
    defect = (
        f"{stays} This is a defect of the suppression (pipelines/confidentiality), not of the data: report it with "
        "this message, and never publish around the audit"
    )
    kept = (
        f"{stays} The new figures are safe by themselves, and not for whoever kept the former: wait for the next "
        "delivery, or take the former publication back from everybody who has it and run once with audit_previous = 0"
    )
    told = [f"linear audit: {one}. What to do: {kept if one.before else defect}." for one in exposed]
    for message in told[:EXPOSURES_TOLD]:
        context.log.error(message)
    more = f" (and {len(told) - 1} more: see findings)" if len(told) > 1 else ""
    return dg.AssetCheckResult(
        asset_key=CANDIDATE_KEY,
        check_name=AUDIT,
        passed=not exposed,
        severity=dg.AssetCheckSeverity.ERROR,
        description=told[0] + more if told else f"Nothing about fewer than {k} people can be worked out.",
        metadata={
            "exposed": len(exposed),
            "k": k,
            "findings": dg.MetadataValue.md("\n\n".join(told[:EXPOSURES_TOLD]) or "Nothing is exposed."),
        },
    )


@dg.asset(
    key=SCORECARD_KEY,
    deps=[CANDIDATE_KEY],
    group_name="publication",
    owners=[OWNER],
    kinds={"duckdb", "parquet"},
    pool=POOL,
)
def scorecard(context: dg.AssetExecutionContext, workspace: Workspace) -> dg.MaterializeResult:
    """The scorecard that BI tools open: one DuckDB file and its Parquet copy, replaced in one atomic rename."""
    with trying_again(context):
        settings = workspace.settings()
        kept = publish(settings.candidate_path, settings.published_path, _origin(settings), settings.keep_publications)
        shown = published_figures(settings.published_path)
        computed = computed_months(settings.warehouse_path)
    say(context, f"Published {settings.published_path}")
    for month in computed:
        context.log_event(dg.AssetMaterialization(asset_key=MONTHS_KEY, partition=month))
    return dg.MaterializeResult(
        metadata={
            "path": dg.MetadataValue.path(str(settings.published_path)),
            "kept as": dg.MetadataValue.path(str(kept)),
            "dagster/row_count": shown.rows,
            "months computed": _computed(computed, settled_inputs(settings).months),
            "whole company, last month": dg.MetadataValue.md(markdown_table(HEADLINE, shown.headline)),
            "whole company over time": dg.MetadataValue.md(line_plot(shown.months, shown.lines)),
            "units by status, last month": dg.MetadataValue.md(counts_table("status", shown.statuses)),
            "Data Docs": dg.MetadataValue.path(str(settings.data_docs_dir)),
            "quarantine": dg.MetadataValue.path(str(settings.quarantine_dir)),
            **{name: dg.MetadataValue.url(settings.report_path(name[-2:]).as_uri()) for name in REPORTS},
        }
    )


def _computed(computed: list[str], asked: list[str] | None) -> str:
    """The months that the run has computed, and those among them that were asked for."""
    ends = f"{computed[0]} to {computed[-1]} ({len(computed)})" if computed else "none: no month has changed"
    return ends if asked is None else f"{ends}; asked for: {asked[0]} to {asked[-1]} ({len(asked)})"


@dataclass(frozen=True)
class PublishedFigures:
    """What a person looks for first: rows, the whole company now and over time, and how many units have a figure."""

    rows: int
    headline: list[tuple[object, ...]]
    months: list[str]
    lines: dict[str, list[float | None]]
    statuses: dict[str, int]


def published_figures(published: Path) -> PublishedFigures:
    """Read them from a published file; the lines are of the units at the top, on 0 to 100, None where not published."""
    with duckdb.connect(str(published), read_only=True) as connection:
        [(rows,)] = connection.execute("select count(*) from scorecard").fetchall()
        headline = connection.execute(
            "select unit_name, status, round(client_index, 1), round(collaborator_index, 1), round(gap, 1), "
            "round(symmetry_index, 1), quadrant from scorecard "
            "where period = (select max(period) from scorecard where status = 'ok') "
            "and parent_unit_id is null order by 1"
        ).fetchall()
        top = connection.execute(
            "select strftime(period, '%Y-%m'), avg(client_index), avg(collaborator_index), avg(symmetry_index) "
            "from scorecard where parent_unit_id is null group by 1 order by 1"
        ).fetchall()
        statuses = connection.execute(
            "select status, count(*) from scorecard where period = (select max(period) from scorecard) group by 1"
        ).fetchall()
    names = ("symmetry index", "client index", "collaborator index")
    columns = (3, 1, 2)
    lines = {name: [row[column] for row in top] for name, column in zip(names, columns, strict=True)}
    return PublishedFigures(rows, headline, [row[0] for row in top], lines, dict(statuses))


@dg.asset(
    key=["publication", "report"],
    deps=[SCORECARD_KEY],
    group_name="publication",
    owners=[OWNER],
    kinds={"html"},
    pool=POOL,
    # A report that failed after its scorecard was published is written again by itself, once.
    automation_condition=dg.AutomationCondition.eager(),
)
def report(context: dg.AssetExecutionContext, workspace: Workspace) -> dg.MaterializeResult:
    """The first page to look at, in English and French: one HTML file each, which needs no network."""
    say(context, "Writing the report")
    settings = workspace.settings()
    with trying_again(context):
        paths = write_reports(settings, settled_definitions(settings).parameters["bar"])
    return dg.MaterializeResult(metadata={path.name: dg.MetadataValue.url(path.as_uri()) for path in paths})
