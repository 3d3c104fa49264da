"""Nothing phones home: Dagster, dbt and Great Expectations are told so where each of them looks."""

import yaml

from pipelines.settings import DBT_PROJECT_DIR, PROJECT_DIR


def test_dagster() -> None:
    home = PROJECT_DIR / "dagster_home" / "dagster.yaml"
    assert yaml.safe_load(home.read_text(encoding="utf-8"))["telemetry"] == {"enabled": False}
    # `dagster dev` without DAGSTER_HOME reads the file of the working folder.
    assert (PROJECT_DIR / "dagster.yaml").resolve() == home.resolve()


def test_dbt() -> None:
    project = yaml.safe_load((DBT_PROJECT_DIR / "dbt_project.yml").read_text(encoding="utf-8"))
    assert project["flags"]["send_anonymous_usage_stats"] is False


def test_great_expectations() -> None:
    from expectations.gate import _context

    assert _context().config.analytics_enabled is False
