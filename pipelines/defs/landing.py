"""Landing: extracts become typed, pseudonymised rows, and the first gate decides whether they may go on."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import dagster as dg
import duckdb

from pipelines.defs.extracts import contracts_in_force, extract_key
from pipelines.defs.freshness import landing_freshness
from pipelines.defs.gates import check_results, write_pages
from pipelines.defs.loggers import say
from pipelines.defs.pictures import counts_table, markdown_table
from pipelines.defs.resources import POOL, Workspace
from pipelines.defs.retries import trying_again
from pipelines.extracts.archive import expire
from pipelines.extracts.contract import Contract
from pipelines.extracts.deliveries import Receipt, live_receipts
from pipelines.extracts.entities import ENTITIES
from pipelines.extracts.forgetting import expire_rows, finish_forgetting
from pipelines.extracts.landing import create_landing_views, land_inbox, pending_fingerprint
from pipelines.extracts.onboarding.source_states import states_of
from pipelines.extracts.pseudonyms import load_or_create_key
from pipelines.extracts.rotation import Landing, finish_rotation
from pipelines.publication.inputs import code_version, nothing_new, settle_inputs
from pipelines.publication.months import parse_months, record_months, within_record
from pipelines.settings import Settings

if TYPE_CHECKING:
    from expectations.gate import GateResult

GATE = "landing_gate"
LEDGER = "delivery"
OWNER = "team:data-engineering"
# A daily source has thousands of deliveries; ops look at the last ones.
DELIVERIES_SHOWN = 15


class LandingConfig(dg.Config):
    """How a run treats what it has already seen."""

    force: bool = False
    """Recompute and publish even when nothing is new."""

    months: str | None = None
    """A month or a range of months to compute again, as `2025-01` or `2025-01..2025-06`; implies `force`."""


def landing_key(entity: str) -> dg.AssetKey:
    """The asset key of an entity's landing table, e.g. ``landing/case``."""
    return dg.AssetKey(["landing", entity])


def _specs() -> list[dg.AssetSpec]:
    feeders: dict[str, list[Contract]] = {name: [] for name in ENTITIES}
    for contract in contracts_in_force():
        for entity in {output.entity for output in contract.resolved_outputs()}:
            feeders[entity].append(contract)
    return [
        dg.AssetSpec(
            key=landing_key(name),
            deps=[extract_key(contract) for contract in feeders[name]],
            freshness_policy=landing_freshness(feeders[name]),
            description=entity.description,
            group_name="landing",
            owners=[OWNER],
            kinds={"duckdb", "parquet"},
            skippable=True,
            metadata={
                "dagster/column_schema": dg.TableSchema(
                    columns=[
                        dg.TableColumn(field.name, field.type, description=field.description) for field in entity.fields
                    ]
                )
            },
        )
        for name, entity in ENTITIES.items()
    ] + [
        dg.AssetSpec(
            key=landing_key(LEDGER),
            description="The ledger of deliveries in force: one row for each file that has landed and counts.",
            group_name="landing",
            owners=[OWNER],
            kinds={"duckdb"},
            skippable=True,
        )
    ]


@dg.multi_asset(specs=_specs(), name="landing", pool=POOL)
def landing(
    context: dg.AssetExecutionContext, config: LandingConfig, workspace: Workspace
) -> Iterator[dg.MaterializeResult]:
    """Land what is new in the inbox; when nothing is new since the last publication, the run ends here."""
    with trying_again(context):
        yield from _land(context, config, workspace.settings())


def _computes(context: dg.AssetExecutionContext) -> bool:
    """Whether the run goes on from landing to figures; one that only lands leaves the inputs of the last in place.

    Otherwise steps launched alone afterwards would publish the old figures as made from what has landed since.
    """
    return any(key.path[0] != "landing" for key in context.job_def.asset_layer.selected_asset_keys)


