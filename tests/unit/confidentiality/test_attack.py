"""The attack: with the published figures alone, can anybody find what fewer than k people said?"""

from collections.abc import Iterator
from itertools import combinations

import polars as pl
import pytest

from pipelines.confidentiality.complementary import complementary
from tests.unit.confidentiality.attacker import Attacker, Cell
from tests.unit.confidentiality.random_company import Truth, company, published

K = 5
COMPANIES = 200


def recovered(truth: Truth, rows: pl.DataFrame) -> list[str]:
    """Every sum over fewer than k people, and every row that the rule of k hides, that the attacker has exactly."""
    attacker = Attacker(published(rows), truth.hierarchy)
    found = []
    for cells in _small_sets(truth):
        told = attacker.sum_of(cells)
        if told is not None:
            assert told[0] == pytest.approx(sum(len(truth.answers[cell]) for cell in cells), abs=1e-6)
            assert told[1] == pytest.approx(sum(sum(truth.answers[cell]) for cell in cells), rel=1e-6, abs=1e-3)
            found.append(f"{cells} has {told[0]:.0f} people with {told[1]:.0f}")
    few = truth.windows.filter(pl.col("status") == "suppressed")
    for unit, period, population, window in few.select("unit_id", "period", "population", "window_months").iter_rows():
        if attacker.hidden_row(unit, period, population, window, truth.hierarchy) is not None:
            found.append(f"hidden {unit} {period} {population}")
    return found


def _small_sets(truth: Truth) -> Iterator[tuple[Cell, ...]]:
    small = [cell for cell, given in truth.answers.items() if len(given) < K]
    for size in (1, 2, 3, 4):
        light = [cell for cell in small if len(truth.answers[cell]) <= K - size]
        for cells in combinations(light, size):
            if sum(len(truth.answers[cell]) for cell in cells) < K:
                yield cells


@pytest.mark.parametrize("block", range(10))
def test_nothing_is_recovered_from_what_is_published(block: int) -> None:
    size = COMPANIES // 10
    for seed in range(block * size, (block + 1) * size):
        truth = company(seed)
        rows = complementary(truth.windows, truth.hierarchy, K, truth.cells)
        assert recovered(truth, rows) == [], f"company {seed}"


def test_without_the_complementary_step_the_attacker_succeeds() -> None:
    broken = [seed for seed in range(40) if recovered(company(seed), company(seed).windows)]
    assert len(broken) > 20
