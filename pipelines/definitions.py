"""The Dagster code location: a table of contents. Nothing is computed here.

extracts → landing → (gate) → definitions, staging, canonical, indicators → statistics → scorecard
→ candidate → (gate) → published scorecard → report
"""

from __future__ import annotations

import dagster as dg

from pipelines.defs.alerts import alert_on_failure, alert_on_problems
from pipelines.defs.extracts import contracts_in_force, extract_specs
from pipelines.defs.jobs import scorecard_job
from pipelines.defs.landing import landing, landing_gate
from pipelines.defs.loggers import progress_logger
from pipelines.defs.publication import candidate, publication_gate, report, scorecard
from pipelines.defs.resources import build_resources
from pipelines.defs.statistics import statistics
from pipelines.defs.transformation import dbt_indicators, dbt_scorecard

defs = dg.Definitions(
    assets=[
        *extract_specs(contracts_in_force()),
        landing,
        dbt_indicators,
        statistics,
        dbt_scorecard,
        candidate,
        scorecard,
        report,
    ],
    asset_checks=[landing_gate, publication_gate],
    jobs=[scorecard_job],
    sensors=[alert_on_failure, alert_on_problems],
    resources=build_resources(),
    executor=dg.in_process_executor,
    loggers={"console": progress_logger},
)
