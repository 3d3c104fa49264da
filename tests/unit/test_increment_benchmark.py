"""The company of the benchmark of one more month delivers what its contracts take, each case in one month only."""

from pathlib import Path

from benchmarks.increment import (
    MONTHS,
    TINY,
    Increment,
    Measured,
    one_more_month,
    write_month,
    write_structure,
)
from pipelines.extracts.contract import load_contracts
from pipelines.extracts.landing import land_inbox
from pipelines.settings import Settings


def test_every_row_lands_and_cases_are_shared_out_among_the_months(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    write_structure(inbox, TINY)
    for month in (0, MONTHS - 1):
        write_month(inbox, TINY, month)
    contracts = load_contracts(*Settings(data_dir=tmp_path).contract_dirs())
    landed = land_inbox(inbox, tmp_path / "landing", tmp_path / "quarantine", contracts, bytes(range(32)))
    assert not landed.refused
    assert all(receipt.read == receipt.landed for receipt in landed.receipts)
    cases = {receipt.months[0]: receipt for receipt in landed.receipts if "case" in receipt.outputs}
    assert {month: (receipt.landed, receipt.months) for month, receipt in cases.items()} == {
        "2022-01": (TINY.cases // MONTHS, ["2022-01"]),
        "2024-12": (TINY.cases // MONTHS, ["2024-12"]),
    }


def test_the_bar_is_the_fixed_cost_and_a_share_of_the_full_run() -> None:
    tiny = Increment(full={"landing": 30.0}, month={"landing": 20.0})
    met = one_more_month(Measured(1, tiny, Increment(full={"landing": 100.0}, month={"landing": 25.0})))
    over = one_more_month(Measured(1, tiny, Increment(full={"landing": 100.0}, month={"landing": 25.1})))
    assert (met.met, over.met) == (True, False)
    assert "25.0 s of CPU: the fixed cost, 20.0, and 5% of the full run, 100.0" in met.bar
