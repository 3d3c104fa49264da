"""`symmetry.toml`, `.env` and secrets in files: which value wins, where it comes from, what is said of a wrong one."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipelines.cli import app
from pipelines.settings import Settings, SettingsError, effective_settings
from pipelines.settings_sources import key_lines

KEY = "ab" * 32


@pytest.fixture
def folder(workspace: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with an inbox; the working folder is one below it, and the environment holds no setting."""
    for name in ("SYMMETRY_DATA_DIR", "SYMMETRY_DAGSTER_HOME"):
        monkeypatch.delenv(name)
    root = tmp_path / "company"
    (root / "reports" / "2026").mkdir(parents=True)
    (root / "inbox").mkdir()
    (root / "symmetry.toml").write_text('data_dir = "data"\ninbox = "inbox"\n', encoding="utf-8")
    monkeypatch.chdir(root / "reports" / "2026")
    return root


def write(folder: Path, text: str) -> None:
    (folder / "symmetry.toml").write_text(text, encoding="utf-8")


def symmetry(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def in_force(*arguments: str) -> dict[str, dict[str, object]]:
    done = symmetry(*arguments, "config", "--json")
    assert done.exit_code == 0, done.output
    return {row["setting"]: row for row in json.loads(done.stdout)}


def test_the_file_is_found_from_a_folder_below_and_its_paths_are_its_own(folder: Path) -> None:
    settings = Settings()
    assert settings.workspace == folder
    assert settings.data_dir == folder / "data"
    assert settings.inbox_dir == folder / "inbox"


def test_the_order_is_argument_environment_dotenv_file_default(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = in_force()
    assert (rows["min_respondents"]["value"], rows["min_respondents"]["origin"]) == (
        5,
        {"kind": "default", "place": ""},
    )
    write(folder, "# k\nmin_respondents = 6\n")
    assert in_force()["min_respondents"]["origin"] == {"kind": "symmetry.toml", "place": "line 2"}
    (folder / ".env").write_text("SYMMETRY_MIN_RESPONDENTS=7\n", encoding="utf-8")
    row = in_force()["min_respondents"]
    assert (row["value"], row["origin"]) == (7, {"kind": ".env", "place": "SYMMETRY_MIN_RESPONDENTS"})
    monkeypatch.setenv("SYMMETRY_MIN_RESPONDENTS", "8")
    row = in_force()["min_respondents"]
    assert (row["value"], row["origin"]) == (8, {"kind": "environment", "place": "SYMMETRY_MIN_RESPONDENTS"})
    assert Settings(min_respondents=9).min_respondents == 9


def test_a_workspace_can_be_named_from_anywhere(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert in_force()["workspace"]["value"] is None
    row = in_force("--workspace", str(folder))["workspace"]
    assert (row["value"], row["origin"]) == (str(folder), {"kind": "argument", "place": ""})
    assert in_force()["workspace"]["value"] is None, "an option holds for its own command only"
    monkeypatch.setenv("SYMMETRY_WORKSPACE", str(folder))
    assert Settings().data_dir == folder / "data"


def test_a_folder_without_the_file_is_no_workspace(folder: Path, tmp_path: Path) -> None:
    done = symmetry("--workspace", str(tmp_path), "config")
    assert done.exit_code == 2
    assert f"{tmp_path} is no workspace: it holds no symmetry.toml; `symmetry init {tmp_path}`" in done.output


def test_the_inbox_of_the_file_is_the_companys_own_and_another_is_not(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    own, apart = Settings(), Settings(inbox=other)
    assert (own.company_dir, own.originals_stay) == (folder / "data", False)
    assert (apart.company_dir, apart.originals_stay) == (folder / "data" / "other", True)


def test_an_inbox_outside_the_workspace_keeps_its_files_and_is_the_companys_own(folder: Path, tmp_path: Path) -> None:
    share = tmp_path / "share"
    share.mkdir()
    write(folder, f'data_dir = "data"\ninbox = "{share}"\n')
    assert (Settings().company_dir, Settings().originals_stay) == (folder / "data", True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# k\nmin_respondants = 5\n", "line 2: min_respondants is no setting; did you mean min_respondents?"),
        ("SYMMETRY_DATA_DIR = 'x'\n", "line 1: SYMMETRY_DATA_DIR is no setting; did you mean data_dir?"),
        ("colour = [\n 1,\n]\n", "line 1: colour is no setting; take it out"),
        ("timezone = 'UTC'\n\n[run]\nk = 5\n", "line 3: [run] is a section, and settings have none"),
        ("workspace = '.'\n", "line 1: workspace is the folder of this file"),
        ("timezone = UTC\n", "symmetry.toml is not TOML: Invalid value (at line 1, column 12)"),
        (f"pseudonym_key = '{KEY}'\n", "line 1: pseudonym_key is a secret, and this file is for others to read"),
        ("pseudonym_key_file = 'none'\n", "line 1 pseudonym_key_file: {folder}/none is no file"),
        (
            "timezone = 'UTC'\nmin_respondents = 2\n",
            "symmetry.toml, line 2: min_respondents = 2: Input should be greater than or equal to 3",
        ),
        ("definitions = 'mine'\n", "line 1: definitions = '{folder}/mine': {folder}/mine is not a folder; give an"),
    ],
)
def test_what_is_wrong_is_named_with_file_line_and_remedy(folder: Path, text: str, said: str) -> None:
    write(folder, text)
    done = symmetry("config")
    assert done.exit_code == 2
    assert said.format(folder=folder) in done.output.replace("\n", " ") or said.format(folder=folder) in done.output
    assert str(folder / "symmetry.toml") in done.output
    assert KEY not in done.output


def test_every_unknown_key_is_named_at_once(folder: Path) -> None:
    write(folder, "first = 1\nsecond = 2\n")
    with pytest.raises(SettingsError, match=r"line 1: first is no setting.*\n.*line 2: second is no setting"):
        effective_settings()


@pytest.mark.parametrize("where", ["environment", ".env", "symmetry.toml"])
def test_a_secret_comes_from_a_file_and_is_never_shown(
    folder: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "secrets").mkdir()
    (folder / "secrets" / "key").write_text(KEY + "\n", encoding="utf-8")
    if where == "environment":
        monkeypatch.setenv("SYMMETRY_PSEUDONYM_KEY_FILE", str(folder / "secrets" / "key"))
    elif where == ".env":
        (folder / ".env").write_text("SYMMETRY_PSEUDONYM_KEY_FILE=secrets/key\n", encoding="utf-8")
    else:
        write(folder, 'pseudonym_key_file = "secrets/key"\n')
    assert effective_settings().key_from_environment() == KEY
    for arguments in (("config",), ("config", "--json")):
        done = symmetry(*arguments)
        assert "set (hidden)" in done.output
        assert KEY not in done.output
    assert in_force()["pseudonym_key"]["origin"]["kind"] == where  # type: ignore[index]


def test_a_wrong_secret_is_not_shown_either(folder: Path) -> None:
    with pytest.raises(SettingsError) as raised:
        effective_settings(pseudonym_key=[KEY])
    assert "argument: pseudonym_key = (hidden): Input should be" in str(raised.value)
    assert KEY not in str(raised.value)


def test_a_wrong_variable_is_named_with_its_value(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMMETRY_MIN_RESPONDENTS", "many")
    with pytest.raises(SettingsError, match="environment SYMMETRY_MIN_RESPONDENTS: min_respondents = 'many': Input"):
        effective_settings()


def test_a_stray_variable_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMMETRY_MIN_RESPONDANTS", "7")
    assert (
        "warning: SYMMETRY_MIN_RESPONDANTS names no setting; did you mean SYMMETRY_MIN_RESPONDENTS?"
        in symmetry("config").output
    )


def test_config_writes_nothing(folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    in_force()
    assert sorted(folder.rglob("*")) == before


def test_lines_of_keys_are_those_on_which_they_begin() -> None:
    text = '# a\nfirst = 1\nsecond = """\nfirst = 2\n"""\n\n[third]\nx = [\n  1,\n]\n[fourth.fifth]\ny = 2\n'
    assert key_lines(text) == {"first": 2, "second": 3, "third": 7, "fourth": 11}


def test_settings_are_handed_to_processes_and_read_back_the_same(folder: Path, tmp_path: Path) -> None:
    write(folder, 'data_dir = "data"\ninbox = "inbox"\nkeep_originals = true\nsettle_seconds = 0.5\n')
    settings = Settings()
    settings.export_to_processes()
    write(folder, 'data_dir = "data"\ninbox = "inbox"\nkeep_originals = false\nsettle_seconds = 9\n')
    again = Settings()
    assert again.model_dump() == settings.model_dump(), "a run ends with the settings it began with"
    assert again.company_dir == folder / "data"


def test_the_ui_is_handed_the_workspace_and_the_arguments_only(folder: Path, tmp_path: Path) -> None:
    Settings(data_dir=tmp_path / "elsewhere").export_to_processes(["data_dir"])
    write(folder, 'data_dir = "data"\nmin_respondents = 7\n')
    again = Settings()
    assert (again.workspace, again.data_dir) == (folder, tmp_path / "elsewhere")
    assert again.min_respondents == 7, "what stands in the file counts from the next run on"
