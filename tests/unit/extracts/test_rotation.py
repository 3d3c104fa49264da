"""Another key: pseudonyms get one more link without the originals, and a cut at any step harms nothing."""

from __future__ import annotations

import hashlib
import hmac
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.extracts.deliveries import read_receipts, write_receipt
from pipelines.extracts.pseudonyms import (
    KeyChangedError,
    PseudonymKeyError,
    key_check,
    load_or_create_key,
    pseudonym,
)
from pipelines.extracts.rotation import ROTATION, Landing, Rotation, finish_rotation, rotate_key
from tests.unit.extracts.conftest import Bench

CASES = """
system: crm
name: case
version: 1
description: Cases.
owner: team:crm
match: ["cases*.csv"]
columns:
  - {source: id, field: case_id, required: true}
  - {source: client, field: client_id}
  - {source: opened, field: opened_at, type: timestamp, required: true}
outputs:
  - {entity: case, fields: {case_id: case_id, client_id: client_id, opened_at: opened_at, kind: "=request"}}
"""

ANSWERS = """
system: forms
name: answers
version: 1
description: Answers of both sides.
owner: team:people-analytics
match: ["answers*.csv"]
columns:
  - {source: id, field: response_id, required: true}
  - {source: who, field: respondent_id}
  - {source: side, field: side, codes: {c: client, e: collaborator}, required: true}
  - {source: at, field: answered_at, type: timestamp, required: true}
  - {source: q, field: q, type: number}
outputs:
  - entity: survey_answer
    fields:
      {response_id: response_id, respondent_id: respondent_id, side: side, role: side, perspective: "=own",
       answered_at: answered_at}
    each: [{question: "=Q", dimension: "=trust", value: q, scale_min: "=1", scale_max: "=5"}]
"""

UNITS = """
system: hr
name: unit
version: 1
description: Units, which name nobody.
owner: team:hr
match: ["units*.csv"]
columns:
  - {source: id, field: unit_id, required: true}
  - {source: id, field: unit_name, required: true}
  - {source: level, field: unit_level, required: true}
"""


class Killed(BaseException):
    """The process ends here: nothing that only tidies up after an error runs."""


def key_file(bench: Bench) -> Path:
    return bench.root / "pseudonym.key"


def landing_of(bench: Bench) -> Landing:
    return Landing(bench.landing, bench.root / "warehouse" / "warehouse.duckdb")


@pytest.fixture
def landed(make_bench: Callable[[], Bench]) -> Callable[[], Bench]:
    def make() -> Bench:
        bench = make_bench()
        for name, text in (("case", CASES), ("answers", ANSWERS), ("unit", UNITS)):
            bench.contract(text, name)
        bench.file("cases.csv", "id,client,opened\nK1,C1,2025-01-02 10:00\nK2,,2025-01-03 10:00\n")
        bench.file("answers.csv", "id,who,side,at,q\nR1,C1,c,2025-02-01 10:00,4\nR2,C1,e,2025-02-01 10:00,3\n")
        bench.file("units.csv", "id,level\nN1,team\n")
        (bench.root / "warehouse").mkdir()
        landing_of(bench).warehouse.write_bytes(b"former pseudonyms")
        bench.key = load_or_create_key(key_file(bench))
        assert len(bench.land().receipts) == 3
        return bench

    return make


def links(bench: Bench) -> list[bytes]:
    return [bytes.fromhex(line) for line in key_file(bench).read_text().splitlines()]


def chained(value: str, domain: str, keys: list[bytes]) -> str:
    for key in keys:
        value = hmac.new(key.hex().encode(), f"{domain}:{value}".encode(), hashlib.sha256).hexdigest()[:32]
    return value


def assert_whole(bench: Bench, keys: list[bytes]) -> None:
    """Every pseudonym, of every entity, has exactly these keys; all else is as it was delivered."""
    assert bench.rows("case", "case_id, client_id, epoch(opened_at)::BIGINT, _record") == [
        (chained("K1", "case", keys), chained("C1", "client", keys), 1735808400, 1),
        (chained("K2", "case", keys), None, 1735894800, 2),
    ]
    assert bench.rows("survey_answer", "response_id, respondent_id, side, value") == [
        (chained("R1", "response", keys), chained("C1", "client", keys), "client", 4.0),
        (chained("R2", "response", keys), chained("C1", "employee", keys), "collaborator", 3.0),
    ]
    assert bench.rows("unit", "unit_id, unit_level") == [("N1", "team")]
    check = chained("check", "key", keys)[:16]
    assert [receipt.key_check for receipt in read_receipts(bench.landing)] == [check] * 3
    assert not (bench.landing / ROTATION).exists()


