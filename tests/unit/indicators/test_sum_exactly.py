"""`sum_exactly`: one figure for any order of the rows, the double that it was for one row, and no overflow."""

import re

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.settings import DBT_PROJECT_DIR


@pytest.fixture(scope="module")
def exactly() -> str:
    text = (DBT_PROJECT_DIR / "macros" / "sum_exactly.sql").read_text(encoding="utf-8")
    [body] = re.findall(r"\{% macro sum_exactly\(x\) -%\}(.*)\{%- endmacro %\}", text, re.DOTALL)
    return str(body).replace("{{ x }}", "x")


def summed(exactly: str, values: list[float | None]) -> float | None:
    [(found,)] = duckdb.execute(f"select {exactly} from (select unnest($1::double[]) as x)", [values]).fetchall()
    return found


def test_tenths_in_two_orders_give_one_figure(exactly: str) -> None:
    assert sum([0.1, 0.2, 0.3]) != sum([0.3, 0.2, 0.1])
    assert summed(exactly, [0.1, 0.2, 0.3]) == summed(exactly, [0.3, 0.2, 0.1]) == 0.6


@pytest.mark.parametrize("value", [1 / 3, 10 / 12, 2 / 7, 66.66666666666667, 99.5, 0.0, -1 / 3])
def test_one_row_stays_what_it_was(exactly: str, value: float) -> None:
    assert summed(exactly, [value, None]) == value


def test_sixty_twelfths_are_five_and_nothing_is_null(exactly: str) -> None:
    assert summed(exactly, [1 / 12] * 60) == pytest.approx(5, abs=1e-13)
    assert summed(exactly, [None, None]) is None
    assert summed(exactly, []) is None


def test_what_does_not_fit_is_added_up_all_the_same(exactly: str) -> None:
    assert summed(exactly, [1e30, 0.5, -1e12]) == pytest.approx(1e30)


@given(values=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), chance=st.randoms())
def test_any_order_gives_the_same_bits(exactly: str, values: list[float], chance: object) -> None:
    shuffled = sorted(values, key=lambda _: chance.random())  # type: ignore[attr-defined]
    assert summed(exactly, values) == summed(exactly, shuffled)
    assert summed(exactly, values) == pytest.approx(sum(values), abs=1e-8)
