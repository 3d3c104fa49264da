"""What every test may use: the real files, where they lie, and a company's workspace that no other test touches."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.settings import PROJECT_DIR, Settings

REAL = PROJECT_DIR.parent / "shared" / "real"


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of real files that stands beside the project; tests that need it skip where it is absent."""
    if not REAL.is_dir():
        pytest.skip("the folder of real files (shared/real beside the project) is absent")
    return REAL


@pytest.fixture(autouse=True)
def _environment_restored() -> Iterator[None]:
    """What a test, or a command it runs in this process, hands to other processes ends with the test."""
    kept, mask = dict(os.environ), os.umask(0o022)
    os.umask(mask)
    yield
    os.umask(mask)
    os.environ.clear()
    os.environ.update(kept)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings whose every path lies in a fresh folder, handed to the processes a test starts."""
    for name in [name for name in os.environ if name.startswith("SYMMETRY_")]:
        monkeypatch.delenv(name)
    home = tmp_path / "dagster_home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n", encoding="utf-8")
    monkeypatch.setenv("SYMMETRY_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SYMMETRY_DAGSTER_HOME", str(home))
    settings = Settings()
    settings.make_folders()
    return settings
