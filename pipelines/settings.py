"""Every path and knob of the pipeline, in one place.

Values come, in order, from arguments (the command line), environment variables that start with ``SYMMETRY_``, a
``.env`` file in the working directory, and the defaults below. No other module reads the environment.
"""

from __future__ import annotations

import os
import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PROJECT_DIR = Path(__file__).resolve().parents[1]
DBT_PROJECT_DIR = PROJECT_DIR / "dbt_project"
CONTRACTS_DIR = Path(__file__).resolve().parent / "extracts" / "contracts"
SHIPPED_DEFINITIONS_DIR = DBT_PROJECT_DIR / "seeds"


#: A list in one environment variable: commas between its members.
CommaSeparated = Annotated[tuple[str, ...], NoDecode]

RESERVED_NAMES = {"archive", "inbox", "landing", "quarantine", "warehouse", "published", "operations"}


class SettingsError(ValueError):
    """Settings that are each well formed and do not fit what is on disk; the message says what to do."""


class Settings(BaseSettings):
    """The effective settings of one run. Paths are absolute once resolved.

    Raises:
        pydantic.ValidationError: a value is not of its type, out of range, or names a folder that is not there.
    """

    model_config = SettingsConfigDict(
        env_prefix="SYMMETRY_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    data_dir: Path = Field(
        default=PROJECT_DIR / "data", description="Root of archive, landing, quarantine, warehouse, published."
    )
    inbox: Path | None = Field(
        default=None,
        description="Folder of extracts to read. Unset: <data_dir>/inbox. An inbox elsewhere is another company: "
        "what comes of it is kept apart, under <data_dir>/<name of the inbox>.",
    )
    definitions: Path | None = Field(
        default=None,
        description="A company's folder of definitions (CSV seeds). Unset: the contracts' own, else the default.",
    )
    contracts_dir: Path | None = Field(
        default=None, description="A further folder of contracts, beside the shipped ones."
    )
    keep_originals: bool | None = Field(
        default=None,
        description="Whether files stay in the inbox once they have landed, instead of moving to the archive. Unset: "
        "those of <data_dir>/inbox move, those of an inbox elsewhere, which may be another's folder, stay.",
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

    # What is watched, and who is told (pipelines/operations): `symmetry status` and alerts.
    stale_grace_days: int = Field(
        default=3, ge=0, description="Days beyond a contract's cadence before its source counts as stale."
    )
    retired_sources: CommaSeparated = Field(
        default=(),
        description="Contracts from which nothing more is expected (zendesk.ticket), so that they are never stale.",
    )
    publication_max_age_days: int = Field(
        default=40, ge=1, description="A last publication older than this is a warning."
    )
    run_max_hours: float = Field(default=6.0, gt=0, description="A run that goes on for longer than this is a warning.")
    min_free_disk_gb: float = Field(
        default=2.0, ge=0, description="Less free space than this (in 10^9 bytes) where the data lie is critical."
    )
    alerts_name: str | None = Field(
        default=None,
        description="What this installation is called in alerts. Unset: the company's folder and the machine's name.",
    )
    alert_on_solved: bool = Field(default=True, description="Whether the end of a problem is told as well.")
    alerts_email_to: CommaSeparated = Field(
        default=(), description="Addresses that get alerts, commas between them. Unset: no e-mail is sent."
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

    @field_validator("data_dir", "inbox", "definitions", "contracts_dir", "dagster_home")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().resolve()

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{value!r} is not a time zone; give an IANA name such as Europe/Paris") from error
        return value

    @field_validator("retired_sources", "alerts_email_to", mode="before")
    @classmethod
    def _split_at_commas(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("alerts_email_to", "alerts_from")
    @classmethod
    def _mail_addresses(cls, value: tuple[str, ...] | str) -> tuple[str, ...] | str:
        for address in (value,) if isinstance(value, str) else value:
            if not re.fullmatch(r"[^@\s,;<>]+@[^@\s,;<>]+", address):
                raise ValueError(f"{address!r} is no e-mail address; give name@example.org")
        return value

    @field_validator("webhook_url")
    @classmethod
    def _web_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("https://", "http://")):
            raise ValueError("give the whole address of the webhook, with https:// before it")
        return value

    @model_validator(mode="after")
    def _password_travels_closed(self) -> Self:
        if self.smtp_user and self.smtp_security == "none" and self.smtp_host not in ("localhost", "127.0.0.1", "::1"):
            raise ValueError(
                f"smtp_security: the password of {self.smtp_user} would travel to {self.smtp_host} for all to read; "
                "set smtp_security to starttls or tls"
            )
        return self

    @model_validator(mode="after")
    def _folders_exist(self) -> Self:
        for name in ("inbox", "definitions", "contracts_dir"):
            path = getattr(self, name)
            if path is not None and not path.is_dir():
                raise ValueError(f"{name}: {path} is not a folder; give an existing folder")
        return self

    @cached_property
    def inbox_dir(self) -> Path:
        """Where extracts are dropped."""
        return self.inbox or self.data_dir / "inbox"

    @cached_property
    def company_dir(self) -> Path:
        """The root of all that is made from this inbox; never shared by two inboxes."""
        default = self.data_dir / "inbox"
        return self.data_dir if self.inbox_dir == default else self.data_dir / self.inbox_dir.name

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
        return self.inbox is not None if self.keep_originals is None else self.keep_originals

    @cached_property
    def warehouse_path(self) -> Path:
        """The pipeline's own DuckDB file; nobody else opens it."""
        return self.company_dir / "warehouse" / "warehouse.duckdb"

    @cached_property
    def inputs_path(self) -> Path:
        """What the run in progress works from: its fingerprint and the name of its definitions."""
        return self.company_dir / "warehouse" / "inputs.json"

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
    def candidate_path(self) -> Path:
        """The file being audited; beside the published one, so that the rename stays in one file system."""
        return self.published_dir / ".candidate" / "scorecard.duckdb"

    @cached_property
    def operations_dir(self) -> Path:
        """What is remembered about runs and alerts: how the last command ended, and what has been told to whom."""
        return self.company_dir / "operations"

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
        """Make every folder that a run writes to; the ones that hold people's data are closed to others (0700)."""
        self._claim_company_dir()
        closed = (self.landing_dir, self.quarantine_dir, self.archive_dir, self.warehouse_path.parent)
        for path in (self.inbox_dir, *closed):
            path.mkdir(parents=True, exist_ok=True)
        for path in closed:
            path.chmod(0o700)
        self.published_dir.mkdir(parents=True, exist_ok=True)
        self.dagster_home.mkdir(parents=True, exist_ok=True)

    def export_to_processes(self) -> None:
        """Hand these settings to this process's libraries and to those it starts (dbt, the UI), telemetry off.

        dbt, Dagster and Great Expectations read environment variables only; this is the one place that sets them.
        """
        values: dict[str, object] = {
            "DAGSTER_HOME": self.dagster_home,
            "DBT_PROFILES_DIR": DBT_PROJECT_DIR,
            "DO_NOT_TRACK": "1",
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "False",
            "GX_ANALYTICS_ENABLED": "False",
            "SYMMETRY_WAREHOUSE": self.warehouse_path,
            "SYMMETRY_DATA_DIR": self.data_dir,
            "SYMMETRY_INBOX": self.inbox,
            "SYMMETRY_DEFINITIONS": self.definitions,
            "SYMMETRY_CONTRACTS_DIR": self.contracts_dir,
            "SYMMETRY_KEEP_ORIGINALS": self.keep_originals,
            "SYMMETRY_ARCHIVE_DAYS": self.archive_days,
            "SYMMETRY_SETTLE_SECONDS": self.settle_seconds,
            "SYMMETRY_MIN_RESPONDENTS": self.min_respondents,
            "SYMMETRY_MAX_QUARANTINE_SHARE": self.max_quarantine_share,
            "SYMMETRY_TIMEZONE": self.timezone,
        }
        os.environ.update({name: str(value) for name, value in values.items() if value is not None})

    def export_definitions(self, folder: Path) -> None:
        """Tell dbt which folder of definitions holds its seeds."""
        os.environ["SYMMETRY_DEFINITIONS_DIR"] = str(folder)
