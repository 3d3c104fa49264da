"""The real assets and the real job, with one sensor of the test's own: a file in a folder orders a run.

The schedules and sensors of the code location itself are left out, so that nothing but the test orders a run.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from pipelines import definitions
from pipelines.defs.jobs import SCORECARD_JOB, scorecard_job

ORDERS = Path(os.environ["TEST_ORDERS"])


@dg.sensor(
    job_name=SCORECARD_JOB, minimum_interval_seconds=1, default_status=dg.DefaultSensorStatus.RUNNING, name="orders"
)
def orders(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest]:
    """One run a file; the cursor is the last name seen."""
    for path in sorted(ORDERS.iterdir()):
        if path.name > (context.cursor or ""):
            context.update_cursor(path.name)
            yield dg.RunRequest(run_key=path.name)


defs = dg.Definitions(
    assets=definitions.defs.assets,
    asset_checks=definitions.defs.asset_checks,
    jobs=[scorecard_job],
    resources=definitions.defs.resources,
    executor=definitions.defs.executor,
    loggers=definitions.defs.loggers,
    sensors=[orders],
)
