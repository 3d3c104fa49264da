"""Texts made from the settings' own fields, so that none of them can go stale: a commented file, a table, a listing.

Belongs here: how a setting is told to people and machines. A secret's value never leaves `values_in_force`.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from pipelines.settings import PROJECT_DIR, TOPICS, Settings
from pipelines.settings_sources import WORKSPACE, Origin, is_path, is_secret, layers, origin_of, variable

SET_AND_HIDDEN = "set (hidden)"


@dataclass(frozen=True)
class SettingInForce:
    """A setting as it is: its value as text or number (null when not set), where it comes from, what it means."""

    name: str
    value: Any
    origin: Origin
    variable: str
    description: str


def values_in_force(settings: Settings, given: Mapping[str, Any]) -> list[SettingInForce]:
    """Return every setting with its value and origin; secrets only as set or not.

    Args:
        settings: the settings in force.
        given: the arguments they were made with.
    """
    found = layers(Settings, given)
    # Where not set, what the pipeline makes of it says more than "unset".
    derived = {"inbox": settings.inbox_dir, "keep_originals": settings.originals_stay}
    plain = settings.model_dump(mode="json")
    rows = []
    for name, info in Settings.model_fields.items():
        value = plain[name]
        if is_secret(info):
            value = None if value is None else SET_AND_HIDDEN
        elif value is None and name in derived:
            value = str(derived[name]) if isinstance(derived[name], Path) else derived[name]
        rows.append(SettingInForce(name, value, origin_of(name, found), variable(name), info.description or ""))
    return rows


def by_topic() -> Iterator[tuple[str, list[tuple[str, FieldInfo]]]]:
    """Yield each heading with the settings that stand under it, in the order of the class."""
    heading, block = "", list[tuple[str, FieldInfo]]()
    for name, info in Settings.model_fields.items():
        if name in TOPICS:
            if block:
                yield heading, block
            heading, block = TOPICS[name], []
        block.append((name, info))
    yield heading, block


def settings_file_text(chosen: Mapping[str, str]) -> str:
    """Return a `symmetry.toml` with every setting, its meaning and its default; only `chosen` ones are in force."""
    parts = [
        "# Settings of the symmetry scorecard. A line that begins with # is not in force: take the # away to set it.\n"
        "# Paths are relative to this file. The command line and SYMMETRY_* variables come before what stands here.\n"
        "# `symmetry config` prints what is in force, and where each value comes from.\n"
    ]
    for heading, block in by_topic():
        parts.append(f"\n# --- {heading} ---\n")
        for name, info in block:
            if name == WORKSPACE:
                continue
            about = f"{info.description} {_takes(info)}".strip()
            parts.append("\n" + textwrap.fill(about, 118, initial_indent="# ", subsequent_indent="# ") + "\n")
            if is_secret(info):
                parts.append(
                    f"# A secret: it never stands here. Set {variable(name)}, or name the file that holds it:\n"
                    f"# {name}_file = {_toml(f'secrets/{name}')}\n"
                )
            elif name in chosen:
                parts.append(f"{name} = {_toml(chosen[name])}\n")
            else:
                parts.append(f"# {name} = {_toml(_example(info))}\n")
    return "".join(parts)


def reference_table() -> str:
    """Return the Markdown of every setting: name, default, meaning; one table a heading."""
    parts = []
    for heading, block in by_topic():
        parts.append(f"\n### {heading}\n| setting | default | meaning |\n|---|---|---|\n")
        for name, info in block:
            about = f"{info.description} {_takes(info)}".strip().replace("|", "\\|")
            about = about.replace("<", "&lt;").replace(">", "&gt;")
            label = f"`{name}` (secret)" if is_secret(info) else f"`{name}`"
            parts.append(f"| {label} | {_default(info)} | {about} |\n")
    return "".join(parts).lstrip("\n")


def _default(info: FieldInfo) -> str:
    default = info.get_default(call_default_factory=True)
    if default is None:
        return "unset"
    if isinstance(default, Path):
        return f"`{default.relative_to(PROJECT_DIR)}/` beside the code" if _in_code(default) else f"`{default}`"
    return f"`{_toml(default)}`"


def _in_code(path: Path) -> bool:
    return path.is_relative_to(PROJECT_DIR)


def _takes(info: FieldInfo) -> str:
    """Return what values a setting takes, where its type or its bounds say more than its description."""
    choices = [str(value) for kind in (info.annotation, *get_args(info.annotation)) for value in _literals(kind)]
    bounds = []
    for bound in info.metadata:
        for attribute, word in (("ge", "at least"), ("gt", "above"), ("le", "at most"), ("lt", "below")):
            if hasattr(bound, attribute):
                bounds.append(f"{word} {getattr(bound, attribute):g}")
    said = [f"One of {', '.join(choices)}." if choices else "", f"{', '.join(bounds).capitalize()}." if bounds else ""]
    return " ".join(part for part in said if part)


def _literals(kind: object) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) is Literal else ()


def _example(info: FieldInfo) -> Any:
    """The default of a setting or, where it has none, something of its type to write over."""
    default = info.get_default(call_default_factory=True)
    if isinstance(default, Path):
        return f"{default.relative_to(PROJECT_DIR)}" if _in_code(default) else str(default)
    if default is not None:
        return default
    kinds = {kind for kind in (info.annotation, *get_args(info.annotation)) if kind is not type(None)}
    if is_path(info):
        return "FOLDER"
    return next((value for kind, value in ((bool, False), (int, 0), (float, 0.0)) if kind in kinds), "...")


def _toml(value: Any) -> str:
    """Return a value as TOML writes it; JSON writes text, numbers, booleans and flat lists the same way."""
    if isinstance(value, SecretStr):
        raise TypeError("a secret is never written")
    return json.dumps(value, ensure_ascii=False, default=str)
