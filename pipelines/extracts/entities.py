"""The canonical landing entities: one fixed schema each, whatever system the rows came from.

A source system never adds a table or a column here by being new: its contract maps what it has onto these.
Types are the few that DuckDB and Spark both spell the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FieldType = Literal["VARCHAR", "DATE", "TIMESTAMP", "DOUBLE", "BIGINT", "BOOLEAN"]

#: Identity domain of a field whose domain depends on the row's `side` (client or employee).
BY_SIDE = "by_side"

#: Columns that landing adds to every entity: where the row came from, and which delivery is the later.
PROVENANCE: tuple[tuple[str, FieldType], ...] = (
    ("_system", "VARCHAR"),
    ("_delivery_id", "VARCHAR"),
    ("_record", "BIGINT"),
    ("_version", "TIMESTAMP"),
)


@dataclass(frozen=True)
class Field:
    """One column of an entity.

    `identity` is the domain of the HMAC pseudonym the value is replaced by (None: the value itself lands);
    `key` marks a part of the entity's key; `required` means never null; `values` is the closed vocabulary,
    empty when any text is fine.
    """

    name: str
    type: FieldType
    description: str
    identity: str | None = None
    key: bool = False
    required: bool = False
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entity:
    """One landing table. `event` is the field whose months a delivery touches (None: it has none)."""

    name: str
    description: str
    fields: tuple[Field, ...]
    event: str | None = None

    def field(self, name: str) -> Field:
        """Return the field called `name`; KeyError when the entity has none."""
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(name)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the fields, in order, without the provenance columns."""
        return tuple(field.name for field in self.fields)

    @property
    def columns(self) -> tuple[tuple[str, FieldType], ...]:
        """(name, type) of every landing column: the fields, then the provenance columns."""
        return tuple((field.name, field.type) for field in self.fields) + PROVENANCE

    def schema_sql(self) -> str:
        """Return the body of a CREATE TABLE: quoted column names, types, NOT NULL where required."""
        required = {field.name for field in self.fields if field.required}
        return ", ".join(f'"{name}" {kind}{" NOT NULL" if name in required else ""}' for name, kind in self.columns)

    def empty_select_sql(self) -> str:
        """Return a SELECT with the entity's columns and types and no row (for a view without files)."""
        columns = ", ".join(f'CAST(NULL AS {kind}) AS "{name}"' for name, kind in self.columns)
        return f"SELECT {columns} WHERE false"


def _unit(required: bool = False, key: bool = False) -> Field:
    return Field("unit_id", "VARCHAR", "Organisational unit, as the source names it.", required=required, key=key)


_CHANNEL = Field("channel", "VARCHAR", "How the contact came in or went out (phone, e-mail, shop...).")
_THEME = Field("theme", "VARCHAR", "Category of the subject, from a list; never free text.")
_POPULATION = ("field", "office")

