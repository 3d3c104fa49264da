"""The files of deploy/: systemd takes the units, and the command on the server has the service's settings and user."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
import yaml

from pipelines.settings import PROJECT_DIR

DEPLOY = PROJECT_DIR / "deploy"
UNITS = ("symmetry-webserver.service", "symmetry-daemon.service")


def test_production_differs_from_the_embedded_default_in_storage_alone() -> None:
    production, embedded = (
        yaml.safe_load((PROJECT_DIR / path).read_text(encoding="utf-8"))
        for path in ("deploy/dagster.production.yaml", "dagster_home/dagster.yaml")
    )
    assert set(production.pop("storage")) == {"postgres"}
    assert production == embedded


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd is not installed (apt-get install systemd)")
    for unit in UNITS:
        text = (DEPLOY / unit).read_text(encoding="utf-8").replace("/opt/symmetry/", f"{PROJECT_DIR}/")
        (tmp_path / unit).write_text(text, encoding="utf-8")
    done = subprocess.run(
        [analyze, "verify", *(str(tmp_path / unit) for unit in UNITS)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("unit", UNITS)
def test_the_units_are_closed(unit: str) -> None:
    lines = (DEPLOY / unit).read_text(encoding="utf-8").splitlines()
    for line in (
        "User=symmetry",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "ReadWritePaths=/var/lib/symmetry",
        "UMask=0077",
        "EnvironmentFile=/etc/symmetry/symmetry.env",
        "Restart=on-failure",
    ):
        assert line in lines


def test_the_ui_listens_on_this_machine_only() -> None:
    [start] = [line for line in (DEPLOY / UNITS[0]).read_text(encoding="utf-8").splitlines() if "ExecStart=" in line]
    assert " -h 127.0.0.1 " in start


def test_the_command_on_the_server_has_the_settings_and_the_user_of_the_service(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("the command changes its user, which only root may")
    home, code = tmp_path / "home", tmp_path / "code"
    (code / ".venv" / "bin").mkdir(parents=True)
    home.mkdir()
    program = code / ".venv" / "bin" / "symmetry"
    program.write_text(
        '#!/bin/sh\nid -u; umask; pwd; printf "%s\\n" "$DAGSTER_POSTGRES_URL" "$SYMMETRY_DATA_DIR" "$@"\n'
    )
    program.chmod(0o755)
    # pytest's own folders are closed to others, and the command becomes somebody else.
    folder = tmp_path
    while folder.parent != folder and folder.owner() == tmp_path.owner() and folder != Path(tempfile.gettempdir()):
        folder.chmod(0o755)
        folder = folder.parent
    nobody = subprocess.run(["id", "-u", "nobody"], capture_output=True, text=True, check=True).stdout.strip()
    group = subprocess.run(["id", "-g", "nobody"], capture_output=True, text=True, check=True).stdout.strip()
    done = subprocess.run(
        [str(DEPLOY / "symmetry"), "status", "a b"],
        env={
            "PATH": os.environ["PATH"],
            "SYMMETRY_ENV": str(DEPLOY / "symmetry.env.example"),
            "SYMMETRY_HOME": str(home),
            "SYMMETRY_CODE": str(code),
            "SYMMETRY_USER": "nobody",
            "SYMMETRY_GROUP": group,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    url = "postgresql://symmetry@/symmetry_dagster?host=/var/run/postgresql"
    expected = [nobody, "0077", str(home), url, str(home / "data"), "status", "a b"]
    assert done.stdout.splitlines() == expected, done.stderr
