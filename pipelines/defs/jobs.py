"""The jobs, the same whoever starts them: the command line, the UI, a schedule or a sensor."""

from typing import Any

import dagster as dg

from pipelines.defs.months import MONTHS_KEY

SCORECARD_JOB = "scorecard"
LANDING_JOB = "land"
MONTHS_JOB = "recompute_months"

# Months are partitions, and asking for some starts the pipeline, which has none.
PIPELINE = dg.AssetSelection.all() - dg.AssetSelection.assets(MONTHS_KEY)

_ALIKE: dict[str, Any] = {
    # Imports dominate a run of this size: one process takes seconds where one process a step takes half a minute.
    "executor_def": dg.in_process_executor,
    # Named here, our logger serves the runs that the UI, a schedule or a sensor starts, as well as the command's.
    "config": {"loggers": {"console": {}}},
    # A run that is tried again starts over: what lies in the inbox may have changed since it settled its inputs.
    "tags": {"dagster/retry_strategy": "ALL_STEPS"},
}

scorecard_job = dg.define_asset_job(
    SCORECARD_JOB,
    selection=PIPELINE,
    description="From the extracts in the inbox to the published scorecard, through both gates.",
    **_ALIKE,
)

landing_job = dg.define_asset_job(
    LANDING_JOB,
    selection=dg.AssetSelection.groups("landing"),
    description="Land and check what is new in the inbox. Nothing is computed or published: the next scorecard does.",
    **_ALIKE,
)

months_job = dg.define_asset_job(
    MONTHS_JOB,
    selection=dg.AssetSelection.assets(MONTHS_KEY),
    description="Compute chosen months again and publish: press Materialize, choose one month or a range, launch. "
    "A range is one run of the job scorecard.",
    **_ALIKE,
)
