"""Where the values of settings come from, in which order, and what is said when one is wrong.

Belongs here: finding and reading `symmetry.toml`, secrets kept in files, the origin of each value, messages. Does not
belong here: the settings themselves (`pipelines/settings.py`) and texts about them (`pipelines/settings_reference.py`).

One name for a setting everywhere: `min_respondents` in `symmetry.toml`, `SYMMETRY_MIN_RESPONDENTS` in the environment
and in `.env`. A secret's name may end in `_file` in any of the three: the value is then what that file holds.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, DotEnvSettingsSource, EnvSettingsSource

SETTINGS_FILE = "symmetry.toml"
PREFIX = "SYMMETRY_"
HIDDEN = "(hidden)"

#: The one setting that says where the others are, so it cannot stand among them.
WORKSPACE = "workspace"

Fields = Mapping[str, FieldInfo]


class SettingsError(ValueError):
    """Settings that are wrong or do not fit what is on disk; the message says which, where they stand, what to do."""


@dataclass(frozen=True)
class Origin:
    """Where a value comes from.

    `kind`: argument, environment, .env, symmetry.toml, found or default. `place`: the variable, or the file and line.
    """

    kind: str
    place: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (self.kind, self.place) if part)


DEFAULT = Origin("default")


@dataclass
class Layer:
    """The values that one source gives, by setting, and where each stands; relative paths made absolute."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def is_secret(info: FieldInfo) -> bool:
    """Whether a setting is a secret: never printed, never written in `symmetry.toml`."""
    return SecretStr in _types(info)


def is_path(info: FieldInfo) -> bool:
    """Whether a setting is a path."""
    return Path in _types(info)


def _types(info: FieldInfo) -> set[Any]:
    return {info.annotation, *get_args(info.annotation)}


def find_workspace(start: Path) -> Path | None:
    """The nearest folder that holds a `symmetry.toml`: `start` (absolute) or one above it."""
    return next((folder for folder in (start, *start.parents) if (folder / SETTINGS_FILE).is_file()), None)


def layers(settings: type[BaseSettings], arguments: Mapping[str, Any]) -> list[Layer]:
    """Return what each source gives, the first to be believed first: arguments, environment, .env, symmetry.toml.

    Raises:
        SettingsError: `symmetry.toml` is not there, not TOML, or holds what is no setting; a secret's file is absent.
    """
    fields = settings.model_fields
    here = Path.cwd()
    given = Layer(dict(arguments), dict.fromkeys(arguments, Origin("argument")))
    environment = _from_variables(fields, EnvSettingsSource(settings), here, "environment")
    named = given.values.get(WORKSPACE) or environment.values.get(WORKSPACE)
    workspace = find_workspace(here) if named is None else Path(named).expanduser().resolve()
    if workspace is None:
        return [given, environment, _dotenv(settings, here)]
    if not (workspace / SETTINGS_FILE).is_file():
        raise SettingsError(
            f"{workspace} is no workspace: it holds no {SETTINGS_FILE}; `symmetry init {workspace}` makes one there"
        )
    found = Layer({WORKSPACE: workspace}, {WORKSPACE: Origin("found", f"from {here}")})
    return [given, environment, _dotenv(settings, workspace), read_settings_file(fields, workspace), found]


def _dotenv(settings: type[BaseSettings], folder: Path) -> Layer:
    path = folder / ".env"
    layer = _from_variables(settings.model_fields, DotEnvSettingsSource(settings, env_file=path), folder, ".env")
    if WORKSPACE in layer.values:
        raise SettingsError(
            f"{path}: {variable(WORKSPACE)} cannot stand here, since it decides which .env is read; "
            "set it in the environment, or give --workspace"
        )
    return layer


def _from_variables(fields: Fields, source: EnvSettingsSource, folder: Path, kind: str) -> Layer:
    # Empty variables count as not set (env_ignore_empty), here as for pydantic.
    held = {name.upper(): value for name, value in source.env_vars.items() if value}
    layer = Layer(dict(source()))
    layer.origins = {name: Origin(kind, variable(name)) for name in layer.values}
    for name in _secrets(fields):
        file = held.get(variable(f"{name}_file"))
        if file is not None and name not in layer.values:
            origin = Origin(kind, variable(f"{name}_file"))
            layer.values[name], layer.origins[name] = _secret_from(folder, file, origin), origin
    _anchor(fields, layer, folder)
    return layer


def _secrets(fields: Fields) -> Iterator[str]:
    return (name for name, info in fields.items() if is_secret(info))


def _secret_from(folder: Path, file: str, origin: Origin) -> str:
    path = folder / Path(file).expanduser()
    if not path.is_file():
        raise SettingsError(f"{origin}: {path} is no file; give the file that holds the secret")
    secret = path.read_text(encoding="utf-8").strip()
    if not secret:
        raise SettingsError(f"{origin}: {path} is empty; write the secret into it, or take the setting away")
    return secret


def _anchor(fields: Fields, layer: Layer, folder: Path) -> None:
    """Make relative paths absolute, from the folder of the file that they stand in."""
    for name, value in layer.values.items():
        if name in fields and is_path(fields[name]) and isinstance(value, str):
            layer.values[name] = folder / Path(value).expanduser()