_ENTITIES = (
    Entity(
        "unit",
        "Units of the organisation and the unit above each, with validity.",
        (
            _unit(required=True, key=True),
            Field("unit_name", "VARCHAR", "Name of the unit as people read it.", required=True),
            Field("parent_unit_id", "VARCHAR", "Unit directly above; null for the top."),
            Field("unit_level", "VARCHAR", "Level of the hierarchy, e.g. team.", required=True),
            Field("valid_from", "DATE", "First day valid; null: always was.", key=True),
            Field("valid_to", "DATE", "Last day valid; null: still is."),
        ),
        event="valid_from",
    ),
    Entity(
        "client",
        "Clients and the unit that serves each.",
        (
            Field("client_id", "VARCHAR", "Client, pseudonym.", identity="client", key=True, required=True),
            _unit(required=True),
            Field("segment", "VARCHAR", "Client segment."),
            Field("client_since", "DATE", "First day as a client.", required=True),
            Field("client_until", "DATE", "Last day as a client; null: still is."),
            Field("valid_from", "DATE", "First day this version is valid; null: always.", key=True),
            Field("valid_to", "DATE", "Last day this version is valid; null: still is."),
        ),
        event="client_since",
    ),
    Entity(
        "case",
        "Client cases: complaints, requests, questions, incidents.",
        (
            Field("case_id", "VARCHAR", "Case, pseudonym.", identity="case", key=True, required=True),
            Field("client_id", "VARCHAR", "Client, pseudonym.", identity="client"),
            _unit(),
            Field("opened_at", "TIMESTAMP", "When it was opened, UTC.", required=True),
            Field("first_reply_at", "TIMESTAMP", "First public reply, UTC."),
            Field("resolved_at", "TIMESTAMP", "Last resolution, UTC."),
            Field("reopen_count", "BIGINT", "Times reopened."),
            Field(
                "kind",
                "VARCHAR",
                "What the case is.",
                required=True,
                values=("complaint", "request", "question", "incident"),
            ),
            _THEME,
            _CHANNEL,
            Field("moment", "VARCHAR", "Moment of truth the case belongs to."),
        ),
        event="opened_at",
    ),
    Entity(
        "proactive_contact",
        "Contacts the company took up by itself, and call-backs.",
        (
            Field("contact_id", "VARCHAR", "Contact, pseudonym.", identity="contact", key=True, required=True),
            Field("client_id", "VARCHAR", "Client, pseudonym.", identity="client", required=True),
            _unit(),
            Field("contacted_at", "TIMESTAMP", "When, UTC.", required=True),
            Field("kind", "VARCHAR", "Why the client was called.", required=True, values=("proactive", "callback")),
            _CHANNEL,
        ),
        event="contacted_at",
    ),
    Entity(
        "employee",
        "Spells of employment: one row per employee and unbroken situation.",
        (
            Field("employee_id", "VARCHAR", "Employee, pseudonym.", identity="employee", key=True, required=True),
            Field("spell_start", "DATE", "First day of the spell.", key=True, required=True),
            Field("spell_end", "DATE", "Last day of the spell; null: it goes on."),
            _unit(required=True),
            Field("manager_id", "VARCHAR", "Manager, pseudonym.", identity="employee"),
            Field("population", "VARCHAR", "Field or office.", required=True, values=_POPULATION),
            Field(
                "contract_type",
                "VARCHAR",
                "Type of employment contract.",
                values=("permanent", "fixed_term", "temporary", "apprentice"),
            ),
            Field("fte", "DOUBLE", "Full-time equivalent, 1 = full time."),
            Field("hired_on", "DATE", "First day employed.", required=True),
            Field("left_on", "DATE", "Last day employed; null: still is."),
            Field(
                "leave_reason",
                "VARCHAR",
                "Why the employee left.",
                values=("voluntary", "dismissal", "end_of_contract", "retirement", "other"),
            ),
        ),
        event="spell_start",
    ),
    Entity(
        "absence",
        "Absences of employees, one row each, both days inclusive.",
        (
            Field("employee_id", "VARCHAR", "Employee, pseudonym.", identity="employee", key=True, required=True),
            Field("started_on", "DATE", "First day absent.", key=True, required=True),
            Field("ended_on", "DATE", "Last day absent.", required=True),
            Field(
                "kind",
                "VARCHAR",
                "Kind of absence.",
                key=True,
                required=True,
                values=("sick", "accident", "unpaid", "other", "paid_leave"),
            ),
            Field("hours", "DOUBLE", "Hours absent."),
        ),
        event="started_on",
    ),
    Entity(
        "hr_event",
        "Steps in an employee's path: interviews, training, mobility.",
        (
            Field("employee_id", "VARCHAR", "Employee, pseudonym.", identity="employee", key=True, required=True),
            Field("event_on", "DATE", "Day of the event.", key=True, required=True),
            Field(
                "kind",
                "VARCHAR",
                "Kind of event.",
                key=True,
                required=True,
                values=("interview", "training", "mobility"),
            ),
            Field("hours", "DOUBLE", "Hours, for training."),
        ),
        event="event_on",
    ),
    Entity(
        "internal_request",
        "What employees raise: irritants, suggestions, HR and IT requests.",
        (
            Field("request_id", "VARCHAR", "Request, pseudonym.", identity="request", key=True, required=True),
            Field("employee_id", "VARCHAR", "Employee, pseudonym.", identity="employee"),
            _unit(),
            Field("opened_at", "TIMESTAMP", "When it was opened, UTC.", required=True),
            Field("first_reply_at", "TIMESTAMP", "First reply, UTC."),
            Field("resolved_at", "TIMESTAMP", "Last resolution, UTC."),
            Field("reopen_count", "BIGINT", "Times reopened."),
            Field(
                "kind",
                "VARCHAR",
                "What was raised.",
                required=True,
                values=("irritant", "suggestion", "hr_request", "it_request"),
            ),
            _THEME,
            Field("put_into_use", "BOOLEAN", "Suggestion put into use."),
        ),
        event="opened_at",
    ),
    Entity(
        "availability",
        "Daily availability of a service or tool.",
        (
            _unit(required=True, key=True),
            Field("service", "VARCHAR", "Service or tool.", key=True, required=True),
            Field(
                "audience",
                "VARCHAR",
                "Who works with it.",
                key=True,
                required=True,
                values=("client", "collaborator"),
            ),
            Field("day", "DATE", "Day.", key=True, required=True),
            Field("minutes_expected", "DOUBLE", "Minutes it should have been up.", required=True),
            Field("minutes_available", "DOUBLE", "Minutes it was up.", required=True),
            Field("response_time_ms", "DOUBLE", "Mean response time, milliseconds."),
        ),
        event="day",
    ),
    Entity(
        "survey_answer",
        "One answer of one respondent to one question.",
        (
            Field("response_id", "VARCHAR", "Response, pseudonym.", identity="response", key=True, required=True),
            Field("question", "VARCHAR", "Question code.", key=True, required=True),
            Field("respondent_id", "VARCHAR", "Respondent, pseudonym of client or employee.", identity=BY_SIDE),
            Field("side", "VARCHAR", "Face of the mirror.", required=True, values=("client", "collaborator")),
            Field(
                "role",
                "VARCHAR",
                "Who answers.",
                required=True,
                values=("client", "collaborator", "manager"),
            ),
            Field(
                "perspective",
                "VARCHAR",
                "Own answer, or an estimate of what clients feel.",
                required=True,
                values=("own", "estimate"),
            ),
            _unit(),
            Field("population", "VARCHAR", "Field or office.", values=_POPULATION),
            Field("answered_at", "TIMESTAMP", "When it was answered, UTC.", required=True),
            Field("moment", "VARCHAR", "Moment of truth the question is about."),
            Field("dimension", "VARCHAR", "Dimension the question measures.", required=True),
            Field("value", "DOUBLE", "Answer, turned round where needed: higher is better.", required=True),
            Field("scale_min", "DOUBLE", "Lowest possible answer.", required=True),
            Field("scale_max", "DOUBLE", "Highest possible answer.", required=True),
        ),
        event="answered_at",
    ),
    Entity(
        "indicator_feed",
        "Figures that arrive already aggregated, per unit, month and indicator.",
        (
            _unit(required=True, key=True),
            Field("period", "DATE", "First day of the month.", key=True, required=True),
            Field(
                "population",
                "VARCHAR",
                "All, field or office.",
                key=True,
                required=True,
                values=("all", "field", "office"),
            ),
            Field("indicator_id", "VARCHAR", "Indicator, by its id in the definitions.", key=True, required=True),
            Field("n", "DOUBLE", "Number of answers or exposure behind the value.", required=True),
            Field("value", "DOUBLE", "Displayed value.", required=True),
            Field("sd", "DOUBLE", "Standard deviation of single answers, where known."),
        ),
        event="period",
    ),
    Entity(
        "action",
        "Improvement actions on a marker of a unit.",
        (
            Field("action_id", "VARCHAR", "Action.", key=True, required=True),
            _unit(required=True),
            Field("marker", "VARCHAR", "Pair the action is about.", required=True),
            Field("started_on", "DATE", "First day.", required=True),
            Field("ended_on", "DATE", "Last day; null: it goes on."),
            Field("kind", "VARCHAR", "Kind of action."),
            Field("owner_role", "VARCHAR", "Role that leads it; never a person's name."),
        ),
        event="started_on",
    ),
)

#: Every landing entity by name.
ENTITIES: dict[str, Entity] = {entity.name: entity for entity in _ENTITIES}
