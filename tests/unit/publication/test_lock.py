"""One writer at a time, and a killed one blocks nobody."""

import fcntl
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pipelines.publication.lock import GLANCE, WarehouseBusyError, hold_warehouse, is_held

HOLD = "import sys; from pathlib import Path; from pipelines.publication.lock import hold_warehouse; "
HOLD += "hold_warehouse(Path(sys.argv[1])); print('held', flush=True); sys.stdin.readline()"


def test_a_second_process_is_told_who_writes_and_a_killed_one_blocks_nobody(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline().strip() == "held"
    with pytest.raises(WarehouseBusyError, match=f"the process {holder.pid}, since .* wait until it has ended"):
        hold_warehouse(tmp_path)
    holder.kill()
    holder.wait()
    hold_warehouse(tmp_path)
    hold_warehouse(tmp_path)


def test_whether_a_lock_is_held_can_be_asked_without_taking_it(tmp_path: Path) -> None:
    assert not is_held(tmp_path)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdout.readline().strip() == b"held"
    assert is_held(tmp_path)
    holder.kill()
    holder.wait()
    assert not is_held(tmp_path)
    hold_warehouse(tmp_path)
    assert is_held(tmp_path)


def test_a_glance_at_the_lock_is_not_taken_for_a_writer(tmp_path: Path) -> None:
    (tmp_path / ".lock").touch()
    with (tmp_path / ".lock").open() as glance:
        fcntl.flock(glance, fcntl.LOCK_SH)
        threading.Timer(GLANCE / 2, fcntl.flock, (glance, fcntl.LOCK_UN)).start()
        hold_warehouse(tmp_path)
    assert is_held(tmp_path)
