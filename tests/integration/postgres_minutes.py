"""A schedule that runs every minute once it is switched on, and a job of one line, for the test of the storage."""

import dagster as dg


@dg.op
def say_so(context: dg.OpExecutionContext) -> None:
    """Leave a line in the run's log."""
    context.log.info("a minute has passed")


@dg.job(executor_def=dg.in_process_executor)
def minute() -> None:
    """What the schedule launches."""
    say_so()


every_minute = dg.ScheduleDefinition(name="every_minute", job=minute, cron_schedule="* * * * *")
defs = dg.Definitions(jobs=[minute], schedules=[every_minute])
