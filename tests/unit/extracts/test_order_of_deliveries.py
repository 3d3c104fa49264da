"""Whatever the order in which deliveries come, however they are split or repeated, the landing says the same.

What is compared is what every model reads: the staging views over the landing, provenance apart.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import jinja2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.extracts.contract import load_contracts
from pipelines.extracts.landing import create_landing_views, land_inbox
from pipelines.settings import DBT_PROJECT_DIR

KEY = bytes(range(32))
CLIENTS = """system: crm
name: clients
version: 1
description: Clients.
owner: team:crm
match: ["clients*.csv"]
format: {type: csv}
VERSION
columns:
  - {source: Id, field: client_id, required: true}
  - {source: Unit, field: unit_id, required: true}
  - {source: Since, field: client_since, type: date, required: true}
outputs:
  - entity: client
    fields: {client_id: client_id, unit_id: unit_id, client_since: client_since}
"""
BY_DATE = CLIENTS.replace("VERSION", "version_from: '_(\\d{8})'\ndelivery: snapshot")
BY_SEQUENCE = CLIENTS.replace("VERSION", "version_from: {file_sequence: '_(\\d+)_'}\ndelivery: delta")
BY_COLUMN = CLIENTS.replace("VERSION", "version_from: {column: Changed, type: date}\ndelivery: delta")

#: One row: the client, its unit, and where the contract asks for it the day of the change.
Row = tuple[int, str, int]
#: Deliveries in the order of their versions.
Deliveries = list[list[Row]]

rows = st.tuples(st.integers(1, 3), st.sampled_from("abc"), st.integers(1, 3))
deliveries = st.lists(st.lists(rows, min_size=1, max_size=4), min_size=1, max_size=3)


def read(model: str, landing: Path) -> list[dict[str, Any]]:
    """Return the rows of a model over a landing folder, provenance apart, in a stated order."""
    macros = "".join(
        (DBT_PROJECT_DIR / "macros" / f"{name}.sql").read_text(encoding="utf-8")
        for name in ("latest_version", "last_seen")
    )
    models = DBT_PROJECT_DIR / "models"

    def rendered(name: str) -> str:
        (path,) = models.rglob(f"{name}.sql")
        return environment.from_string(macros + path.read_text(encoding="utf-8")).render(
            source=lambda schema, table: f'{schema}."{table}"', ref=lambda other: f"({rendered(other)})"
        )

    environment = jinja2.Environment(autoescape=False)
    with duckdb.connect() as connection:
        create_landing_views(connection, landing)
        result = connection.execute(rendered(model))
        names = [column[0] for column in result.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
    return sorted(({name: row[name] for name in names if name != "delivery_id"} for row in rows), key=repr)


def written(delivered: list[Row]) -> str:
    lines = [f"{client},{unit},2020-01-01,2026-01-0{day}" for client, unit, day in delivered]
    return "\n".join(["Id,Unit,Since,Changed", *lines, ""])


def landed(root: Path, contract: str, arrivals: list[list[tuple[str, list[Row]]]]) -> tuple[Any, ...]:
    """Land each batch of (file name, rows) in turn and return what the models read."""
    shutil.rmtree(root, ignore_errors=True)
    (root / "contracts").mkdir(parents=True)
    (root / "contracts" / "clients.yml").write_text(contract, encoding="utf-8")
    contracts = load_contracts(root / "contracts")
    inbox = root / "inbox"
    for batch in arrivals:
        inbox.mkdir(exist_ok=True)
        for name, delivered in batch:
            (inbox / name).write_text(written(delivered), encoding="utf-8")
        report = land_inbox(inbox, root / "landing", root / "quarantine", contracts, KEY, archive=root / "archive")
        assert report.refused == []
        assert list(inbox.iterdir()) == []
    landing = root / "landing"
    return read("stg_crm__clients", landing), read("client_last_seen", landing)


def name_of(version: int, part: int) -> str:
    return f"clients_2026010{version}_{part}.csv"


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), delivered=deliveries)
def test_any_order_split_and_repetition_give_the_same(
    tmp_path_factory: Any, data: st.DataObject, delivered: Deliveries
) -> None:
    root = tmp_path_factory.mktemp("order")
    whole = [(name_of(version, 0), rows_) for version, rows_ in enumerate(delivered, start=1)]
    parts: list[tuple[str, list[Row]]] = []
    for version, rows_ in enumerate(delivered, start=1):
        shuffled = data.draw(st.permutations(rows_))
        cut = data.draw(st.integers(0, len(shuffled)))
        pieces = [piece for piece in (shuffled[:cut], shuffled[cut:]) if piece]
        parts += [(name_of(version, number), list(piece)) for number, piece in enumerate(pieces, start=1)]
    repeated = parts + data.draw(st.lists(st.sampled_from(parts), max_size=2))
    arrivals = [[part] for part in data.draw(st.permutations(repeated))]
    for contract in (BY_DATE, BY_SEQUENCE, BY_COLUMN):
        expected = landed(root / "in_order", contract, [[part] for part in whole])
        assert landed(root / "as_they_come", contract, arrivals) == expected
        assert landed(root / "at_once", contract, [parts]) == expected


def test_the_later_version_wins_and_who_is_gone_was_last_seen(make_bench: Callable[[], Any]) -> None:
    root = make_bench().root
    first = [(1, "a", 1), (2, "a", 1)]
    second = [(1, "b", 2)]
    clients, gone = landed(root, BY_DATE, [[(name_of(2, 0), second)], [(name_of(1, 0), first)]])
    assert sorted(row["unit_id"] for row in clients) == ["a", "b"]
    assert [row["last_seen_on"].isoformat() for row in gone] == ["2026-01-01"]
    clients, gone = landed(root, BY_COLUMN, [[(name_of(1, 0), second)], [(name_of(2, 0), first)]])
    assert sorted(row["unit_id"] for row in clients) == ["a", "b"]
    assert gone == []
    clients, _ = landed(root, BY_SEQUENCE, [[("clients_10_.csv", second)], [("clients_9_.csv", first)]])
    assert sorted(row["unit_id"] for row in clients) == ["a", "b"]


def test_a_record_delivered_again_replaces_itself_and_the_older_one_stays_findable(
    make_bench: Callable[[], Any],
) -> None:
    bench = make_bench()
    landed(bench.root, BY_DATE, [[(name_of(1, 0), [(1, "a", 1)])], [(name_of(2, 0), [(1, "c", 1)])]])
    assert bench.rows("client", "unit_id, CAST(_version AS DATE)::VARCHAR", "_version") == [
        ("a", "2026-01-01"),
        ("c", "2026-01-02"),
    ]
