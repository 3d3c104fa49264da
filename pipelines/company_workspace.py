"""A company's own workspace: the folder, outside the code, that holds its inbox, contracts, definitions and settings.

Belongs here: how a workspace is made. What its settings mean is `pipelines/settings.py`'s.
"""

from __future__ import annotations

from pathlib import Path

from pipelines.company_definitions import copy_definitions
from pipelines.settings import PROJECT_DIR, SHIPPED_DEFINITIONS_DIR
from pipelines.settings_reference import settings_file_text
from pipelines.settings_sources import SETTINGS_FILE

#: What stands in the settings file of a new workspace; all else keeps its default.
FOLDERS = {
    "data_dir": "data",
    "inbox": "inbox",
    "definitions": "definitions",
    "contracts_dir": "contracts",
    "dagster_home": "dagster_home",
}

CONTRACTS_README = """# Contracts of this company
One YAML file a source system and kind of record. Those that ship with the code hold here too (`symmetry sources list`).

- A new source: `symmetry sources new FILE --out contracts/SYSTEM.ENTITY.yml`, go through its marks, then
  `symmetry sources check FILE`.
- To adapt a shipped contract: copy it here and edit it. Its `system` and `name` stay; it then replaces the shipped one.
"""

GITIGNORE = """# Extracts and what is made from them stay out of version control; settings and definitions go in.
inbox/*
!inbox/.gitkeep
data/
secrets/
dagster_home/*
!dagster_home/dagster.yaml
.tmp_dagster_home_*/
logs/
.env
.env.*
"""


class WorkspaceError(ValueError):
    """A workspace cannot be made there; the message says what to do."""


def shipped_definitions() -> list[str]:
    """The names of the definitions that ship, the default first."""
    names = sorted(path.parent.name for path in SHIPPED_DEFINITIONS_DIR.glob("*/indicators.csv"))
    return sorted(names, key=lambda name: name != "default")


def make_workspace(folder: Path, definitions: str = "default") -> Path:
    """Make a company's workspace and return its absolute path. What lies in the folder already is left alone.

    Args:
        folder: where; made when it is not there.
        definitions: the shipped definitions to begin with.

    Raises:
        WorkspaceError: it is one already, something of that name is in the way, it lies in the code, or no such
            definitions ship.
    """
    folder = folder.expanduser().resolve()
    if definitions not in shipped_definitions():
        raise WorkspaceError(f"no definitions {definitions!r} ship; choose one of {', '.join(shipped_definitions())}")
    if folder.is_relative_to(PROJECT_DIR):
        raise WorkspaceError(
            f"{folder} lies in the code ({PROJECT_DIR}), where an upgrade would meet it; give a folder outside"
        )
    if (folder / SETTINGS_FILE).exists():
        raise WorkspaceError(
            f"{folder} is a workspace already: edit its {SETTINGS_FILE}, or give another folder (nothing was changed)"
        )
    files = {
        "workspace.yaml": _code_location(),
        ".gitignore": GITIGNORE,
        "contracts/README.md": CONTRACTS_README,
        "inbox/.gitkeep": "",
        "dagster_home/dagster.yaml": (PROJECT_DIR / "dagster_home" / "dagster.yaml").read_text(encoding="utf-8"),
    }
    in_the_way = [name for name in (*files, "dagster.yaml", "definitions") if (folder / name).exists()]
    if in_the_way:
        raise WorkspaceError(
            f"{folder} holds {', '.join(in_the_way)} already, which a workspace makes for itself; "
            "move them away or give another folder (nothing was changed)"
        )
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    # `dagster dev` without DAGSTER_HOME reads the one in the working folder, and telemetry must be off then too.
    (folder / "dagster.yaml").symlink_to("dagster_home/dagster.yaml")
    copy_definitions(SHIPPED_DEFINITIONS_DIR / definitions, folder / "definitions")
    (folder / "data").mkdir(mode=0o700, exist_ok=True)
    (folder / "inbox").chmod(0o700)
    # Last, so that a folder with a settings file is a whole workspace.
    (folder / SETTINGS_FILE).write_text(settings_file_text(FOLDERS), encoding="utf-8")
    return folder


def _code_location() -> str:
    return (
        "# For `dagster dev -w workspace.yaml`, started in this folder; elsewhere, set SYMMETRY_WORKSPACE to it.\n"
        "# DAGSTER_HOME=$PWD/dagster_home shows the runs of `symmetry run` too; `symmetry ui` sets both.\n"
        + (PROJECT_DIR / "workspace.yaml").read_text(encoding="utf-8")
    )
