"""When runs start by the clock: landing every day, a publication every month, or as the settings say.

Both go by the company's time zone. A time that daylight saving leaves out comes at the next one there is; a time that
it gives twice comes once.
"""

import dagster as dg

from pipelines.defs.jobs import LANDING_JOB, SCORECARD_JOB
from pipelines.publication.lock import COMPANY_TAG
from pipelines.settings import Settings


def schedule_status(settings: Settings) -> dg.DefaultScheduleStatus:
    """On or off before anybody has pressed the switch in the UI."""
    return dg.DefaultScheduleStatus.RUNNING if settings.automation else dg.DefaultScheduleStatus.STOPPED


def build_schedule(settings: Settings, name: str, job: str, cron: str, description: str) -> dg.ScheduleDefinition:
    """A schedule in the company's time zone, whose runs carry the company's tag."""
    return dg.ScheduleDefinition(
        name=name,
        job_name=job,
        cron_schedule=cron,
        execution_timezone=settings.timezone,
        default_status=schedule_status(settings),
        description=description,
        tags={COMPANY_TAG: str(settings.company_dir)},
    )


_SETTINGS = Settings()

landing_schedule = build_schedule(
    _SETTINGS,
    "landing_schedule",
    LANDING_JOB,
    _SETTINGS.landing_cron,
    "Lands and checks what lies in the inbox, so that a bad file is known the same day. Setting: landing_cron.",
)

publication_schedule = build_schedule(
    _SETTINGS,
    "publication_schedule",
    SCORECARD_JOB,
    _SETTINGS.publication_cron,
    "Computes and publishes the scorecard from all that has landed; when nothing is new the run ends at its first "
    "step. Setting: publication_cron.",
)
