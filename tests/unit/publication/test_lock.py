"""One writer at a time, and a killed one blocks nobody."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.publication.lock import WarehouseBusyError, hold_warehouse

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
