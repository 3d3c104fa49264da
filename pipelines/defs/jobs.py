"""The one job, the same whoever starts it: the command line, the UI, a schedule or a sensor."""

import dagster as dg

SCORECARD_JOB = "scorecard"

scorecard_job = dg.define_asset_job(
    SCORECARD_JOB,
    selection=dg.AssetSelection.all(),
    description="From the extracts in the inbox to the published scorecard, through both gates.",
    # Imports dominate a run of this size: one process takes seconds where one process a step takes half a minute.
    executor_def=dg.in_process_executor,
    # Named here, our logger serves the runs that the UI, a schedule or a sensor starts, as well as the command's.
    config={"loggers": {"console": {}}},
    # A run that is tried again starts over: what lies in the inbox may have changed since it settled its inputs.
    tags={"dagster/retry_strategy": "ALL_STEPS"},
)
