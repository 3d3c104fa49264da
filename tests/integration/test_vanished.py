"""Who vanishes from a snapshot without a word: warned of, no departure, and not employed for ever."""

from collections.abc import Callable
from datetime import date

import duckdb
import pytest

from tests.integration.conftest import TINY, Company, write_tiny_company

HEADER = "Employee #,First Name,Last Name,Hire Date,Job Information: Date,Department,Employment Status"
ROW = "{0},Jo,Doe,2020-01-01,2020-01-01,N2,Full-Time"


@pytest.fixture(scope="module")
def company(new_company: Callable[..., Company]) -> Company:
    """The tiny company with twelve more people of N2 in BambooHR; 212 is in the January list and not in the next."""
    company = new_company("vanished", contracts_dir=TINY / "contracts", definitions=TINY / "definitions")
    write_tiny_company(company.inbox)
    for day, people in (("20250131", range(201, 213)), ("20250228", range(201, 212))):
        text = "\n".join([HEADER, *(ROW.format(person) for person in people), ""])
        (company.inbox / f"bamboohr_employees_{day}.csv").write_text(text, encoding="utf-8")
    return company


def test_a_vanished_employee_is_warned_of_and_counted_up_to_the_day_last_seen(company: Company) -> None:
    done = company.symmetry("run")
    assert done.returncode == 0, done.stderr
    assert "warning: canonical/vanished: no_rows_vanished_ (1 rows)" in done.stderr
    with duckdb.connect(str(company.data / "warehouse" / "warehouse.duckdb"), read_only=True) as connection:
        spells = connection.execute(
            """SELECT spell_end, left_on, vanished_on, count(*) FROM canonical.dim_employee_spell
            WHERE unit_id = 'N2' AND hired_on = '2020-01-01' GROUP BY ALL ORDER BY vanished_on NULLS FIRST"""
        ).fetchall()
        exposure = connection.execute(
            """SELECT period, count(*) FROM indicators.exposure_employees WHERE unit_id = 'N2'
            GROUP BY period HAVING period >= '2025-01-01' ORDER BY period"""
        ).fetchall()
    everlasting = date(9999, 12, 31)
    seen = date(2025, 1, 31)
    # The tiny company's own five people of N2 come by deltas, which prove nobody's absence.
    assert spells == [(everlasting, None, None, 16), (seen, None, seen, 1)]
    assert exposure == [(date(2025, 1, 1), 17), (date(2025, 2, 1), 16)]
