"""Settings: where values come from, what is refused, and that two inboxes never share a company's folders."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from pipelines.settings import Settings


def test_another_inbox_is_another_company(tmp_path: Path) -> None:
    other = tmp_path / "nyc"
    other.mkdir()
    own = Settings(data_dir=tmp_path / "data")
    apart = Settings(data_dir=tmp_path / "data", inbox=other)
    assert own.published_path == tmp_path / "data" / "published" / "scorecard.duckdb"
    assert apart.published_path == tmp_path / "data" / "nyc" / "published" / "scorecard.duckdb"
    assert apart.key_path == own.key_path


def test_the_default_inbox_named_explicitly_stays_the_default(tmp_path: Path) -> None:
    inbox = tmp_path / "data" / "inbox"
    inbox.mkdir(parents=True)
    settings = Settings(data_dir=tmp_path / "data", inbox=inbox)
    assert settings.company_dir == tmp_path / "data"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"min_respondents": 2}, "greater than or equal to 3"),
        ({"timezone": "Mars/Olympus"}, "is not a time zone; give an IANA name"),
        ({"definitions": "no/such/folder"}, "is not a folder; give an existing folder"),
        ({"max_quarantine_share": 1.5}, "less than or equal to 1"),
    ],
)
def test_wrong_settings_are_refused_with_the_remedy(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Settings(**given)  # type: ignore[arg-type]


def test_environment_is_read_and_arguments_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMMETRY_DATA_DIR", str(tmp_path / "from_environment"))
    monkeypatch.setenv("SYMMETRY_MIN_RESPONDENTS", "7")
    assert Settings().data_dir == tmp_path / "from_environment"
    assert Settings(data_dir=tmp_path / "argument").data_dir == tmp_path / "argument"
    assert Settings().min_respondents == 7


def test_the_key_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMMETRY_PSEUDONYM_KEY", "ab" * 32)
    settings = Settings()
    assert "abab" not in repr(settings)
    assert settings.key_from_environment() == "ab" * 32


def test_folders_that_hold_people_are_closed_to_others(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, dagster_home=tmp_path / "home")
    settings.make_folders()
    for folder in (settings.landing_dir, settings.quarantine_dir, settings.warehouse_path.parent):
        assert folder.stat().st_mode & 0o777 == 0o700
