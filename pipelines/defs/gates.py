"""A gate's outcome, said in Dagster's terms: one check result per asset, which expectation, how many rows, examples."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from pipelines.settings import Settings

if TYPE_CHECKING:
    from expectations.gate import ExpectationOutcome, GateResult


def write_pages(settings: Settings, result: "GateResult") -> str:
    """Write the Data Docs of a gate, remove those whose time is over, and return the address of the new index."""
    from expectations.data_docs import expire, write_data_docs

    now = datetime.now(UTC)
    expire(settings.data_docs_dir, settings.data_docs_days, now)
    return write_data_docs(result, settings.data_docs_dir, now).as_uri()


def check_results(
    context: dg.AssetCheckExecutionContext,
    result: "GateResult",
    check: str,
    assets: Mapping[str, dg.AssetKey],
    pages: str,
) -> Iterator[dg.AssetCheckResult]:
    """One result an asset, from the outcomes on its table.

    Args:
        context: the step, whose log gets the failure messages.
        result: what the gate found.
        check: the check's name.
        assets: asset key by table; an outcome on a table that is not listed counts for every asset, since nothing
            can be trusted when the deliveries' own counts do not add up. A mere warning of such a table is said once.
        pages: address of the gate's Data Docs.
    """
    first = next(iter(assets))
    for table, key in assets.items():
        outcomes = [
            outcome
            for outcome in result.outcomes
            if outcome.table == table
            or (outcome.table not in assets and (table == first or outcome.severity == "error"))
        ]
        failures = [outcome for outcome in outcomes if not outcome.success]
        errors = [outcome for outcome in failures if outcome.severity == "error"]
        for failure in failures:
            if failure.table == table or table == first:
                tell = context.log.error if failure.severity == "error" else context.log.warning
                tell(failure.message)
        yield dg.AssetCheckResult(
            asset_key=key,
            check_name=check,
            passed=not failures,
            severity=dg.AssetCheckSeverity.ERROR if errors else dg.AssetCheckSeverity.WARN,
            # Read at a glance; the UI folds long Markdown away.
            description=_in_short(errors or failures),
            metadata={
                "expectations": len(outcomes),
                "failed": len(failures),
                "Data Docs": dg.MetadataValue.url(pages),
                "findings": dg.MetadataValue.md("\n\n".join(f.message for f in failures) or "All expectations hold."),
            },
        )


def _in_short(failures: "Sequence[ExpectationOutcome]") -> str:
    if not failures:
        return "All expectations hold."
    more = f" (and {len(failures) - 1} more: see findings)" if len(failures) > 1 else ""
    return failures[0].message + more
