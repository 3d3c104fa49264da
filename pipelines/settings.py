"""Every path and knob of the pipeline, in one place.

Values come, in order, from arguments (the command line), environment variables that start with ``SYMMETRY_``, a
``.env`` file, ``symmetry.toml`` in the working directory or a folder above it, and the defaults below
(`pipelines/settings_sources.py`). No other module reads the environment.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from pipelines.memory import available, of_database
from pipelines.settings_sources import (
    PREFIX,
    SettingsError,
    explain,
    is_path,
    is_secret,
    layers,
    read_settings_file,
    variable,
)

PROJECT_DIR = Path(__file__).resolve().parents[1]
DBT_PROJECT_DIR = PROJECT_DIR / "dbt_project"
CONTRACTS_DIR = Path(__file__).resolve().parent / "extracts" / "contracts"
SHIPPED_DEFINITIONS_DIR = DBT_PROJECT_DIR / "seeds"


RESERVED_NAMES = {"archive", "inbox", "landing", "quarantine", "warehouse", "published", "operations"}

#: The headings under which settings are told of, each by the first setting that stands under it.
TOPICS = {
    "workspace": "Where everything lies",
    "keep_originals": "What comes in",
    "min_respondents": "What may be published",
    "timezone": "The company",
    "dagster_home": "Dagster",
    "pseudonym_key": "Pseudonyms",
    "log_format": "Logs",
    "stale_grace_days": "Status and alerts",
}

#: What dbt is told by the environment and is no setting.
DBT_VARIABLES = {f"{PREFIX}WAREHOUSE", f"{PREFIX}DEFINITIONS_DIR", f"{PREFIX}DATABASE_MEMORY"}


def _retention(listed: str | None) -> dict[str, int]:
    """Entity to months, from `case=60, absence=36`. Raises ValueError for what is no such list."""
    if listed is None:
        return {}
    from pipelines.extracts.entities import ENTITIES

    found = {}
    for member in _members(listed):
        entity, _, months = member.partition("=")
        if entity.strip() not in ENTITIES or ENTITIES[entity.strip()].event is None:
            dated = ", ".join(name for name, one in ENTITIES.items() if one.event is not None)
            raise ValueError(f"{member!r} names no entity whose rows have a date; those are {dated}")
        if not months.strip().isdigit() or int(months) < 1:
            raise ValueError(f"{member!r} gives no months; write {entity.strip()}=60")
        found[entity.strip()] = int(months)
    return found


def _members(listed: str | None) -> tuple[str, ...]:
    """What stands between the commas of a list."""
    return tuple(part.strip() for part in (listed or "").split(",") if part.strip())


class Settings(BaseSettings):
    """The effective settings of one run. Paths are absolute once resolved.

    Raises:
        pydantic.ValidationError: a value is not of its type, out of range, or names a folder that is not there.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    workspace: Path | None = Field(
        default=None,
        description="The company's own folder, which holds symmetry.toml. Unset: the working directory or the nearest "
        "folder above it that holds one; without any, the settings of the code's own folder.",
    )
    data_dir: Path = Field(
        default=PROJECT_DIR / "data", description="Root of archive, landing, quarantine, warehouse, published."
    )
    inbox: Path | None = Field(
        default=None,
        description="Folder of extracts to read. Unset: <data_dir>/inbox. An inbox elsewhere that symmetry.toml does "
        "not name is another company: what comes of it is kept apart, under <data_dir>/<name of the inbox>.",
    )
    definitions: Path | None = Field(
        default=None,
        description="A company's folder of definitions (CSV seeds). Unset: the contracts' own, else the default.",
    )
    contracts_dir: Path | None = Field(
        default=None,
        description="A further folder of contracts, beside the shipped ones; one of the same system and name replaces "
        "the shipped one.",
    )
    audiences: Path | None = Field(
        default=None,
        description="File that names who sees which part of the hierarchy. Unset: audiences.yml of the workspace, "
        "where there is one.",
    )
    keep_originals: bool | None = Field(
        default=None,
        description="Whether files stay in the inbox once they have landed, instead of moving to the archive. Unset: "
        "those of <data_dir>/inbox and of an inbox in the workspace move, those of an inbox elsewhere, which may be "
        "another's folder, stay.",
    )
    archive_days: int = Field(default=90, ge=0, description="Days that originals are kept in the archive.")
    settle_seconds: float = Field(
        default=1.0, ge=0, le=600, description="A file of the inbox that changed within this time may be unfinished."
    )
    min_respondents: int = Field(default=5, ge=3, description="k: the fewest people a published figure may stand for.")
    max_quarantine_share: float = Field(
        default=0.10, ge=0, le=1, description="Above this share of bad rows a delivery fails the landing gate."
    )
    timezone: str = Field(
        default="Europe/Paris", description="The company's time zone: it decides the month of an event."
    )
    dagster_home: Path = Field(default=PROJECT_DIR / "dagster_home", description="Dagster's instance folder.")
    pseudonym_key: SecretStr | None = Field(
        default=None,
        description="The pseudonym key, 64 hexadecimal digits. Unset: made once in <data_dir>/pseudonym.key.",
    )

    # Logs
    log_format: Literal["text", "json"] = Field(
        default="text",
        description="What runs write to standard error: lines for people, or one JSON object a line (time, level, run, "
        "step, message).",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info",
        description="The least that is logged: every event of Dagster (debug), a line a stage (info), what wants "
        "attention (warning), what failed (error).",
    )

    # Schedules, sensor, retries, retention. Cron expressions are read in `timezone`.
    automation: bool = Field(
        default=True,
        description="Whether schedules and sensors are on when Dagster first sees them; the UI turns each on and off.",
    )
    landing_cron: str = Field(
        default="0 6 * * *", description="When what lies in the inbox is landed and checked: daily at 6:00."
    )
    publication_cron: str = Field(
        default="0 7 2 * *",
        description="When a scorecard is published: on the 2nd of the month at 7:00. Daily would be 0 7 * * *.",
    )
    publish_on_arrival: bool = Field(
        default=False, description="Whether a file dropped in the inbox is published at once, and not only landed."
    )
    inbox_seconds: int = Field(
        default=30, ge=5, le=3600, description="Seconds between two looks of the sensor at the inbox."
    )
    retry_attempts: int = Field(
        default=4, ge=0, le=10, description="How often a step is tried again after what may pass (a lock, a network)."
    )
    retry_seconds: float = Field(
        default=30.0, ge=0, le=3600, description="Wait before the first new try; it doubles with each further one."
    )
    slow_run_minutes: int = Field(
        default=60, ge=1, description="A run that works or waits for longer than this is said to be stuck."
    )
    data_docs_days: int = Field(
        default=90, ge=1, description="Days that the pages of what the gates found (Data Docs) are kept."
    )
    forgotten_people: Literal["leave_out", "refuse"] = Field(
        default="leave_out",
        description="What becomes of a delivery about somebody who was forgotten: leave_out: their rows do not land; "
        "refuse: the file waits in the inbox until they are taken out at the source.",
    )
    retention_months: str | None = Field(
        default=None,
        description="Whole months that the rows of an entity are kept in the landing, as case=60, absence=36. Unset: "
        "as long as you keep the landing.",
    )
    accepted_deliveries: str | None = Field(
        default=None,
        description="Ids of deliveries that are right although their volume or units are unusual; commas between them.",
    )
    max_rows_lost_share: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="Share of a published table's rows that may be gone since the last publication; more stops it.",
    )
    keep_publications: int = Field(
        default=12,
        ge=2,
        description="How many publications are kept to go back to; the one in force and the one before it always are.",
    )
    audit_previous: int = Field(
        default=1,
        ge=0,
        le=3,
        description="How many earlier publications the linear audit reads beside the new one: what readers may still "
        "have. 0 only where the earlier ones have been taken back from everybody.",
    )
    memory_limit: str | None = Field(
        default=None,
        description="The most memory that DuckDB takes in a run, as 8GB; the rest of a run needs some 1 GB beside "
        "it, more for hundreds of units. Unset: four fifths of the machine's or the container's memory, and less where "
        "that leaves too little for the rest.",
    )
    keep_runs_days: int = Field(
        default=400,
        ge=1,
        description="Days that finished runs, with their logs, are kept in Dagster's storage. Longer than the slowest "
        "source's cadence, since whether it is late is told from them.",
    )
    first_month: str = Field(
        default="2015-01",
        pattern=r"^\d{4}-(0[1-9]|1[0-2])$",
        description="First month, as 2015-01, that can be chosen in the UI to be computed again.",
    )

    # What is watched, and who is told (pipelines/operations): `symmetry status` and alerts.
    stale_grace_days: int | None = Field(
        default=None,
        ge=0,
        description="Days beyond a contract's cadence before its source counts as stale. Unset: 3 for a daily one, 2 "
        "for a weekly one, 5 for the rest.",
    )
    retired_sources: str | None = Field(
        default=None,
        description="Contracts from which nothing more is expected, commas between them (zendesk.ticket, "
        "hubspot.ticket), so that their sources are never stale.",
    )
    publication_max_age_days: int = Field(
        default=40, ge=1, description="A last publication older than this is a warning."
    )
    min_free_disk_gb: float = Field(
        default=2.0, ge=0, description="Less free space than this (in 10^9 bytes) where the data lie is critical."
    )
    alerts_name: str | None = Field(
        default=None,
        description="What this installation is called in alerts. Unset: the company's folder and the machine's name.",
    )
    alert_on_solved: bool = Field(default=True, description="Whether the end of a problem is told as well.")
    alerts_email_to: str | None = Field(
        default=None, description="Addresses that get alerts, commas between them. Unset: no e-mail is sent."
    )
    alerts_from: str = Field(default="symmetry@localhost", description="The sender's address of alerts.")
    smtp_host: str = Field(default="localhost", description="The mail server.")
    smtp_port: int = Field(default=25, ge=1, le=65535, description="Its port: 25, 587 (starttls) or 465 (tls).")
    smtp_security: Literal["none", "starttls", "tls"] = Field(
        default="none", description="none; starttls: encrypted after a first word; tls: encrypted from the start."
    )
    smtp_user: str | None = Field(default=None, description="The user to log in as. Unset: no login.")
    smtp_password: SecretStr | None = Field(default=None, description="The user's password.")
    webhook_url: SecretStr | None = Field(
        default=None, description="Address that alerts are posted to as JSON; who has it can post. Unset: none is."
    )
    webhook_kind: Literal["slack", "teams", "teams_messagecard"] = Field(
        default="slack",
        description="slack: {text}, as Mattermost takes it too; teams: an Adaptive Card, for a workflow of Teams; "
        "teams_messagecard: the older connector's card.",
    )

    @field_validator("retention_months")
    @classmethod
    def _entities_and_months(cls, value: str | None) -> str | None:
        _retention(value)
        return value

    @field_validator("memory_limit")
    @classmethod
    def _a_size(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"\d+(\.\d+)?\s*[KMGT]i?B", value):
            raise ValueError(f"{value!r} is no amount of memory; give a number and its unit, such as 8GB or 500MiB")
        return value

    @field_validator("landing_cron", "publication_cron")
    @classmethod
    def _five_fields(cls, value: str) -> str:
        if len(value.split()) != 5:
            raise ValueError(f"{value!r} is not a cron expression; give five fields, such as 0 6 * * * (daily at 6:00)")
        return " ".join(value.split())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The sources of values, the first to be believed first (pydantic-settings asks for them here).

        Raises:
            SettingsError: `symmetry.toml` cannot be read or holds what is no setting.
        """
        found = layers(settings_cls, init_settings())
        return tuple(InitSettingsSource(settings_cls, layer.values) for layer in found)

    @field_validator("*")
    @classmethod
    def _absolute(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, Path) and info.field_name and is_path(cls.model_fields[info.field_name]):
            return value.expanduser().resolve()
        return value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{value!r} is not a time zone; give an IANA name such as Europe/Paris") from error
        return value

    @field_validator("alerts_email_to", "alerts_from")
    @classmethod
    def _mail_addresses(cls, value: str | None) -> str | None:
        for address in _members(value):
            if not re.fullmatch(r"[^@\s,;<>]+@[^@\s,;<>]+", address):
                raise ValueError(f"{address!r} is no e-mail address; give name@example.org, commas between several")
        return value

    @field_validator("smtp_user")
    @classmethod
    def _password_travels_closed(cls, value: str | None, info: ValidationInfo) -> str | None:
        host = info.data.get("smtp_host")
        if value and info.data.get("smtp_security") == "none" and host not in ("localhost", "127.0.0.1", "::1"):
            raise ValueError(
                f"its password would travel to {host} for all to read; set smtp_security to starttls or tls"
            )
        return value

    @field_validator("webhook_url")
    @classmethod
    def _web_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("https://", "http://")):
            raise ValueError("give the whole address of the webhook, with https:// before it")
        return value

    @field_validator("inbox", "definitions", "contracts_dir")
    @classmethod
    def _folder_exists(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_dir():
            raise ValueError(f"{value} is not a folder; give an existing folder")
        return value

    @field_validator("audiences")
    @classmethod
    def _file_exists(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError(f"{value} is not a file; give an existing one, or leave the setting out")
        return value

    @cached_property
    def inbox_dir(self) -> Path:
        """Where extracts are dropped."""
        return self.inbox or self.data_dir / "inbox"

    @cached_property
    def company_dir(self) -> Path:
        """The root of all that is made from this inbox; never shared by two inboxes."""
        own = {self.data_dir / "inbox", self._workspace_inbox}
        return self.data_dir if self.inbox_dir in own else self.data_dir / self.inbox_dir.name

    @cached_property
    def _workspace_inbox(self) -> Path | None:
        """The inbox that the workspace's symmetry.toml names, whatever the command line or the environment says."""
        if self.workspace is None:
            return None
        named = read_settings_file(type(self).model_fields, self.workspace).values.get("inbox")
        return None if named is None else Path(named).resolve()

    @cached_property
    def landing_dir(self) -> Path:
        """Typed, pseudonymised rows, one Parquet file a delivery and entity."""
        return self.company_dir / "landing"

    @cached_property
    def quarantine_dir(self) -> Path:
        """Rows that could not be read, whole."""
        return self.company_dir / "quarantine"

    @cached_property
    def archive_dir(self) -> Path:
        """The originals of what has landed, whole."""
        return self.company_dir / "archive"

    @cached_property
    def originals_stay(self) -> bool:
        """Whether files stay in the inbox once they have landed."""
        if self.keep_originals is not None:
            return self.keep_originals
        in_workspace = self.workspace is not None and self.inbox_dir.is_relative_to(self.workspace)
        return self.inbox_dir != self.data_dir / "inbox" and not in_workspace

    @cached_property
    def warehouse_path(self) -> Path:
        """The pipeline's own DuckDB file; nobody else opens it."""
        return self.company_dir / "warehouse" / "warehouse.duckdb"

    @cached_property
    def inputs_path(self) -> Path:
        """What the run in progress works from: its fingerprint and the name of its definitions."""
        return self.company_dir / "warehouse" / "inputs.json"

    @cached_property
    def data_docs_dir(self) -> Path:
        """Great Expectations' pages of what the gates found, a folder for each run of a gate."""
        return self.company_dir / "data_docs"

    @cached_property
    def gate_warnings_path(self) -> Path:
        """What the landing gate of the run in progress has warned of, to travel with the publication."""
        return self.company_dir / "warehouse" / "landing_warnings.json"

    @cached_property
    def definitions_copy(self) -> Path:
        """The definitions of the run in progress, copied when it began, so that an edit meanwhile changes nothing."""
        return self.company_dir / "warehouse" / "definitions"

    @cached_property
    def published_dir(self) -> Path:
        """What readers open: the scorecard and the report."""
        return self.company_dir / "published"

    @cached_property
    def published_path(self) -> Path:
        """The published DuckDB file."""
        return self.published_dir / "scorecard.duckdb"

    @cached_property
    def audiences_path(self) -> Path | None:
        """Who sees which part of the hierarchy; None where everybody sees the whole publication."""
        own = self.workspace / "audiences.yml" if self.workspace is not None else None
        return self.audiences or (own if own is not None and own.is_file() else None)

    @cached_property
    def audiences_dir(self) -> Path:
        """A folder for each audience, with its own published file and report."""
        return self.published_dir / "audiences"

    @cached_property
    def candidate_path(self) -> Path:
        """The file being audited; beside the published one, so that the rename stays in one file system."""
        return self.published_dir / ".candidate" / "scorecard.duckdb"

    @cached_property
    def operations_dir(self) -> Path:
        """What is remembered about runs and alerts: how the last command ended, and what has been told to whom."""
        return self.company_dir / "operations"

    @cached_property
    def alert_addresses(self) -> tuple[str, ...]:
        """The addresses that get alerts."""
        return _members(self.alerts_email_to)

    @cached_property
    def retention(self) -> dict[str, int]:
        """By entity, the whole months that its rows are kept."""
        return _retention(self.retention_months)

    @cached_property
    def accepted(self) -> tuple[str, ...]:
        """The deliveries that are right although their volume or units are unusual."""
        return _members(self.accepted_deliveries)

    @cached_property
    def retired(self) -> tuple[str, ...]:
        """The contracts from which nothing more is expected."""
        return _members(self.retired_sources)

    def report_path(self, language: str) -> Path:
        """The report in a language ("en" or "fr")."""
        return self.published_dir / f"report_{language}.html"

    @cached_property
    def key_path(self) -> Path:
        """The pseudonym key's file (mode 0600)."""
        return self.data_dir / "pseudonym.key"

    @cached_property
    def truth_path(self) -> Path:
        """What the simulator planted; the pipeline never reads it."""
        return self.data_dir / "simulation_truth.json"

    def contract_dirs(self) -> list[Path]:
        """The folders in which contracts are looked for."""
        return [CONTRACTS_DIR] + ([self.contracts_dir] if self.contracts_dir else [])

    def key_from_environment(self) -> str | None:
        """The pseudonym key as given in the environment, or None."""
        return self.pseudonym_key.get_secret_value() if self.pseudonym_key else None

    def companies(self) -> list[Path]:
        """The root of every company that has been made in the data folder, and of this one."""
        claimed = sorted(claim.parent for claim in self.data_dir.glob("*/inbox.path"))
        return list(dict.fromkeys([self.data_dir, *claimed, self.company_dir]))

    def _claim_company_dir(self) -> None:
        """Write down which inbox a company's folder belongs to, and refuse any other.

        Raises:
            SettingsError: two inboxes have the same name, or one is named as a folder of the default company.
        """
        if self.company_dir == self.data_dir:
            return
        name = self.company_dir.name
        if name in RESERVED_NAMES:
            raise SettingsError(f"an inbox cannot be named {name!r}, a folder of the default company; rename it")
        claim = self.company_dir / "inbox.path"
        if claim.is_file() and claim.read_text(encoding="utf-8") != str(self.inbox_dir):
            raise SettingsError(
                f"{self.company_dir} belongs to the inbox {claim.read_text(encoding='utf-8')}, not to "
                f"{self.inbox_dir}; rename one of the two, or give this one its own --data folder"
            )
        self.company_dir.mkdir(parents=True, exist_ok=True)
        claim.write_text(str(self.inbox_dir), encoding="utf-8")

    def make_folders(self) -> None:
        """Make every folder that a run writes to; the ones that hold people's data are closed to others (0700).

        What this process writes from then on is for its owner alone, unless the folder has rights to hand on (ACL).
        """
        os.umask(0o077)
        self._claim_company_dir()
        closed = (self.landing_dir, self.quarantine_dir, self.archive_dir, self.warehouse_path.parent)
        for path in (self.inbox_dir, *closed):
            path.mkdir(parents=True, exist_ok=True)
        for path in closed:
            path.chmod(0o700)
        self.published_dir.mkdir(parents=True, exist_ok=True)
        self.dagster_home.mkdir(parents=True, exist_ok=True)

    def export_to_libraries(self) -> None:
        """Tell dbt, Dagster and Great Expectations where their things lie, and to send no telemetry.

        They read environment variables only; this class is the one place that sets any.
        """
        values = {
            "DAGSTER_HOME": self.dagster_home,
            "DBT_PROFILES_DIR": DBT_PROJECT_DIR,
            "DO_NOT_TRACK": "1",
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "False",
            "GX_ANALYTICS_ENABLED": "False",
            f"{PREFIX}WAREHOUSE": self.warehouse_path,
            f"{PREFIX}DATABASE_MEMORY": self.memory_limit or f"{of_database(available()) >> 20}MiB",
        }
        os.environ.update({name: str(value) for name, value in values.items()})

    def export_to_processes(self, names: Collection[str] | None = None) -> None:
        """Hand these settings to this process's libraries and to the processes it starts (dbt, the UI).

        Args:
            names: the settings to hand over beside the workspace; all when not given, so that a run ends with the
                settings it began with. Those that are left out are read by each process anew, when it needs them.
                Secrets are never handed over: a process finds them where this one did.
        """
        self.export_to_libraries()
        fields = type(self).model_fields
        chosen = set(fields) if names is None else {"workspace", *names}
        chosen -= {name for name, info in fields.items() if is_secret(info)}
        for name, value in self.model_dump(mode="json", include=chosen, exclude_none=True).items():
            os.environ[variable(name)] = value if isinstance(value, str) else json.dumps(value)

    def export_definitions(self, folder: Path) -> None:
        """Tell dbt which folder of definitions holds its seeds."""
        os.environ[f"{PREFIX}DEFINITIONS_DIR"] = str(folder)


def effective_settings(**given: object) -> Settings:
    """Return the settings in force, `given` (the command line) first; nothing is written.

    Raises:
        SettingsError: a setting is wrong; the message names each one, where it stands, and what to do.
    """
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        found = layers(Settings, given)
        workspace = next((layer.values["workspace"] for layer in found if "workspace" in layer.values), None)
        raise SettingsError(explain(error, Settings.model_fields, found, workspace)) from None