def _land(
    context: dg.AssetExecutionContext, config: LandingConfig, settings: Settings
) -> Iterator[dg.MaterializeResult]:
    months = parse_months(config.months) if config.months else None
    contracts = contracts_in_force()
    place = Landing(settings.landing_dir, settings.warehouse_path)
    told = finish_rotation(place, settings.key_path, settings.key_from_environment())
    if told:
        say(context, told)
    if not config.force and months is None and nothing_new(settings, contracts):
        say(context, "Nothing new since the last publication: nothing is computed, nothing is published.")
        return
    pending = pending_fingerprint(settings.inbox_dir, settings.landing_dir, contracts, archive=settings.archive_dir)
    key = load_or_create_key(settings.key_path, settings.key_from_environment())
    places = (settings.landing_dir, settings.quarantine_dir, settings.archive_dir, settings.warehouse_path)
    told = finish_forgetting(*places, key, partial(say, context))
    if told:
        say(context, told)
    report = land_inbox(
        settings.inbox_dir,
        settings.landing_dir,
        settings.quarantine_dir,
        contracts,
        key,
        archive=settings.archive_dir,
        keep_originals=settings.originals_stay,
        settle_seconds=settings.settle_seconds,
        refuse_forgotten=settings.forgotten_people == "refuse",
        progress=partial(say, context),
    )
    expired = expire(settings.archive_dir, settings.archive_days, datetime.now(UTC))
    over = expire_rows(*places, settings.retention, datetime.now(UTC).date(), partial(say, context))
    for contract, rows in over.rows.items():
        say(context, f"{rows} row(s) of {contract} have left the landing: their time is over (retention_months)")
    if expired:
        say(context, f"{len(expired)} original(s) older than {settings.archive_days} days left the archive")
    for refusal in report.refused:
        context.log.warning(f"{refusal.file} is refused ({refusal.reason}): {refusal.message}")
    by_name = {contract.full_name: contract for contract in contracts}
    for receipt in report.receipts:
        _observe(context, by_name[receipt.contract], receipt)
    live = live_receipts(settings.landing_dir)
    if not live:
        raise dg.Failure(
            f"Nothing has landed from {settings.inbox_dir}: no file there fits a contract. "
            "Put extracts there (symmetry simulate writes an example company's), or add a contract."
        )
    if months is not None:
        within_record(months, record_months(live))
        say(context, f"Computing again: {months[0]} to {months[-1]} ({len(months)})")
    if _computes(context):
        settle_inputs(settings, pending, months)
    try:
        with duckdb.connect(str(settings.warehouse_path)) as connection:
            create_landing_views(connection, settings.landing_dir)
    except duckdb.Error as error:
        raise dg.Failure(
            f"{settings.warehouse_path} cannot be opened ({str(error).splitlines()[0]}). Close whatever else has it "
            "open; if it is damaged, `symmetry run --rebuild` makes it anew from the landing. Nothing is lost.",
            allow_retries=False,
        ) from error
    refused = dg.MetadataValue.md("\n".join(f"- `{r.file}`: {r.message}" for r in report.refused) or "none")
    for entity in ENTITIES:
        deliveries = [receipt for receipt in live if entity in receipt.outputs]
        yield dg.MaterializeResult(
            asset_key=landing_key(entity),
            metadata={
                "dagster/row_count": sum(receipt.outputs[entity] for receipt in deliveries),
                "deliveries": len(deliveries),
                "source rows read": sum(receipt.read for receipt in deliveries),
                "source rows landed": sum(receipt.landed for receipt in deliveries),
                "source rows quarantined": sum(receipt.quarantined for receipt in deliveries),
                "quarantine rate (%)": _quarantine_rate(deliveries),
                "exact duplicates": sum(receipt.duplicates for receipt in deliveries),
                "months touched": _months(deliveries),
                "deliveries, the newest first": dg.MetadataValue.md(_deliveries_table(deliveries)),
                "files refused in this run": refused,
            },
        )

    yield dg.MaterializeResult(
        asset_key=landing_key(LEDGER),
        metadata={
            "dagster/row_count": len(live),
            "landed in this run": len(report.receipts),
            "landed before": len(report.unchanged),
            "files refused in this run": refused,
            "originals archived in this run": len(report.archived),
            "originals expired in this run": len(expired),
        },
    )