def read_settings_file(fields: Fields, workspace: Path) -> Layer:
    """Read the `symmetry.toml` of a workspace.

    Raises:
        SettingsError: it is not TOML, or holds keys that are no settings; every one is named with its line.
    """
    path = workspace / SETTINGS_FILE
    try:
        text = path.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not TOML: {error}; correct that line (text stands in double quotes)") from error
    lines = key_lines(text)
    layer = Layer()
    problems: list[str] = []
    for key, value in document.items():
        origin = Origin(SETTINGS_FILE, f"line {lines[key]}")
        secret = key.removesuffix("_file")
        if key in fields and key != WORKSPACE and not is_secret(fields[key]):
            layer.values[key], layer.origins[key] = value, origin
        elif key != secret and secret in fields and is_secret(fields[secret]) and isinstance(value, str):
            layer.values[secret] = _secret_from(workspace, value, Origin(f"{path}, line {lines[key]}", key))
            layer.origins[secret] = origin
        else:
            problems.append(f"{path}, line {lines[key]}: {_refused(key, value, fields)}")
    if problems:
        raise SettingsError("\n".join(problems) + "\ndocs/settings.md lists every setting.")
    _anchor(fields, layer, workspace)
    return layer


def _refused(key: str, value: object, fields: Fields) -> str:
    if key == WORKSPACE:
        return "workspace is the folder of this file and cannot stand in it; take the line out"
    if key in fields:
        return (
            f"{key} is a secret, and this file is for others to read: take the line out, then set "
            f'{variable(key)} in the environment, or write {key}_file = "FILE" with the file that holds it'
        )
    if key.removesuffix("_file") in fields and is_secret(fields[key.removesuffix("_file")]):
        return f'{key} is a path; write {key} = "FILE"'
    if isinstance(value, dict):
        return f"[{key}] is a section, and settings have none; write them at the top, as name = value"
    return f"{key} is no setting{nearest(key, fields)}"


def nearest(key: str, fields: Fields, *, as_variable: bool = False) -> str:
    """Return "; did you mean X?" for the setting whose name is nearest to a key, or what to do when none is near."""
    names = [name for name in fields if name != WORKSPACE] + [f"{name}_file" for name in _secrets(fields)]
    plain = key.lower().replace("-", "_").removeprefix(PREFIX.lower())
    near = difflib.get_close_matches(plain, names, n=1)
    if not near:
        return "; take it out"
    return f"; did you mean {variable(near[0]) if as_variable else near[0]}?"


def key_lines(text: str) -> dict[str, int]:
    """Return the line (from 1) on which each top-level key of a TOML text begins.

    tomllib keeps no positions: a key begins after the longest text before it that is whole without it. Such a file is
    a page long, and this is asked for only where a line is to be told.
    """
    lines: dict[str, int] = {}
    whole = 0
    rows = text.splitlines(keepends=True)
    for number in range(1, len(rows) + 1):
        try:
            known = tomllib.loads("".join(rows[:number]))
        except tomllib.TOMLDecodeError:
            continue
        lines |= {key: whole + 1 for key in known if key not in lines}
        whole = number
    return lines


def origin_of(name: str, found: list[Layer]) -> Origin:
    """Where the value in force of a setting comes from."""
    return next((layer.origins[name] for layer in found if name in layer.values), DEFAULT)


def explain(error: ValidationError, fields: Fields, found: list[Layer], workspace: Path | None) -> str:
    """Return what is wrong with each setting: where it stands, its value (never a secret's), and the remedy."""
    lines = []
    for problem in error.errors(include_url=False, include_context=False):
        message = problem["msg"].removeprefix("Value error, ")
        if not problem["loc"]:
            lines.append(f"  {message}")
            continue
        name = str(problem["loc"][0])
        origin = origin_of(name, found)
        where = f"{workspace / SETTINGS_FILE}, {origin.place}" if origin.kind == SETTINGS_FILE and workspace else origin
        value = HIDDEN if name in fields and is_secret(fields[name]) else repr(_given(name, found))
        lines.append(f"  {where}: {name} = {value}: {message}")
    return "\n".join(
        ["A setting is wrong:", *lines, "Correct it there; docs/settings.md says what each setting takes."]
    )


def _given(name: str, found: list[Layer]) -> object:
    value = next((layer.values[name] for layer in found if name in layer.values), None)
    return str(value) if isinstance(value, Path) else value


def stray_variables(settings: type[BaseSettings], known: set[str]) -> list[str]:
    """Return the variables of the environment that begin with `SYMMETRY_` and name no setting, with what is near."""
    fields = settings.model_fields
    allowed = {variable(name) for name in fields} | {variable(f"{name}_file") for name in _secrets(fields)} | known
    held = {name.upper() for name in EnvSettingsSource(settings).env_vars}
    stray = sorted(name for name in held - allowed if name.startswith(PREFIX))
    return [f"{name} names no setting{nearest(name, fields, as_variable=True)}" for name in stray]
