"""Schedules follow the settings and the company's clock, over both changes of daylight saving."""

from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
import yaml
from dagster._utils.schedules import cron_string_iterator

from pipelines.definitions import defs
from pipelines.defs.jobs import LANDING_JOB, SCORECARD_JOB
from pipelines.defs.schedules import build_schedule
from pipelines.publication.lock import COMPANY_TAG
from pipelines.settings import PROJECT_DIR, Settings

PARIS = ZoneInfo("Europe/Paris")


def _times(schedule: dg.ScheduleDefinition, after: datetime, count: int) -> list[datetime]:
    cron, zone = schedule.cron_schedule, schedule.execution_timezone
    assert isinstance(cron, str)
    return [time.astimezone(UTC) for time in islice(cron_string_iterator(after.timestamp(), cron, zone), count)]


def test_daily_landing_and_monthly_publication_by_default_in_paris() -> None:
    schedules = {schedule.name: schedule for schedule in defs.schedules or []}
    landing, publication = schedules["landing_schedule"], schedules["publication_schedule"]
    assert isinstance(landing, dg.ScheduleDefinition)
    assert isinstance(publication, dg.ScheduleDefinition)
    assert (landing.job_name, landing.cron_schedule, landing.execution_timezone) == (
        LANDING_JOB,
        "0 6 * * *",
        "Europe/Paris",
    )
    assert (publication.job_name, publication.cron_schedule) == (SCORECARD_JOB, "0 7 2 * *")
    assert landing.default_status is dg.DefaultScheduleStatus.RUNNING


def test_both_follow_the_settings(workspace: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "SYMMETRY_PUBLICATION_CRON": "0 5 * * 1-5",
        "SYMMETRY_TIMEZONE": "America/Montreal",
        "SYMMETRY_AUTOMATION": "false",
    }.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    schedule = build_schedule(settings, "s", SCORECARD_JOB, settings.publication_cron, "When.")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 5 * * 1-5", "America/Montreal")
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED


def test_a_cron_expression_that_is_none_is_refused(workspace: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMMETRY_LANDING_CRON", "every morning")
    with pytest.raises(ValueError, match="give five fields"):
        Settings()


@pytest.mark.parametrize(
    ("after", "expected_utc"),
    [
        # 29 March 2026: clocks go from 2:00 to 3:00; 6:00 in Paris is 5:00 UTC before and 4:00 UTC from then on.
        (datetime(2026, 3, 28, 0, tzinfo=PARIS), ["03-28 05:00", "03-29 04:00", "03-30 04:00"]),
        # 25 October 2026: clocks go back from 3:00 to 2:00.
        (datetime(2026, 10, 24, 0, tzinfo=PARIS), ["10-24 04:00", "10-25 05:00", "10-26 05:00"]),
    ],
)
def test_landing_stays_at_six_by_the_clock_on_the_wall(after: datetime, expected_utc: list[str]) -> None:
    schedule = build_schedule(Settings(), "s", LANDING_JOB, "0 6 * * *", "When.")
    assert [f"{time:%m-%d %H:%M}" for time in _times(schedule, after, 3)] == expected_utc


@pytest.mark.parametrize(
    ("after", "expected_utc"),
    [
        # 2:30 does not exist on 29 March: it comes at 3:00 Paris (1:00 UTC), once.
        (datetime(2026, 3, 28, 12, tzinfo=PARIS), ["03-29 01:00", "03-30 00:30"]),
        # 2:30 exists twice on 25 October: it comes once.
        (datetime(2026, 10, 24, 12, tzinfo=PARIS), ["10-25 01:30", "10-26 01:30"]),
    ],
)
def test_a_time_within_the_change_comes_exactly_once(after: datetime, expected_utc: list[str]) -> None:
    schedule = build_schedule(Settings(), "s", LANDING_JOB, "30 2 * * *", "When.")
    assert [f"{time:%m-%d %H:%M}" for time in _times(schedule, after, 2)] == expected_utc


def test_every_run_of_a_schedule_names_its_company() -> None:
    for schedule in defs.schedules or []:
        assert isinstance(schedule, dg.ScheduleDefinition)
        context = dg.build_schedule_context(scheduled_execution_time=datetime(2026, 11, 2, 6, tzinfo=UTC))
        [request] = schedule.evaluate_tick(context).run_requests or []
        assert request.tags[COMPANY_TAG] == str(Settings().company_dir)


def test_one_run_of_the_pipeline_goes_at_a_time() -> None:
    instance = yaml.safe_load((PROJECT_DIR / "dagster_home" / "dagster.yaml").read_text(encoding="utf-8"))
    assert instance["concurrency"]["runs"]["max_concurrent_runs"] == 1
    # With slots kept by step, one that a killed run held would stop every later one (DECISIONS 31).
    assert instance["concurrency"]["pools"] == {"granularity": "run", "default_limit": 1}
    assert instance["freshness"]["enabled"] is True