def test_a_pseudonym_is_the_chain_of_its_keys(landed: Callable[[], Bench]) -> None:
    bench = landed()
    [first] = links(bench)
    assert_whole(bench, [first])
    done = rotate_key([landing_of(bench)], key_file(bench))
    assert done == Rotation(keys=2, deliveries=3, files=2, rows=4)
    assert links(bench)[0] == first
    assert len(links(bench)[1]) == 32
    assert key_file(bench).stat().st_mode & 0o777 == 0o600
    assert_whole(bench, links(bench))
    assert not landing_of(bench).warehouse.exists()
    assert rotate_key([landing_of(bench)], key_file(bench)).keys == 3
    assert_whole(bench, links(bench))
    assert sorted(path.name for path in bench.root.iterdir()) == [
        "contracts", "inbox", "landing", "pseudonym.key", "quarantine", "warehouse",
    ]  # fmt: skip


def test_what_lands_afterwards_is_linked_to_what_landed_before(landed: Callable[[], Bench]) -> None:
    bench = landed()
    rotate_key([landing_of(bench)], key_file(bench))
    bench.key = load_or_create_key(key_file(bench))
    bench.file("cases_later.csv", "id,client,opened\nK3,C1,2025-03-02 10:00\n")
    report = bench.land()
    assert [receipt.file for receipt in report.receipts] == ["cases_later.csv"]
    assert bench.rows("case", "count(*), count(DISTINCT client_id)", "1") == [(3, 1)]
    assert bench.rows("case", "client_id", "opened_at")[-1] == (pseudonym("C1", "client", bench.key),)


def test_withdrawn_deliveries_are_rewritten_too_and_leftovers_go(landed: Callable[[], Bench]) -> None:
    bench = landed()
    receipt = next(receipt for receipt in read_receipts(bench.landing) if receipt.file == "cases.csv")
    write_receipt(bench.landing, receipt.model_copy(update={"superseded_by": "withdrawn"}))
    shutil.copyfile(bench.landing / "case" / f"{receipt.delivery_id}.parquet", bench.landing / "case" / "gone.parquet")
    (bench.landing / "case" / ".half.tmp").write_bytes(b"PAR1")
    rotate_key([landing_of(bench)], key_file(bench))
    assert [path.name for path in (bench.landing / "case").iterdir()] == [f"{receipt.delivery_id}.parquet"]
    write_receipt(
        bench.landing, receipt.model_copy(update={"key_check": key_check(load_or_create_key(key_file(bench)))})
    )
    assert_whole(bench, links(bench))


def test_killed_at_any_step_it_is_finished_or_discarded(landed: Callable[[], Bench]) -> None:
    steps: list[str] = []
    whole = landed()
    rotate_key([landing_of(whole)], key_file(whole), progress=steps.append)
    in_force = steps.index("the new key is in force")
    assert len(steps) == 11
    for last in range(len(steps)):
        bench = landed()
        [first] = links(bench)
        said = iter(range(len(steps)))

        def kill(_: str, said: object = said, last: int = last) -> None:
            if next(said) == last:  # type: ignore[call-overload]
                raise Killed

        with pytest.raises(Killed):
            rotate_key([landing_of(bench)], key_file(bench), progress=kill)
        told = finish_rotation(landing_of(bench), key_file(bench))
        assert told is not None, steps[last]
        assert ("finished" if last >= in_force else "discarded") in told, steps[last]
        assert len(links(bench)) == (2 if last >= in_force else 1)
        assert links(bench)[0] == first
        assert_whole(bench, links(bench))
        assert landing_of(bench).warehouse.exists() == (last < in_force)
        assert finish_rotation(landing_of(bench), key_file(bench)) is None
        bench.key = load_or_create_key(key_file(bench))
        assert len(bench.land().unchanged) == 3


def test_killed_while_it_is_finished_it_is_finished_the_next_time(landed: Callable[[], Bench]) -> None:
    def kill_at(number: int) -> Callable[[str], None]:
        counted = iter(range(number + 1))

        def step(_: str) -> None:
            if next(counted) == number:
                raise Killed

        return step

    bench = landed()
    with pytest.raises(Killed):
        rotate_key([landing_of(bench)], key_file(bench), progress=kill_at(3))
    for _ in range(7):
        with pytest.raises(Killed):
            finish_rotation(landing_of(bench), key_file(bench), progress=kill_at(0))
    # Each attempt goes one step further: begun, two files, three receipts, the warehouse.
    assert finish_rotation(landing_of(bench), key_file(bench)) is not None
    assert_whole(bench, links(bench))