def _quarantine_rate(receipts: list[Receipt]) -> float:
    read = sum(receipt.read for receipt in receipts)
    return round(100 * sum(receipt.quarantined for receipt in receipts) / read, 2) if read else 0.0


def _deliveries_table(receipts: list[Receipt]) -> str:
    newest = sorted(receipts, key=lambda receipt: receipt.landed_at, reverse=True)[:DELIVERIES_SHOWN]
    return markdown_table(
        ("file", "landed at (UTC)", "rows read", "quarantined", "months"),
        [(f"`{r.file}`", f"{r.landed_at:%Y-%m-%d %H:%M}", r.read, r.quarantined, _months([r])) for r in newest],
    )


def _months(receipts: list[Receipt]) -> str:
    months = sorted({month for receipt in receipts for month in receipt.months})
    return f"{months[0]} to {months[-1]} ({len(months)})" if months else "none"


def _observe(context: dg.AssetExecutionContext, contract: Contract, receipt: Receipt) -> None:
    """Write a delivery's figures on the extract's own asset, where the person who owns the source looks.

    What came through the inbox is an event of the source, from which Dagster tells whether it is late; an original
    that was read anew from the archive is not.
    """
    event = dg.AssetObservation if receipt.original else dg.AssetMaterialization
    share = receipt.quarantined / receipt.read if receipt.read else 0.0
    context.log_event(
        event(
            asset_key=extract_key(contract),
            metadata={
                "file": receipt.file,
                "delivery": receipt.delivery_id,
                "bytes": receipt.bytes,
                "dagster/row_count": receipt.read,
                "rows landed": receipt.landed,
                "rows quarantined": receipt.quarantined,
                "quarantine rate (%)": round(100 * share, 2),
                "exact duplicates": receipt.duplicates,
                "rows filtered": receipt.filtered,
                "reasons": dg.MetadataValue.md(counts_table("reason", receipt.reasons)),
                "months touched": _months([receipt]),
            },
        )
    )


@dg.multi_asset_check(
    name=GATE,
    specs=[
        dg.AssetCheckSpec(
            name=GATE,
            asset=landing_key(entity),
            blocking=True,
            description="Great Expectations at the first door: counts add up, few rows in quarantine, keys, ranges.",
        )
        for entity in ENTITIES
    ],
)
def landing_gate(context: dg.AssetCheckExecutionContext, workspace: Workspace) -> Iterator[dg.AssetCheckResult]:
    """The first gate: what has landed, checked before any model reads it."""
    settings: Settings = workspace.settings()
    say(context, "Checking what has landed (Great Expectations)")
    try:
        result = _checked(settings)
    except duckdb.Error as error:
        raise dg.Failure(
            f"What has landed cannot be read ({str(error).splitlines()[0]}). `symmetry deliveries --verify` names the "
            "files that are damaged, and `--repair` has those whose original is archived landed anew.",
            allow_retries=False,
        ) from error
    settings.gate_warnings_path.write_text(
        json.dumps([warning.told_to_readers for warning in result.warnings]), encoding="utf-8"
    )
    tables = {f"landing.{entity}": landing_key(entity) for entity in ENTITIES}
    yield from check_results(context, result, GATE, tables, write_pages(settings, result))


def _checked(settings: Settings) -> "GateResult":
    from expectations.landing import check_landing

    return check_landing(
        settings.warehouse_path,
        settings.landing_dir,
        settings.quarantine_dir,
        max_quarantine_share=settings.max_quarantine_share,
        rules=code_version(),
        sources=[
            state
            for state in states_of(
                contracts_in_force(), live_receipts(settings.landing_dir), datetime.now(UTC).replace(tzinfo=None)
            )
            if state.source not in settings.retired
        ],
        grace=settings.stale_grace_days,
        accepted=settings.accepted,
    )
