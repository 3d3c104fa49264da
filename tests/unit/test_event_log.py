"""What a run writes through the kept connections is what Dagster reads, and every file is let go."""

import shutil
from pathlib import Path

import dagster as dg
import pytest

from pipelines.event_log import SqliteEventLog, run_instance
from pipelines.settings import PROJECT_DIR


@dg.asset(check_specs=[dg.AssetCheckSpec("holds", asset="table")])
def table():  # type: ignore[no-untyped-def]  # Dagster reads a return type as the asset's own
    return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN)])


def test_dagster_reads_what_a_run_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copyfile(PROJECT_DIR / "dagster_home" / "dagster.yaml", tmp_path / "dagster.yaml")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    job = dg.Definitions(assets=[table], jobs=[dg.define_asset_job("job", executor_def=dg.in_process_executor)])
    with run_instance() as instance:
        assert isinstance(instance.event_log_storage, SqliteEventLog)
        result = job.resolve_job_def("job").execute_in_process(instance=instance)
        written = len(instance.all_logs(result.run_id))
    assert not list(tmp_path.rglob("*.db-wal")), "a connection is still open"
    with dg.DagsterInstance.get() as plain:
        assert not isinstance(plain.event_log_storage, SqliteEventLog)
        assert len(plain.all_logs(result.run_id)) == written > 0
        assert plain.get_latest_materialization_event(dg.AssetKey("table")) is not None
        assert plain.get_run_by_id(result.run_id).status is dg.DagsterRunStatus.SUCCESS  # type: ignore[union-attr]


def test_the_ui_is_told_of_each_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The UI watches the run's file, which SQLite leaves as it is while a log stands beside it."""
    shutil.copyfile(PROJECT_DIR / "dagster_home" / "dagster.yaml", tmp_path / "dagster.yaml")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    job = dg.Definitions(assets=[table], jobs=[dg.define_asset_job("job", executor_def=dg.in_process_executor)])
    with run_instance() as instance:
        result = job.resolve_job_def("job").execute_in_process(instance=instance)
        storage = instance.event_log_storage
        assert isinstance(storage, SqliteEventLog)
        file = Path(storage.path_for_shard(result.run_id))
        before = file.stat().st_mtime_ns
        instance.report_engine_event("one more", dagster_run=instance.get_run_by_id(result.run_id))
        assert file.stat().st_mtime_ns > before
