"""A day that no calendar has is a bad value in every format: DuckDB's list form of strptime would roll it over."""

import duckdb
import pytest

from pipelines.extracts.conformer import _ISO_TIMESTAMPS, _timestamp_sql


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("2025-02-28T10:15:00Z", "2025-02-28 10:15:00"),
        ("2025-02-28T10:15:00+02:00", "2025-02-28 08:15:00"),
        ("2025-02-28 10:15", "2025-02-28 09:15:00"),
        ("2025-02-30T10:15:00Z", None),
        ("2025-02-30T10:15:00+02:00", None),
        ("2025-02-30T10:15:00.000+0000", None),
        ("2025-02-30 10:15", None),
        ("2025-13-01T10:15:00Z", None),
    ],
)
def test_default_iso_formats(text: str, read: str | None) -> None:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        query = f"select cast({_timestamp_sql('x', _ISO_TIMESTAMPS, 'Europe/Paris')} as varchar) from (select $x as x)"
        assert connection.execute(query, {"x": text}).fetchall() == [(read,)]
