"""How much memory a run may take: the machine's, the container's, the unit's; and what of it is left to DuckDB."""

import os
from pathlib import Path

import duckdb
import pytest

from pipelines.memory import COUNTED, LEAST, available, of_database
from pipelines.settings import effective_settings

MACHINE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
MIB = 2**20


def machine(root: Path, cgroup: str, **limits: str) -> Path:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(cgroup, encoding="utf-8")
    for name, text in limits.items():
        file = (
            root / "sys/fs/cgroup" / name.replace("__", "/").replace("_max", ".max").replace("_in", ".limit_in_bytes")
        )
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return root


def test_the_machine_where_nothing_limits(tmp_path: Path) -> None:
    assert available(tmp_path) == MACHINE
    assert available(machine(tmp_path, "0::/user.slice\n", user_slice__memory_max="max\n")) == MACHINE


def test_the_unit_or_a_group_above_it(tmp_path: Path) -> None:
    """systemd's MemoryMax stands in the unit's own folder or in the slice's."""
    root = machine(tmp_path, "0::/slice/unit\n", slice__unit__memory_max=f"{300 * MIB}\n", slice__memory_max="99000000")
    assert available(root) == 99_000_000


def test_a_container_sees_its_own_group_as_the_root(tmp_path: Path) -> None:
    assert available(machine(tmp_path / "2", "0::/docker/abc\n", memory_max=f"{MIB}")) == MIB
    old = machine(tmp_path / "1", "5:cpu,memory:/docker/abc\n3:cpu:/x\n", memory__memory_in=f"{2 * MIB}")
    assert available(old) == 2 * MIB


def test_what_is_left_to_duckdb() -> None:
    """Of 24 GB four fifths; of 2 GB what the rest leaves; never so little that nothing works."""
    assert of_database(24 * 1024 * MIB) == 24 * 1024 * MIB * 4 // 5
    assert of_database(3 * 1024 * MIB) == int(2 * 1024 * MIB * COUNTED)
    assert of_database(512 * MIB) == LEAST


@pytest.mark.parametrize("given", ["300MB", "1.5 GiB"])
def test_the_setting_is_what_dbt_is_told(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMMETRY_MEMORY_LIMIT", given)
    monkeypatch.setenv("SYMMETRY_DATABASE_MEMORY", "")
    effective_settings().export_to_libraries()
    assert os.environ["SYMMETRY_DATABASE_MEMORY"] == given
    duckdb.connect(config={"memory_limit": os.environ["SYMMETRY_DATABASE_MEMORY"]}).close()


def test_what_is_no_size_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMMETRY_MEMORY_LIMIT", "lots")
    with pytest.raises(ValueError, match=r"(?is)memory_limit.*8GB"):
        effective_settings()
