"""Only what may pass by itself is tried again, with growing waits."""

import errno
import subprocess
import sys
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from pipelines.defs.retries import is_transient, trying_again, wait_before
from pipelines.publication.lock import WarehouseBusyError
from pipelines.settings import Settings


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (WarehouseBusyError("another process"), True),
        (OSError(errno.EAGAIN, "try again"), True),
        (OSError(errno.ETIMEDOUT, "the share does not answer"), True),
        (OSError(errno.ENOSPC, "the disk is full"), False),
        (PermissionError(errno.EACCES, "denied"), False),
        (FileNotFoundError(errno.ENOENT, "not there"), False),
        (duckdb.IOException("IO Error: Could not set lock on file"), True),
        (duckdb.IOException("IO Error: No such file"), False),
        (duckdb.ConversionException("bad value"), False),
        (ValueError("bad data"), False),
    ],
)
def test_what_may_pass(error: Exception, transient: bool) -> None:
    assert is_transient(error) is transient


def test_a_database_that_another_process_holds_open_may_pass(tmp_path: Path) -> None:
    """The words of DuckDB's own error, so that a new version which says it otherwise is noticed."""
    path = tmp_path / "held.duckdb"
    code = f"import duckdb; c = duckdb.connect({str(path)!r}); print('held', flush=True); input()"
    holder = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline().strip() == b"held"
    try:
        with pytest.raises(duckdb.IOException) as caught:
            duckdb.connect(str(path))
    finally:
        holder.kill()
        holder.wait()
    assert is_transient(caught.value)


def test_the_wait_doubles() -> None:
    assert [wait_before(attempt, 30.0) for attempt in range(4)] == [30.0, 60.0, 120.0, 240.0]


@pytest.mark.parametrize(
    ("error", "tries", "succeeds"),
    [
        (WarehouseBusyError("busy"), 3, True),
        (OSError(errno.ENOSPC, "the disk is full"), 1, False),
        (ValueError("bad data"), 1, False),
    ],
)
def test_a_step_is_tried_again_in_a_run(
    workspace: Settings, monkeypatch: pytest.MonkeyPatch, error: Exception, tries: int, succeeds: bool
) -> None:
    monkeypatch.setenv("SYMMETRY_RETRY_SECONDS", "0")
    done: list[int] = []

    @dg.asset
    def shaky(context: dg.AssetExecutionContext) -> None:
        with trying_again(context):
            done.append(len(done))
            if len(done) < 3:
                raise error

    result = dg.materialize([shaky], instance=dg.DagsterInstance.ephemeral(), raise_on_error=False)
    assert (len(done), result.success) == (tries, succeeds)


def test_it_is_given_up_after_the_set_number_with_the_cause_itself(
    workspace: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYMMETRY_RETRY_SECONDS", "0")
    monkeypatch.setenv("SYMMETRY_RETRY_ATTEMPTS", "2")
    done: list[int] = []

    @dg.asset
    def busy(context: dg.AssetExecutionContext) -> None:
        with trying_again(context):
            done.append(1)
            raise WarehouseBusyError("another process is writing")

    result = dg.materialize([busy], instance=dg.DagsterInstance.ephemeral(), raise_on_error=False)
    assert len(done) == 3
    [failure] = result.get_step_failure_events()
    assert "another process is writing" in str(failure.step_failure_data.error.cause.message)
