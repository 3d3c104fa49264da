"""What a run recomputes after any history of deliveries equals what a full refresh makes of the same rows.

The rows of the landing are changed at random (added, dropped, corrected, moved, units closed), as late, corrected and
withdrawn deliveries change them; after each change dbt builds what the change touches, now and then it is cut short,
and at the end everything is built anew and compared. The statistics and the marts are made from these tables whole at
every run, so what holds here holds of what is published.
"""

from __future__ import annotations

import os
import random
import subprocess
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipelines.defs.resources import dbt_executable
from pipelines.extracts.entities import ENTITIES
from pipelines.extracts.landing import LEDGER_SQL
from pipelines.settings import DBT_PROJECT_DIR

Row = dict[str, Any]
Rows = dict[str, list[Row]]

COMPARED = {
    "obs_survey": ["unit_id", "period", "population", "indicator_id", "person_key"],
    "indicator_people": ["unit_id", "period", "population", "indicator_id", "person_key"],
    "indicator_stats": ["unit_id", "period", "population", "indicator_id"],
    "indicator_windows": ["unit_id", "period", "population", "indicator_id"],
    "indicator_durations": ["unit_id", "period", "indicator_id"],
    "theme_events": ["unit_id", "period", "side", "theme", "person_key"],
    "theme_windows": ["unit_id", "period", "side", "theme"],
    "month_contents_built": ["period", "source", "build"],
}
FIRST, DAYS = date(2024, 1, 1), 540
# What is landed record by record: a delivery adds versions, and only taking it back takes rows away.
EVENTS = ["case", "internal_request", "survey_answer"]
FACTS = {
    "fct_case": ["source_system", "case_id"],
    "fct_internal_request": ["source_system", "request_id"],
    "fct_survey_answer": ["source_system", "side", "response_id", "question"],
}
UNITS = ["t1", "t2", "t3", "t9"]


