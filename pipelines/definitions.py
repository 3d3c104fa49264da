"""The Dagster code location: a table of contents. Nothing is computed here.

extracts → landing → (gate) → definitions, staging, canonical, indicators → statistics → scorecard
→ candidate → (gate) → published scorecard → report, audiences
"""

from __future__ import annotations

import dagster as dg

from pipelines.defs.alerts import alert_on_failure, alert_on_problems
from pipelines.defs.audiences import audiences
from pipelines.defs.extracts import contracts_in_force, extract_specs
from pipelines.defs.housekeeping import housekeeping_job, housekeeping_schedule
from pipelines.defs.jobs import landing_job, months_job, scorecard_job
from pipelines.defs.landing import landing, landing_gate
from pipelines.defs.loggers import progress_logger
from pipelines.defs.months import months
from pipelines.defs.publication import candidate, publication_gate, report, scorecard
from pipelines.defs.resources import build_resources
from pipelines.defs.schedules import landing_schedule, publication_schedule
from pipelines.defs.sensors import automation_sensor, inbox_sensor, stuck_run_sensor
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
        months,
        report,
        audiences,
    ],
    asset_checks=[landing_gate, publication_gate],
    jobs=[scorecard_job, landing_job, months_job, housekeeping_job],
    schedules=[landing_schedule, publication_schedule, housekeeping_schedule],
    sensors=[inbox_sensor, stuck_run_sensor, automation_sensor, alert_on_failure, alert_on_problems],
    resources=build_resources(),
    executor=dg.in_process_executor,
    loggers={"console": progress_logger},
)
