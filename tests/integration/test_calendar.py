"""Forty-eight hours of a frozen calendar, over the change to summer time, with a daemon that is killed twice.

Paris time. Saturday 28 March 2026, 20:00, to Monday 20:00; clocks go forward on Sunday at 2:00. Landing at 6:00,
publication at 7:00 and 19:00. Files arrive on Saturday evening, one of them in two halves; the daemon is away on Sunday
from 5:30 to 8:30, over one landing and one publication; a late file comes on Sunday at noon and the daemon is killed
when its sensor has just ordered the run; the same file is delivered again in the afternoon. Monday brings nothing.
"""

import json
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
import yaml

from pipelines.definitions import defs
from pipelines.defs.jobs import MONTHS_JOB
from pipelines.defs.months import ASKED_BY_TAG, MONTHS_KEY
from pipelines.settings import PROJECT_DIR
from tests.integration.conftest import TINY, Company, write_tiny_company

LATER = "number\temployee\topened\tanswered\n" + "".join(
    f"{900 + place}\tstaff-N1-0\t03/02/2025 09:00\t03/02/2025 10:00\n" for place in range(12)
)


def _hours(company: Company, *arguments: str, dies: bool = False) -> str:
    command = [sys.executable, str(Path(__file__).with_name("calendar_hours.py")), *arguments]
    done = subprocess.run(
        command, env=company.environment, cwd=PROJECT_DIR, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == (-signal.SIGKILL if dies else 0), done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def weekend(new_company: Callable[..., Company], tmp_path_factory: pytest.TempPathFactory) -> Company:
    given = tmp_path_factory.mktemp("given")
    write_tiny_company(given)
    (given / "requests_later.tsv").write_text(LATER, encoding="utf-8")
    (given / "mystery.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    contracts = tmp_path_factory.mktemp("contracts")
    shutil.copytree(TINY / "contracts", contracts, dirs_exist_ok=True)
    with (contracts / "tiny.request.yml").open("a", encoding="utf-8") as contract:
        contract.write("\ncadence: daily\n")
    with (contracts / "tiny.case.yml").open("a", encoding="utf-8") as contract:
        contract.write("\ncadence: monthly\n")
    company = new_company(
        "weekend",
        contracts_dir=contracts,
        definitions=TINY / "definitions",
        publication_cron="0 7,19 * * *",
        settle_seconds=0,
    )
    home = Path(company.environment["SYMMETRY_DAGSTER_HOME"])
    instance = yaml.safe_load((home / "dagster.yaml").read_text(encoding="utf-8"))
    # The queue and its limits are the real ones; the runs work in the daemon's own process.
    launcher = "dagster._core.launcher.sync_in_memory_run_launcher"
    instance["run_launcher"] = {"module": launcher, "class": "SyncInMemoryRunLauncher"}
    (home / "dagster.yaml").write_text(yaml.safe_dump(instance), encoding="utf-8")
    cases, later = given / "cases.jsonl", {"name": "requests_later.tsv", "source": str(given / "requests_later.tsv")}
    half = str(cases.stat().st_size // 2)
    whole = [path for path in sorted(given.iterdir()) if path.name not in ("cases.jsonl", "requests_later.tsv")]
    evening = [{"name": path.name, "source": str(path)} for path in whole]
    plan = {
        "2026-03-28T19:30:00+00:00": [*evening, {"name": cases.name, "source": str(cases), "to": half}],
        "2026-03-28T20:00:00+00:00": [{"name": cases.name, "source": str(cases), "from": half, "append": "yes"}],
        "2026-03-29T10:00:00+00:00": [later],
        "2026-03-29T12:00:00+00:00": [later],
    }
    (home / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    _hours(company, "2026-03-28T20:00:00+01:00", "2026-03-29T05:30:00+02:00")
    _hours(company, "2026-03-29T08:30:00+02:00", "2026-03-29T18:00:00+02:00", "--die-in-sensor", dies=True)
    _hours(company, "2026-03-29T13:00:00+02:00", "2026-03-30T20:00:00+02:00")
    return company


@pytest.fixture(scope="module")
def runs(weekend: Company) -> list[dg.DagsterRun]:
    with dg.DagsterInstance.from_config(weekend.environment["SYMMETRY_DAGSTER_HOME"]) as instance:
        return list(instance.get_runs())[::-1]


def test_what_arrived_is_published_once_and_the_late_file_at_the_next_time(weekend: Company) -> None:
    rows = weekend.query("select deliveries, rows_read, inputs_fingerprint from publications order by published_at")
    assert rows["deliveries"].to_list() == [6, 7]
    assert rows["rows_read"].to_list() == [88, 100]
    assert rows["inputs_fingerprint"].n_unique() == 2


def test_every_run_was_ordered_once_and_succeeded(runs: list[dg.DagsterRun]) -> None:
    assert {run.status for run in runs} == {dg.DagsterRunStatus.SUCCESS}
    by = Counter((run.job_name, run.tags.get("dagster/sensor_name", "clock")) for run in runs)
    assert by == {
        ("land", "inbox_sensor"): 2,
        ("land", "clock"): 2,
        ("scorecard", "clock"): 4,
        # Sunday at 4:30.
        ("housekeeping", "clock"): 1,
    }
    keys = [run.tags["dagster/run_key"] for run in runs if "dagster/run_key" in run.tags]
    assert len(keys) == len(set(keys))


def test_the_half_file_was_waited_for_and_those_beside_it_came_with_it(runs: list[dg.DagsterRun]) -> None:
    evening, late = [run.tags["symmetry/files"] for run in runs if "symmetry/files" in run.tags]
    assert evening.split(", ") == [
        "cases.jsonl",
        "client_answers.json",
        "collaborator_answers.json",
        "employees.parquet",
        "mystery.csv",
        "requests.tsv",
        "units.csv",
    ]
    assert late == "requests_later.tsv"


def test_nothing_was_refused_but_the_unknown_file_and_the_copy_left_the_inbox(weekend: Company) -> None:
    assert [path.name for path in weekend.inbox.iterdir()] == ["mystery.csv"]
    refused = (weekend.data / "landing" / "_refused_ledger.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["file"] for line in refused] == ["mystery.csv"]


def test_times_are_those_of_the_wall_clock_over_the_change(weekend: Company) -> None:
    with dg.DagsterInstance.from_config(weekend.environment["SYMMETRY_DAGSTER_HOME"]) as instance:
        [landing] = [s for s in instance.all_instigator_state() if s.instigator_name == "landing_schedule"]
        ticks = instance.get_ticks(landing.instigator_origin_id, landing.selector_id)
        due = sorted(tick.timestamp for tick in ticks)
    # 6:00 in Paris on Sunday and Monday: 4:00 UTC, once each, the first of them made up for.
    assert [int(time) for time in due] == [1774756800, 1774843200]


def test_a_source_is_late_by_its_contract(weekend: Company) -> None:
    # The last request came on Sunday at 13:00: daily sources are warned of after a day and a half, late after four.
    times = ("2026-03-30T20:00:00+02:00", "2026-03-31T08:00:00+02:00", "2026-04-05T08:00:00+02:00")
    states = json.loads(_hours(weekend, times[0], "--fresh", *times[1:]))
    assert [state["request"] for state in states] == ["PASS", "WARN", "FAIL"]
    assert {state["case"] for state in states} == {"PASS"}


def test_months_outside_the_record_are_wrong_use_and_publish_nothing(weekend: Company) -> None:
    done = weekend.symmetry("run", "--months", "2019-01..2019-02")
    assert done.returncode == 2
    assert "outside the record, which goes from 2025-01 to 2025-02" in " ".join(done.stderr.split())
    assert weekend.query("select count(*) from publications").item() == 2


def test_a_range_of_months_is_one_run_and_each_month_says_when_it_was_computed(
    weekend: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Launched as the UI does it, with the range as tags of a single run."""
    weekend.use_in_this_process(monkeypatch)
    monkeypatch.setenv("DAGSTER_HOME", weekend.environment["SYMMETRY_DAGSTER_HOME"])
    tags = {"dagster/asset_partition_range_start": "2025-01", "dagster/asset_partition_range_end": "2025-02"}
    with dg.DagsterInstance.get() as instance:
        before = instance.get_runs_count()
        done = defs.resolve_job_def(MONTHS_JOB).execute_in_process(instance=instance, tags=tags)
        assert done.success
        # The one that asks, and the one that computes.
        assert instance.get_runs_count() == before + 2
        [computing] = instance.get_runs(dg.RunsFilter(tags={ASKED_BY_TAG: done.run_id}))
        assert (computing.job_name, computing.status) == ("scorecard", dg.DagsterRunStatus.SUCCESS)
        filters = dg.AssetRecordsFilter(asset_key=MONTHS_KEY)
        records = instance.fetch_materializations(filters, limit=100).records
    computed = {record.partition_key for record in records if record.run_id == done.run_id}
    assert computed == {"2025-01", "2025-02"}
    assert {record.partition_key for record in records if record.run_id == computing.run_id} == computed
    inputs = json.loads((weekend.data / "warehouse" / "inputs.json").read_text(encoding="utf-8"))
    assert inputs["months"] == ["2025-01", "2025-02"]
    assert weekend.query("select count(*) from publications").item() == 3
