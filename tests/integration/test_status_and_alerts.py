"""One alert a problem, from the real command to a real mail server: a gate that closes, closes again, and is mended.

The steps share one workspace and follow each other, as days do; pytest runs them in the order of the file.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import duckdb
import pytest
from aiosmtpd.controller import Controller

from tests.integration.conftest import TINY, Company, write_tiny_company

#: Planted where an alert might find them: a file's name, a value, an identifier, a row.
MARKERS = ("Bellerose", "staff-secret", "yesterday-marker")
BAD_FILE = "requests_Bellerose_Anna.tsv"


class Mailbox:
    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 taken"


@pytest.fixture(scope="module")
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    box = Mailbox()
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    yield box, port
    server.stop()


@pytest.fixture(scope="module")
def watched(new_company: Callable[..., Company], mailbox: tuple[Mailbox, int]) -> Company:
    company = new_company(
        "watched",
        contracts_dir=TINY / "contracts",
        definitions=TINY / "definitions",
        alerts_email_to="ops@example.org",
        alerts_name="Tiny",
        smtp_host="127.0.0.1",
        smtp_port=mailbox[1],
    )
    write_tiny_company(company.inbox)
    return company


def told(company: Company) -> tuple[int, dict[str, Any]]:
    done = company.symmetry("status", "--json")
    return done.returncode, json.loads(done.stdout)


def identities(status: dict[str, Any]) -> list[str]:
    return [problem["identity"] for problem in status["problems"]]


def test_before_the_first_run_nothing_is_published_and_nothing_is_written(watched: Company) -> None:
    before = sorted(watched.data.rglob("*"))
    code, status = told(watched)
    assert (code, status["code"], identities(status)) == (2, 2, ["no publication"])
    assert (status["publication"], status["sources"], status["runs"], status["ruptures"]) == (None, [], [], None)
    assert sorted(watched.data.rglob("*")) == before


def test_a_good_run_is_well_and_tells_of_its_ruptures_alone(watched: Company, mailbox: tuple[Mailbox, int]) -> None:
    done = watched.symmetry("run")
    assert done.returncode == 0, done.stderr
    code, status = told(watched)
    assert (code, {problem["severity"] for problem in status["problems"]}) == (0, {"news"})
    assert len(status["problems"]) == len(status["ruptures"]) > 0
    assert status["publication"]["age_days"] == 0
    assert {source["contract"] for source in status["sources"]} == {
        f"tiny.{name}" for name in ("case", "client_survey", "collaborator_survey", "employee", "request", "unit")
    }
    assert (status["quarantine"]["rows_read"], status["quarantine"]["rows_quarantined"]) == (88, 0)
    assert [run["state"] for run in status["runs"]] == ["succeeded"]
    assert 0 < status["disk"]["free_share"] < 1
    [mail] = mailbox[0].mails
    assert mail.get_content().count("A rupture of symmetry is open in ") == len(status["ruptures"])
    mailbox[0].mails.clear()
    shown = watched.symmetry("status").stdout
    assert re.search(rf"open ruptures +{len(status['ruptures'])} \(", shown)
    assert "All is well." in shown


def test_a_gate_that_closes_is_one_alert_with_nobody_in_it(watched: Company, mailbox: tuple[Mailbox, int]) -> None:
    rows = "".join(f"8{place}\tstaff-secret-{place}\tyesterday-marker\t\n" for place in range(8))
    text = "number\temployee\topened\tanswered\n" + rows
    (watched.inbox / BAD_FILE).write_text(text, encoding="utf-8")
    done = watched.symmetry("run")
    assert done.returncode == 1
    assert "Alert by e-mail: 2 new, 0 solved." in done.stderr
    [mail] = mailbox[0].mails
    assert mail["Subject"] == (
        "[symmetry] Tiny: 2 new: The job scorecard was stopped by a check after landing_gate; the last publication "
        "stays as it was."
    )
    body = mail.get_content()
    assert "8 of 8 rows of the delivery" in body
    assert "of tiny.request are in quarantine (not_a_timestamp 8), above the limit of 10.0%." in body
    whole = bytes(mail).decode() + (watched.data / "operations" / "alerts.json").read_text(encoding="utf-8")
    assert [marker for marker in MARKERS if marker in whole] == []
    code, status = told(watched)
    assert code == 2
    assert identities(status)[0] == "run scorecard / landing_gate / DagsterAssetCheckFailedError"
    assert [marker for marker in MARKERS if marker in json.dumps(status)] == []


def test_the_same_failure_again_is_no_new_alert(watched: Company, mailbox: tuple[Mailbox, int]) -> None:
    assert watched.symmetry("run").returncode == 1
    assert len(mailbox[0].mails) == 1


def test_definitions_that_stop_the_command_are_told_by_their_class(
    watched: Company, mailbox: tuple[Mailbox, int], tmp_path: Path
) -> None:
    assert watched.symmetry("run", "--definitions", str(tmp_path)).returncode == 2
    assert len(mailbox[0].mails) == 2
    body = mailbox[0].mails[1].get_content()
    assert "CRITICAL: `symmetry run` stopped outside the job (DefinitionsError)." in body
    assert f"{2 + len(told(watched)[1]['ruptures'])} other(s), told before, go on." in body


def test_once_mended_all_is_told_solved_and_the_monitor_is_green(
    watched: Company, mailbox: tuple[Mailbox, int]
) -> None:
    """Nothing is new once the delivery is taken back, so no run follows: the failure is over all the same."""
    receipts = (watched.data / "landing" / "_receipts").glob("*.json")
    known = {json.loads(path.read_text(encoding="utf-8"))["file"]: path.stem for path in receipts}
    assert watched.symmetry("withdraw", known[BAD_FILE]).returncode == 0
    done = watched.symmetry("run")
    assert done.returncode == 0, done.stderr
    mail = mailbox[0].mails[-1]
    assert len(mailbox[0].mails) == 3
    assert str(mail["Subject"]).startswith("[symmetry] Tiny: 3 solved: ")
    assert mail.get_content().count("\n- ") == 3
    assert told(watched)[0] == 0
    assert watched.symmetry("run").returncode == 0
    assert len(mailbox[0].mails) == 3


def test_open_ruptures_of_a_published_file_are_listed_and_are_no_fault(watched: Company) -> None:
    with duckdb.connect(str(watched.published)) as connection:
        connection.execute(
            "create or replace table ruptures (unit_id varchar, pair_id varchar, side varchar, start_period date, "
            "end_period date, is_open boolean)"
        )
        connection.execute(
            "insert into ruptures values ('N2', null, 'client', date '2025-01-01', null, true), "
            "('N1', 'reply_in_time', 'collaborator', date '2025-01-01', date '2025-02-01', false)"
        )
    code, status = told(watched)
    assert code == 0
    assert status["ruptures"] == [
        {
            "unit_id": "N2",
            "unit_name": "Équipe N2",
            "pair_id": None,
            "side": "client",
            "start_period": "2025-01-01",
        }
    ]
    assert identities(status) == ["rupture N2 / * / client"]
    assert re.search(r"open ruptures +1 \(Équipe N2\)", watched.symmetry("status").stdout)
    with duckdb.connect(str(watched.published)) as connection:
        connection.execute("alter table ruptures drop column is_open")
    code, status = told(watched)
    assert (code, identities(status)) == (3, ["unreadable ruptures"])
    with duckdb.connect(str(watched.published)) as connection:
        connection.execute("drop table ruptures")
    assert told(watched)[0] == 0
    assert re.search(r"open ruptures +not in the published file, which an earlier", watched.symmetry("status").stdout)


def test_status_answers_while_the_warehouse_is_held(watched: Company) -> None:
    with duckdb.connect(str(watched.data / "warehouse" / "warehouse.duckdb")):
        assert told(watched)[0] == 0


def test_wrong_use_is_not_told_as_critical(watched: Company) -> None:
    assert watched.symmetry("status", "--unknown").returncode == 3
    wrong = watched.symmetry("status", "--inbox", "/nowhere/at/all")
    assert (wrong.returncode, "is not a folder" in wrong.stderr) == (3, True)


def test_what_cannot_be_read_is_unknown_and_the_rest_is_told(watched: Company) -> None:
    damaged = watched.data / "landing" / "_receipts" / "damaged.json"
    damaged.write_text("{", encoding="utf-8")
    code, status = told(watched)
    assert (code, identities(status)) == (3, ["unreadable deliveries", "unreadable sources"])
    assert status["publication"]["age_days"] == 0
    assert "damaged.json: this receipt is damaged" in watched.symmetry("status").stderr
    damaged.unlink()
