"""The doors: one external asset per contract, so that lineage starts at the file another system exports."""

import dagster as dg

from pipelines.defs.freshness import extract_freshness
from pipelines.extracts.contract import Contract, load_contracts
from pipelines.settings import effective_settings


def contracts_in_force() -> list[Contract]:
    """The shipped contracts and those of the company's own folder, if a setting names one."""
    return load_contracts(*effective_settings().contract_dirs())


def extract_key(contract: Contract) -> dg.AssetKey:
    """The asset key of a contract's extract, e.g. ``extracts/salesforce/case``."""
    return dg.AssetKey(["extracts", contract.system, contract.name])


def extract_specs(contracts: list[Contract]) -> list[dg.AssetSpec]:
    """One asset a contract: the files that another system exports and that this pipeline does not make."""
    return [
        dg.AssetSpec(
            key=extract_key(contract),
            description=contract.description,
            group_name="extracts",
            owners=[contract.owner],
            kinds={contract.format.type},
            freshness_policy=extract_freshness(contract),
            metadata={"files": ", ".join(contract.match), "contract version": contract.version}
            | ({"expected": contract.cadence} if contract.cadence else {}),
        )
        for contract in contracts
    ]
