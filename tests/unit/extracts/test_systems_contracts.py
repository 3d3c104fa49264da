"""What every shipped contract of a CRM, HR system or helpdesk says of itself, so that a newcomer can use it."""

from __future__ import annotations

from itertools import combinations

import pytest

from pipelines.extracts.contract import CONTRACTS_DIR, Contract, load_contracts
from pipelines.extracts.entities import ENTITIES

SYSTEMS = {
    *("salesforce", "zendesk", "hubspot", "french_hr", "workday", "bamboohr", "generic_hr"),
    *("glpi", "servicenow", "jira", "helpdesk", "operations"),
}
CONTRACTS = [contract for contract in load_contracts(CONTRACTS_DIR) if contract.system in SYSTEMS]


def test_every_system_has_a_contract() -> None:
    assert {contract.system for contract in CONTRACTS} == SYSTEMS


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.full_name)
def test_a_contract_says_whose_it_is_and_what_to_expect(contract: Contract) -> None:
    assert contract.path.name == f"{contract.full_name}.yml"
    assert contract.path.read_text(encoding="utf-8").startswith("# ")
    assert contract.owner.startswith("team:")
    assert contract.cadence is not None
    assert contract.personal or contract.system == "operations"
    assert not set(contract.personal) & {column.source for column in contract.columns}
    assert all(output.entity in ENTITIES for output in contract.resolved_outputs())


def test_no_pattern_of_one_contract_is_a_name_that_another_claims() -> None:
    """The pattern itself, as a name, stands for the simplest file it is meant for."""
    for one, other in combinations(CONTRACTS, 2):
        for contract, against in ((one, other), (other, one)):
            for pattern in contract.match:
                assert not against.matches(pattern.replace("*", "")), (contract.full_name, against.full_name)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("workday.worker", "workday.worker_json"),
        ("workday.absence", "workday.absence_json"),
        ("workday.training", "workday.training_json"),
        ("zendesk.ticket_json", "zendesk.ticket_jsonl"),
        ("generic_hr.training", "generic_hr.training_xlsx"),
        ("operations.availability", "operations.availability_parquet"),
    ],
)
def test_contracts_of_one_extract_in_two_formats_read_the_same(one: str, other: str) -> None:
    by_name = {contract.full_name: contract for contract in CONTRACTS}
    first, second = by_name[one], by_name[other]
    assert first.format != second.format
    for part in ("columns", "filters", "personal", "timezone", "delivery", "cadence", "owner", "version_from"):
        assert getattr(first, part) == getattr(second, part), part
    assert first.resolved_outputs() == second.resolved_outputs()
