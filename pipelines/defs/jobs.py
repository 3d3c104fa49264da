"""The jobs, the same whoever starts them: the command line, the UI, a schedule or a sensor."""

import dagster as dg

from pipelines.defs.months import MONTHS_KEY

SCORECARD_JOB = "scorecard"
LANDING_JOB = "land"
MONTHS_JOB = "recompute_months"

# Months are partitions; all else has none, and a run of both must be launched for a month or a range.
PIPELINE = dg.AssetSelection.all() - dg.AssetSelection.assets(MONTHS_KEY)

scorecard_job = dg.define_asset_job(
    SCORECARD_JOB,
    selection=PIPELINE,
    description="From the extracts in the inbox to the published scorecard, through both gates.",
    # Imports dominate a run of this size: one process takes seconds where one process a step takes half a minute.
    executor_def=dg.in_process_executor,
    # Named here, our logger serves the runs that the UI, a schedule or a sensor starts, as well as the command's.
    config={"loggers": {"console": {}}},
    # A run that is tried again starts over: what lies in the inbox may have changed since it settled its inputs.
    tags={"dagster/retry_strategy": "ALL_STEPS"},
)

landing_job = dg.define_asset_job(
    LANDING_JOB,
    selection=dg.AssetSelection.groups("landing"),
    description="Land and check what is new in the inbox. Nothing is computed or published: the next scorecard does.",
    executor_def=dg.in_process_executor,
)

months_job = dg.define_asset_job(
    MONTHS_JOB,
    selection=dg.AssetSelection.all(),
    description="Compute chosen months again and publish. Choose one month or a range; all of it is one run.",
    executor_def=dg.in_process_executor,
)
