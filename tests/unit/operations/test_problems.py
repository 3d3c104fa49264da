"""What is wrong in a state: exact words, identities and exit codes."""

from datetime import date, datetime, timedelta

import pytest

from pipelines.extracts.contract import load_contracts
from pipelines.extracts.onboarding.source_states import dated, states_of
from pipelines.operations.problems import Limits, exit_code, problems_of
from pipelines.operations.runs import CommandRecord, Stop, failures_in_force
from pipelines.operations.ruptures import OpenRupture
from pipelines.operations.status import Disk, Overfull, Publication, Quarantine, Source, Status, Unreadable
from pipelines.settings import CONTRACTS_DIR
from tests.unit.operations.conftest import NOW, ended, receipt

LIMITS = Limits(stale_grace_days=None, publication_max_age_days=40, slow_run_minutes=60, min_free_disk_gb=2)
GATE = ("landing_gate", "DagsterAssetCheckFailedError")


def found(status: Status, **changed: object) -> list[tuple[str, str]]:
    return [(p.severity, p.identity) for p in problems_of(status.model_copy(update=changed), LIMITS)]


def test_a_healthy_state_has_no_problem(well: Status) -> None:
    assert problems_of(well, LIMITS) == []
    assert exit_code([]) == 0


@pytest.mark.parametrize(
    ("severities", "code"),
    [
        (("news",), 0),
        (("news", "warning"), 1),
        (("warning", "critical"), 2),
        (("warning", "unknown"), 3),
        (("unknown", "critical"), 2),
    ],
)
def test_exit_codes(well: Status, severities: tuple[str, ...], code: int) -> None:
    [one] = problems_of(well.model_copy(update={"publication": None}), LIMITS)
    assert exit_code([one.model_copy(update={"severity": severity}) for severity in severities]) == code


def test_a_retry_that_fails_alike_is_the_same_problem(well: Status) -> None:
    runs = (ended("failed", 1, GATE), ended("canceled", 2), ended("failed", 3, GATE), ended("succeeded", 9))
    [problem] = problems_of(well.model_copy(update={"runs": runs}), LIMITS)
    assert problem.identity == "run scorecard / landing_gate / DagsterAssetCheckFailedError"
    assert problem.since == NOW - timedelta(hours=3)
    assert problem.text == (
        "The job scorecard was stopped by a check after landing_gate; the last publication stays as it was."
    )


def test_another_step_or_error_is_another_problem_and_a_success_ends_both(well: Status) -> None:
    runs = (ended("failed", 1, ("statistics", "ValueError")), ended("failed", 2, GATE))
    assert found(well, runs=runs) == [
        ("critical", "run scorecard / statistics / ValueError"),
        ("critical", "run scorecard / landing_gate / DagsterAssetCheckFailedError"),
    ]
    assert found(well, runs=(ended("succeeded", 0.5), *runs)) == []


def test_landing_ends_its_own_failures_only_and_a_whole_job_ends_landings_too() -> None:
    from pipelines.defs.jobs import LANDING_JOB, MONTHS_JOB, SCORECARD_JOB
    from pipelines.operations import runs as names

    assert (LANDING_JOB, {SCORECARD_JOB, MONTHS_JOB}) == (names.LANDING_JOB, names.WHOLE_JOBS)
    failed = [ended("failed", 2, GATE), ended("failed", 2, GATE, job="land"), ended("failed", 3, GATE, job="purge")]

    def left(job: str) -> list[str]:
        return [name for name, *_ in failures_in_force([ended("succeeded", 1, job=job), *failed], None)]

    assert left("land") == ["scorecard", "purge"]
    assert left("recompute_months") == ["purge"]
    assert left("purge") == ["scorecard", "land"]


def test_a_command_that_ended_well_later_ends_a_failure_without_a_run(well: Status) -> None:
    """A bad delivery is withdrawn, and `symmetry run` finds nothing new."""
    runs = (ended("failed", 2, GATE),)
    assert found(well, runs=runs, command=CommandRecord(well_at=NOW - timedelta(hours=1))) == []
    assert len(found(well, runs=runs, command=CommandRecord(well_at=NOW - timedelta(hours=3)))) == 1


def test_a_run_that_died_and_one_that_goes_on_for_too_long(well: Status) -> None:
    going = ended("running", 0).model_copy(update={"started": NOW - timedelta(hours=1, seconds=1), "ended": None})
    runs = (going, ended("failed", 7, ("", "NoWord")))
    first, second = problems_of(well.model_copy(update={"runs": runs}), LIMITS)
    assert first.text == "The job scorecard ended without a word (killed, or out of memory)."
    assert (second.severity, second.identity) == ("warning", "slow run running-0")
    just = going.model_copy(update={"started": NOW - timedelta(hours=1)})
    assert found(well, runs=(just,)) == []


def test_a_command_that_stopped_before_a_run(well: Status) -> None:
    stop = Stop(error="DefinitionsError", since=NOW - timedelta(days=1), at=NOW)
    [problem] = problems_of(well.model_copy(update={"command": CommandRecord(stop=stop)}), LIMITS)
    assert (problem.severity, problem.identity) == ("critical", "command DefinitionsError")
    assert problem.since == NOW - timedelta(days=1)


