"""Texts made from the settings' fields: docs/settings.md is held to them, and the commented file loads as it is.

To write the tables of docs/settings.md anew: python -m tests.unit.test_settings_reference
"""

import tomllib
from pathlib import Path

from pipelines.settings import PROJECT_DIR, TOPICS, Settings
from pipelines.settings_reference import reference_table, settings_file_text
from pipelines.settings_sources import is_secret, read_settings_file

DOC = PROJECT_DIR / "docs" / "settings.md"
MARK = "<!-- The tables below are made from the fields"


def written_anew() -> str:
    text = DOC.read_text(encoding="utf-8")
    head = text[: text.index("\n", text.index(MARK)) + 1]
    return head + reference_table()


def test_the_document_tells_of_every_setting() -> None:
    assert DOC.read_text(encoding="utf-8") == written_anew(), (
        "docs/settings.md is stale; write it anew: python -m tests.unit.test_settings_reference"
    )


def test_every_setting_is_described_and_every_heading_begins_with_one() -> None:
    assert [name for name, info in Settings.model_fields.items() if not info.description] == []
    assert set(TOPICS) <= set(Settings.model_fields)
    assert next(iter(Settings.model_fields)) in TOPICS


def test_the_commented_file_holds_every_setting_once_and_its_defaults(tmp_path: Path) -> None:
    """With every # before a setting taken away it is TOML, and what has a default is given that default."""
    text = settings_file_text({"data_dir": "data"})
    assert tomllib.loads(text) == {"data_dir": "data"}
    lines = [line.removeprefix("# ") if _sets(line) else line for line in text.splitlines()]
    (tmp_path / "secrets").mkdir()
    for name, info in Settings.model_fields.items():
        if is_secret(info):
            (tmp_path / "secrets" / name).write_text("ab" * 32, encoding="utf-8")
    (tmp_path / "symmetry.toml").write_text("\n".join(lines), encoding="utf-8")
    layer = read_settings_file(Settings.model_fields, tmp_path)
    assert set(layer.values) == set(Settings.model_fields) - {"workspace"}
    for name, info in Settings.model_fields.items():
        if info.default is not None and not isinstance(info.default, Path):
            assert layer.values[name] == info.default, name


def _sets(line: str) -> bool:
    name = line.removeprefix("# ").split(" = ")[0].removesuffix("_file")
    return " = " in line and name in Settings.model_fields


if __name__ == "__main__":
    DOC.write_text(written_anew(), encoding="utf-8")
