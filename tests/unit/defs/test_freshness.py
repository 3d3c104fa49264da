"""A source is late by what its contract promises; a landing table by the slowest that may feed it."""

from datetime import timedelta

import pytest

from pipelines.defs.freshness import extract_freshness, landing_freshness
from pipelines.extracts.contract import CADENCES, Contract, load_contracts
from pipelines.settings import CONTRACTS_DIR


@pytest.fixture(scope="module")
def contract() -> Contract:
    return next(contract for contract in load_contracts(CONTRACTS_DIR) if contract.cadence == "daily")


@pytest.mark.parametrize("cadence", CADENCES)
def test_late_after_the_promise_and_a_grace_and_warned_of_before(contract: Contract, cadence: str) -> None:
    policy = extract_freshness(contract.model_copy(update={"cadence": cadence}))
    assert policy is not None
    fail, warn = policy.fail_window.to_timedelta(), policy.warn_window.to_timedelta()  # type: ignore[attr-defined]
    assert timedelta(days=CADENCES[cadence]) < warn < fail
    assert fail <= timedelta(days=CADENCES[cadence] + 5)


def test_a_daily_source_may_rest_on_a_weekend(contract: Contract) -> None:
    policy = extract_freshness(contract)
    assert policy.fail_window.to_timedelta() >= timedelta(days=3)  # type: ignore[union-attr]


def test_nothing_promised_is_never_late(contract: Contract) -> None:
    free = contract.model_copy(update={"cadence": None})
    assert extract_freshness(free) is None
    assert landing_freshness([]) is None
    assert landing_freshness([contract, free]) is None


def test_a_landing_table_waits_for_the_slowest_source(contract: Contract) -> None:
    slow = contract.model_copy(update={"cadence": "monthly"})
    assert landing_freshness([contract, slow]) == extract_freshness(slow)