@pytest.mark.parametrize(("age", "expected"), [(40, []), (41, [("warning", "old publication")])])
def test_age_of_the_publication(well: Status, age: int, expected: list[tuple[str, str]]) -> None:
    old = Publication(publication_id="p", published_at=NOW, age_days=age, last_period=None, units=1)
    assert found(well, publication=old) == expected


def test_no_publication_is_critical_and_an_unreadable_one_is_not_told_for_none(well: Status) -> None:
    assert found(well, publication=None) == [("critical", "no publication")]
    broken = Unreadable(part="publication", error="PublishedFileError", message="/secret/path")
    assert found(well, publication=None, unreadable=(broken,)) == [("unknown", "unreadable publication")]
    [problem] = problems_of(well.model_copy(update={"publication": None, "unreadable": (broken,)}), LIMITS)
    assert "/secret" not in problem.text


@pytest.mark.parametrize(("free", "expected"), [(2_000_000_000, []), (1_999_999_999, [("critical", "disk")])])
def test_disk(well: Status, free: int, expected: list[tuple[str, str]]) -> None:
    assert found(well, disk=Disk(free_bytes=free, total_bytes=10**11, free_share=0.02)) == expected


def test_a_delivery_above_its_limit_and_refused_files(well: Status) -> None:
    bad = Overfull(
        delivery_id="d1",
        contract="desk.case",
        rows_read=1000,
        rows_quarantined=250,
        limit=0.1,
        reasons={"bad_date": 50, "missing": 200},
    )
    quarantine = Quarantine(deliveries=1, rows_read=1000, rows_quarantined=250, above_limit=(bad,))
    state = well.model_copy(update={"quarantine": quarantine, "refused": {"missing_column": 2}})
    over, refused = problems_of(state, LIMITS)
    assert over.text == (
        "250 of 1,000 rows of the delivery d1 of desk.case are in quarantine (missing 200, bad_date 50), above the "
        "limit of 10.0%."
    )
    assert (refused.identity, refused.text) == (
        "refused missing_column",
        "2 file(s) in the inbox are refused (missing_column).",
    )


@pytest.mark.parametrize(
    ("overdue", "retired", "stale"), [(5, False, False), (6, False, True), (None, False, False), (400, True, False)]
)
def test_a_source_is_stale_beyond_cadence_and_grace(
    well: Status, overdue: int | None, retired: bool, stale: bool
) -> None:
    source = Source(
        contract="hr.employee",
        cadence="monthly",
        version=NOW - timedelta(days=35),
        landed_at=NOW,
        age_days=35,
        overdue_days=overdue,
        retired=retired,
    )
    assert found(well, sources=(source,)) == ([("warning", "stale hr.employee")] if stale else [])


def test_a_rupture_is_news_whose_identity_outlives_its_estimated_start(well: Status) -> None:
    rupture = OpenRupture(
        unit_id="N2", unit_name="Équipe N2", pair_id=None, side="client", start_period=date(2026, 1, 1)
    )
    [one] = problems_of(well.model_copy(update={"ruptures": (rupture,)}), LIMITS)
    assert (one.severity, one.identity) == ("news", "rupture N2 / * / client")
    assert one.text == ("A rupture of symmetry is open in Équipe N2 (N2) as a whole, side client, since 2026-01.")
    moved = rupture.model_copy(update={"start_period": date(2025, 12, 1)})
    assert found(well, ruptures=(moved,)) == [("news", "rupture N2 / * / client")]


def test_the_age_of_a_source_goes_by_version_and_not_by_landing_again() -> None:
    contract = next(c for c in load_contracts(CONTRACTS_DIR) if c.full_name == "french_hr.employee")
    assert (contract.cadence, contract.delivery) == ("monthly", "snapshot")
    now = datetime(2026, 3, 20, 8)
    old = datetime(2026, 2, 1)
    again = receipt("french_hr.employee", old, named=old, landed_at=now)
    [state] = states_of([contract], [again], now)
    assert (state.age_days, state.overdue_days) == (47, 16)
    newer = receipt("french_hr.employee", datetime(2026, 3, 1), named=datetime(2026, 3, 1), delivery_id="b" * 16)
    [state] = states_of([contract], [newer, again], now)
    assert (state.age_days, state.overdue_days) == (19, 0)


def test_a_month_in_a_name_lasts_to_its_end_and_a_running_number_is_no_date() -> None:
    contract = next(c for c in load_contracts(CONTRACTS_DIR) if c.full_name == "french_hr.employee")
    assert contract.version_from is not None

    def by(named: datetime | None = None, **stated: str | None) -> datetime:
        changed = contract.version_from.model_copy(update=stated) if contract.version_from else None
        version = named or datetime(2026, 2, 3)
        one = receipt("french_hr.employee", version, named=named, landed_at=datetime(2026, 2, 4))
        return dated(contract.model_copy(update={"version_from": changed}), one)

    assert by(datetime(2025, 12, 1), format="%Y-%m") == datetime(2025, 12, 31, 23, 59, 59, 999999)
    assert by(datetime(2025, 1, 1), format="%Y") == datetime(2025, 12, 31, 23, 59, 59, 999999)
    assert by(datetime(1970, 1, 1, 0, 0, 7), file_date=None, file_sequence=r"(\d+)") == datetime(2026, 2, 4)
    assert by() == datetime(2026, 2, 3)