class Company:
    """Rows of every entity of the landing, changed at random."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.rows: Rows = {name: [] for name in ENTITIES}
        # The delivery under way and what is in force, each with its version.
        self.delivery, self.deliveries = "d0", {"d0": datetime(2025, 1, 1)}
        for unit, parent, level in (("co", None, "company"), ("s1", "co", "site"), ("s2", "co", "site")):
            self.rows["unit"].append(
                {"unit_id": unit, "unit_name": unit, "parent_unit_id": parent, "unit_level": level}
            )
        for unit, site in (("t1", "s1"), ("t2", "s1"), ("t3", "s2")):
            self.rows["unit"].append({"unit_id": unit, "unit_name": unit, "parent_unit_id": site, "unit_level": "team"})
        for _ in range(120):
            self.add()

    def day(self) -> date:
        return FIRST + timedelta(days=self.chance.randrange(DAYS))

    def moment(self) -> datetime:
        return datetime.combine(self.day(), datetime.min.time()) + timedelta(minutes=self.chance.randrange(1440))

    def after(self, moment: datetime | None, most_hours: int) -> datetime | None:
        if moment is None or self.chance.random() < 0.4:
            return None
        return moment + timedelta(hours=self.chance.randrange(most_hours))

    def one(self, prefix: str) -> str:
        return f"{prefix}{self.chance.randrange(8)}"

    def theme(self) -> str | None:
        """Some themes are rare: they come and go with a single event, and with them their rows everywhere."""
        if self.chance.random() < 0.03:
            return f"rare {self.chance.randrange(3)}"
        return self.chance.choice([None, "billing", "delivery"])

    def new(self, entity: str) -> Row:
        pick, number = self.chance.choice, self.chance.randrange(10**9)
        match entity:
            case "client":
                since = self.day()
                until = since + timedelta(days=self.chance.randrange(200)) if pick([0, 1]) else None
                return {
                    "client_id": self.one("k"),
                    "unit_id": pick(UNITS),
                    "client_since": since,
                    "client_until": until,
                    "valid_from": self.day(),
                }
            case "employee":
                hired = self.day()
                left = hired + timedelta(days=self.chance.randrange(300)) if pick([0, 1]) else None
                return {
                    "employee_id": self.one("e"),
                    "spell_start": hired + timedelta(days=pick([0, 60])),
                    "unit_id": pick(UNITS),
                    "population": pick(["field", "office"]),
                    "hired_on": hired,
                    "left_on": left,
                    "leave_reason": pick(["voluntary", "dismissal"]) if left else None,
                }
            case "case":
                opened = self.moment()
                return {
                    "case_id": f"c{number}",
                    "client_id": self.one("k"),
                    "unit_id": pick([*UNITS, None]),
                    "opened_at": opened,
                    "first_reply_at": self.after(opened, 60),
                    "resolved_at": self.after(opened, 2000),
                    "reopen_count": pick([0, 0, 1]),
                    "kind": pick(["complaint", "request"]),
                    "theme": self.theme(),
                }
            case "proactive_contact":
                return {
                    "contact_id": f"p{number}",
                    "client_id": self.one("k"),
                    "contacted_at": self.moment(),
                    "kind": pick(["callback", "proactive"]),
                }
            case "absence":
                start = self.day()
                return {
                    "employee_id": self.one("e"),
                    "started_on": start,
                    "ended_on": start + timedelta(days=self.chance.randrange(40)),
                    "kind": pick(["sick", "paid_leave"]),
                    "hours": pick([None, 14.0]),
                }
            case "hr_event":
                return {
                    "employee_id": self.one("e"),
                    "event_on": self.day(),
                    "kind": pick(["training", "interview", "mobility"]),
                    "hours": pick([None, 7.0]),
                }
            case "internal_request":
                opened = self.moment()
                return {
                    "request_id": f"r{number}",
                    "employee_id": self.one("e"),
                    "opened_at": opened,
                    "first_reply_at": self.after(opened, 90),
                    "resolved_at": self.after(opened, 2000),
                    "reopen_count": pick([0, 0, 1]),
                    "kind": pick(["irritant", "suggestion", "it_request"]),
                    "theme": self.theme(),
                    "put_into_use": pick([None, True, False]),
                }
            case "availability":
                return {
                    "unit_id": pick(UNITS),
                    "service": "crm",
                    "audience": pick(["client", "collaborator"]),
                    "day": self.day(),
                    "minutes_expected": 600,
                    "minutes_available": self.chance.randrange(601),
                }
            case "survey_answer":
                side = pick(["client", "collaborator"])
                return {
                    "response_id": f"a{number}",
                    "question": "q1",
                    "respondent_id": self.one("k" if side == "client" else "e"),
                    "side": side,
                    "role": side if side == "client" else pick(["collaborator", "manager"]),
                    "perspective": pick(["own", "own", "estimate"]),
                    "answered_at": self.moment(),
                    "dimension": pick(["trust", "recommendation", "satisfaction", "listening"]),
                    "moment": pick([None, "complaint"]),
                    "value": self.chance.randrange(11),
                    "scale_min": 0,
                    "scale_max": 10,
                }
            case "indicator_feed":
                return {
                    "unit_id": pick(UNITS),
                    "period": self.day().replace(day=1),
                    "population": "all",
                    "indicator_id": "client_reputation",
                    "n": 12,
                    "value": self.chance.randrange(100),
                }
        raise AssertionError(entity)

    def put(self, entity: str, row: Row) -> None:
        version = self.deliveries[self.delivery]
        self.rows[entity].append({**row, "_delivery_id": self.delivery, "_version": version})

    def add(self) -> None:
        others = ["client", "employee", "proactive_contact", "absence", "hr_event", "availability", "indicator_feed"]
        entity = self.chance.choice(EVENTS * 3 + others)
        self.put(entity, self.new(entity))

    def deliver(self) -> None:
        """A new delivery, most often later than those before it; now and then an older one comes late."""
        number = len(self.deliveries) + self.chance.randrange(10**6)
        version = datetime(2025, 1, 1) + timedelta(days=self.chance.choice([len(self.deliveries)] * 3 + [-5]))
        self.delivery = f"d{number}"
        self.deliveries[self.delivery] = version

    def withdraw(self, delivery: str) -> None:
        del self.deliveries[delivery]
        for name in EVENTS:
            self.rows[name] = [row for row in self.rows[name] if row["_delivery_id"] != delivery]

    def corrected(self, entity: str, row: Row) -> Row:
        moment = "answered_at" if entity == "survey_answer" else "opened_at"
        days = timedelta(days=self.chance.choice([-40, 0, 1, 35]))
        changed = {**row, moment: row[moment] + days, "unit_id": self.chance.choice([*UNITS, None])}
        return changed | ({"theme": self.theme()} if "theme" in row else {})

    def change(self) -> None:
        """One delivery: a few rows come, a few are corrected or taken back, now and then the structure changes."""
        self.deliver()
        for _ in range(self.chance.randrange(1, 4)):
            self.add()
        others = [name for name, rows in self.rows.items() if rows and name not in ("unit", *EVENTS)]
        for _ in range(self.chance.randrange(3)):
            rows = self.rows[self.chance.choice(others)]
            if rows:
                rows.pop(self.chance.randrange(len(rows)))
        for _ in range(self.chance.randrange(4)):
            entity = self.chance.choice(EVENTS)
            if self.rows[entity]:
                self.put(entity, self.corrected(entity, self.chance.choice(self.rows[entity])))
        withdrawn = [name for name in self.deliveries if name not in ("d0", self.delivery)]
        if withdrawn and self.chance.random() < 0.4:
            self.withdraw(self.chance.choice(withdrawn))
        if self.chance.random() < 0.3:
            unit = next(row for row in self.rows["unit"] if row["unit_id"] == "t3")
            unit["valid_to"] = self.chance.choice([None, date(2024, 9, 15), date(2025, 1, 31)])
        if self.chance.random() < 0.2:
            unit = next(row for row in self.rows["unit"] if row["unit_id"] == "t2")
            unit["parent_unit_id"] = self.chance.choice(["s1", "s2"])
        if self.chance.random() < 0.2:
            # The last months go: what was the latest is taken back, and the rest delivered anew.
            limit = datetime(2025, 4, 1)
            for name, column in (("case", "opened_at"), ("survey_answer", "answered_at")):
                self.rows[name] = [row for row in self.rows[name] if row[column] < limit]
            for delivery in list(self.deliveries):
                self.deliveries[delivery] += timedelta(seconds=1)
            for name in EVENTS:
                for row in self.rows[name]:
                    row["_version"] = self.deliveries[row["_delivery_id"]]


class Bench:
    """A warehouse, and dbt over it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.warehouse = folder / "warehouse.duckdb"

    def land(self, company: Company) -> None:
        with duckdb.connect(str(self.warehouse)) as connection:
            connection.execute("create schema if not exists landing")
            connection.execute(f"create or replace table landing.delivery ({LEDGER_SQL})")
            connection.executemany(
                "insert into landing.delivery (delivery_id, contract, delivery, version, is_whole) "
                "values (?, 'test', 'delta', ?, true)",
                list(company.deliveries.items()),
            )
            for entity in ENTITIES.values():
                table = f'landing."{entity.name}"'
                connection.execute(f"create or replace table {table} ({entity.schema_sql()})")
                for number, row in enumerate(company.rows[entity.name], start=1):
                    whole = {
                        "_system": "test",
                        "_record": number,
                        "_delivery_id": "d0",
                        "_version": "2025-01-01",
                        **row,
                    }
                    names = ", ".join(f'"{name}"' for name in whole)
                    connection.execute(
                        f"insert into {table} ({names}) values ({', '.join('?' for _ in whole)})", list(whole.values())
                    )

    def build(self, *arguments: str) -> None:
        layers = ["path:models/staging", "path:models/canonical", "path:models/indicators", "resource_type:seed"]
        command = [dbt_executable(), "build", "--exclude-resource-type", "unit_test", "--exclude-resource-type", "test"]
        done = subprocess.run(
            [
                *command,
                *("--project-dir", str(DBT_PROJECT_DIR), "--target-path", str(self.folder / "target")),
                *("--log-path", str(self.folder / "logs"), "--quiet"),
                *("--select", *layers, "--exclude", "path:models/staging/statistics", *arguments),
            ],
            env={**os.environ, "DBT_PROFILES_DIR": str(DBT_PROJECT_DIR), "SYMMETRY_WAREHOUSE": str(self.warehouse)},
            cwd=DBT_PROJECT_DIR,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def tables(self) -> dict[str, pl.DataFrame]:
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            made = [("indicators", COMPARED), ("canonical", FACTS)]
            return {
                name: connection.sql(f"select * from {schema}.{name}").pl().sort(key, nulls_last=True)
                for schema, tables in made
                for name, key in tables.items()
            }

    def months_touched(self) -> int:
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            [(months,)] = connection.execute("select count(*) from indicators.months_touched").fetchall()
        return int(months)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("incremental"))


def same(incremental: dict[str, pl.DataFrame], full: dict[str, pl.DataFrame]) -> None:
    # Every byte: sums do not depend on the order in which threads add.
    for name in COMPARED | FACTS:
        assert incremental[name].equals(full[name]), name


# A history takes some fifteen seconds, and a shorter one says no more: none is shrunk.
@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(seed=st.integers(0, 10**6))
def test_any_history_equals_a_full_refresh(bench: Bench, seed: int) -> None:
    company = Company(seed)
    for step in range(3):
        bench.land(company)
        if step == 1:
            # Cut short twice: before the facts are all made, then after the people are counted and before the windows.
            bench.build("fct_internal_request+", "fact_inputs_built")
            company.change()
            bench.land(company)
            bench.build("indicator_windows", "indicator_durations", "month_contents_built")
            company.change()
            bench.land(company)
        # People are counted in both ways, whichever would be the cheaper.
        bench.build("--vars", f"few_windows: {company.chance.choice([0, 100])}")
        company.change()
    incremental = bench.tables()
    assert incremental["indicator_windows"].height > 100
    bench.build("--full-refresh")
    same(incremental, bench.tables())