def test_an_interrupted_rotation_is_settled_before_the_next(landed: Callable[[], Bench]) -> None:
    bench = landed()

    def kill(said: str) -> None:
        if said == "the new key is in force":
            raise Killed

    with pytest.raises(Killed):
        rotate_key([landing_of(bench)], key_file(bench), progress=kill)
    assert rotate_key([landing_of(bench)], key_file(bench)).keys == 3
    assert_whole(bench, links(bench))


def test_every_landing_that_shares_the_key_is_rewritten(landed: Callable[[], Bench]) -> None:
    one, other = landed(), landed()
    shutil.rmtree(other.landing)
    other.key = one.key
    other.land()
    done = rotate_key([landing_of(one), landing_of(other)], key_file(one))
    assert done == Rotation(keys=2, deliveries=6, files=4, rows=8)
    assert_whole(one, links(one))
    assert_whole(other, links(one))


def test_a_landing_restored_from_a_copy_gets_the_links_it_lacks(landed: Callable[[], Bench]) -> None:
    bench = landed()
    shutil.copytree(bench.landing, bench.root / "copy")
    rotate_key([landing_of(bench)], key_file(bench))
    rotate_key([landing_of(bench)], key_file(bench))
    shutil.rmtree(bench.landing)
    (bench.root / "copy").rename(bench.landing)
    told = finish_rotation(landing_of(bench), key_file(bench))
    assert told == "3 deliveries that landed under fewer keys have the whole chain now."
    assert_whole(bench, links(bench))


def test_a_key_from_the_environment_is_refused_with_the_remedy(landed: Callable[[], Bench]) -> None:
    bench = landed()
    with pytest.raises(PseudonymKeyError, match="take it out of the environment and rotate again") as error:
        rotate_key([landing_of(bench)], key_file(bench), "00" * 32)
    assert "0000" not in str(error.value)
    assert len(links(bench)) == 1


def test_without_a_key_there_is_nothing_to_rotate(bench: Bench) -> None:
    with pytest.raises(PseudonymKeyError, match="the first run makes one"):
        rotate_key([landing_of(bench)], key_file(bench))
    assert not key_file(bench).exists()


def test_what_landed_with_another_key_stops_it(landed: Callable[[], Bench]) -> None:
    bench = landed()
    key_file(bench).write_text("ab" * 32 + "\n")
    with pytest.raises(KeyChangedError, match=r"was made with another pseudonym key.*symmetry withdraw"):
        rotate_key([landing_of(bench)], key_file(bench))
    assert key_file(bench).read_text() == "ab" * 32 + "\n"
    assert not (bench.landing / ROTATION).exists()


def test_a_damaged_file_stops_it_before_anything_changed(landed: Callable[[], Bench]) -> None:
    bench = landed()
    [path] = (bench.landing / "survey_answer").glob("*.parquet")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(OSError, match=f"{path.name} cannot be rewritten.*the key is unchanged"):
        rotate_key([landing_of(bench)], key_file(bench))
    path.write_bytes(content)
    assert_whole(bench, links(bench))
    assert [entry.name for entry in bench.root.iterdir() if "rotation" in entry.name] == []


def test_a_key_file_changed_in_the_middle_is_asked_back(landed: Callable[[], Bench]) -> None:
    bench = landed()
    former = key_file(bench).read_text()

    def kill(said: str) -> None:
        if said.startswith("case/"):
            raise Killed

    with pytest.raises(Killed):
        rotate_key([landing_of(bench)], key_file(bench), progress=kill)
    new = key_file(bench).read_text()
    key_file(bench).write_text(former)
    with pytest.raises(KeyChangedError, match="Put that key file back"):
        finish_rotation(landing_of(bench), key_file(bench))
    key_file(bench).write_text(new)
    assert finish_rotation(landing_of(bench), key_file(bench)) is not None
    assert_whole(bench, links(bench))


def test_finishing_makes_no_key_and_needs_no_landing(bench: Bench) -> None:
    assert finish_rotation(landing_of(bench), key_file(bench)) is None
    assert not key_file(bench).exists()


def test_an_environment_may_hold_the_lines_of_a_rotated_key(landed: Callable[[], Bench]) -> None:
    bench = landed()
    rotate_key([landing_of(bench)], key_file(bench))
    assert load_or_create_key(bench.root / "none", key_file(bench).read_text()) == load_or_create_key(key_file(bench))
    assert not (bench.root / "none").exists()
