"""The contracts of the simulated systems fit their files, and feed whatever the default definitions ask for."""

import csv
from pathlib import Path

import pytest

from .conftest import Company

contract_module = pytest.importorskip("pipelines.extracts.contract")
ROOT = Path(__file__).parents[3]
DEFINITIONS = ROOT / "dbt_project" / "seeds" / "default"


@pytest.fixture(scope="module")
def contracts() -> dict:
    found = contract_module.load_contracts(contract_module.CONTRACTS_DIR)
    return {c.full_name: c for c in found}


def test_each_file_has_one_contract_which_reads_columns_that_exist(company: Company, contracts: dict) -> None:
    for name, told in company.truth["files"].items():
        assert [c for c, contract in contracts.items() if contract.matches(name)] == [told["contract"]]
        contract, names = contracts[told["contract"]], set(company.raw(name).names)
        assert {c.source for c in contract.columns} <= names
        assert {f.source for f in contract.filters} <= names
        assert set(contract.personal) <= names
        assert not set(contract.personal) & {c.source for c in contract.columns}
        assert {o.entity for o in contract.resolved_outputs()} == {told["entity"]}


def test_no_column_with_an_email_address_or_a_telephone_number_is_read(company: Company, contracts: dict) -> None:
    for name, told in company.truth["files"].items():
        raw, read = company.raw(name), {c.source for c in contracts[told["contract"]].columns}
        for column in read:
            values = raw.column(column)
            assert not any("@" in v or v.startswith(("01 99 00", "06 39 98")) for v in values), (name, column)


def _items(contract: object) -> set[tuple[str, str, str]]:
    """(dimension, moment, perspective) of every item of a survey's contract."""
    out = set()
    for output in contract.resolved_outputs():  # type: ignore[attr-defined]
        for item in output.items():
            out.add(tuple(item.get(k, "=").removeprefix("=") for k in ("dimension", "moment", "perspective")))
    return out


def test_surveys_ask_all_that_the_default_definitions_measure(contracts: dict) -> None:
    if not (DEFINITIONS / "indicators.csv").exists():
        pytest.skip("the default definitions are not there")
    asked = {
        "client": _items(contracts["qualtrics.client_survey"]),
        "collaborator": _items(contracts["qualtrics.collaborator_survey"]),
    }
    with (DEFINITIONS / "indicators.csv").open(encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle):
            if row["measure"] in {"survey_mean", "survey_top_box", "survey_nps"}:
                assert (row["topic"], "", "own") in asked[row["side"]], row["indicator_id"]
            elif row["measure"] == "moment_top_box":
                assert ("satisfaction", row["topic"], "own") in asked[row["side"]], row["indicator_id"]
    assert ("satisfaction", "", "estimate") in asked["collaborator"]


def test_action_markers_are_the_pairs_of_the_default_definitions(contracts: dict) -> None:
    if not (DEFINITIONS / "mirror_pairs.csv").exists():
        pytest.skip("the default definitions are not there")
    with (DEFINITIONS / "mirror_pairs.csv").open(encoding="utf-8", newline="") as handle:
        pairs = {row["pair_id"] for row in csv.DictReader(handle)}
    marker = next(c for c in contracts["french_hr.action"].columns if c.field == "marker")
    assert set(marker.codes.values()) == pairs


def test_landing_counts_what_the_truth_tells(company: Company, contracts: dict, tmp_path: Path) -> None:
    """Exactly the dirty rows are quarantined or counted as duplicates, file by file, row by row."""
    landing = pytest.importorskip("pipelines.extracts.landing")
    duckdb = pytest.importorskip("duckdb")
    report = landing.land_inbox(
        company.inbox,
        tmp_path / "landing",
        tmp_path / "quarantine",
        list(contracts.values()),
        b"0" * 32,
        progress=lambda message: None,
    )
    assert not report.refused
    assert len(report.receipts) == len(company.truth["files"])
    for receipt in report.receipts:
        told = company.truth["files"][receipt.file]
        counts = (receipt.read, receipt.landed, receipt.quarantined, receipt.duplicates)
        assert counts == (told["read"], told["landed"], told["quarantined"], told["duplicates"]), receipt.file
        filtered = receipt.filtered if isinstance(receipt.filtered, int) else sum(receipt.filtered.values())
        assert filtered == sum(told["filtered"].values())
        assert receipt.outputs == {told["entity"]: told["landing_rows"]}
        if not told["quarantined"]:
            continue
        path = tmp_path / "quarantine" / f"{receipt.delivery_id}.parquet"
        found = duckdb.sql(f"SELECT record, line FROM '{path}'").fetchall()
        dirty = told["dirty_rows"]
        places = zip(dirty["record"], dirty["line"], dirty["fate"], strict=True)
        assert sorted(found) == sorted((r, line) for r, line, fate in places if fate == "quarantined")
