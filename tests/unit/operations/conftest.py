"""A healthy state to spoil, and the two servers that alerts are really sent to: SMTP (aiosmtpd) and HTTP."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from pipelines.extracts.deliveries import Receipt
from pipelines.operations.runs import CommandRecord, Failure, Run
from pipelines.operations.status import Disk, Publication, Quarantine, Status

NOW = datetime(2026, 3, 20, 8, tzinfo=UTC)


@pytest.fixture
def well() -> Status:
    return Status(
        company=Path("/data"),
        at=NOW,
        publication=Publication(
            publication_id="p", published_at=NOW - timedelta(days=2), age_days=2, last_period="2026-02-01", units=6
        ),
        sources=(),
        quarantine=Quarantine(deliveries=1, rows_read=10, rows_quarantined=0, above_limit=()),
        refused={},
        runs=(),
        command=CommandRecord(),
        disk=Disk(free_bytes=50_000_000_000, total_bytes=100_000_000_000, free_share=0.5),
    )


def ended(state: str, hours_ago: float, *failures: tuple[str, str], job: str = "scorecard") -> Run:
    at = NOW - timedelta(hours=hours_ago)
    return Run(
        run_id=f"{state}-{hours_ago}",
        job=job,
        state=state,  # type: ignore[arg-type]
        started=at - timedelta(minutes=1),
        ended=at,
        failures=tuple(Failure(step=step, error=error) for step, error in failures),
    )


def receipt(contract: str, version: datetime, *, delivery_id: str = "a" * 16, **changed: Any) -> Receipt:
    system = contract.partition(".")[0]
    facts: dict[str, Any] = {
        "delivery_id": delivery_id,
        "file": "file.csv",
        "bytes": 1,
        "sha256": delivery_id,
        "system": system,
        "contract": contract,
        "contract_version": 1,
        "landed_at": version,
        "version": version,
        "read": 100,
        "landed": 100,
        "quarantined": 0,
        "duplicates": 0,
        "filtered": 0,
        "outputs": {},
        "months": [],
        "reasons": {},
        "personal": {},
    }
    return Receipt(**(facts | changed))


def free_port() -> int:
    """A port that nothing listens on (aiosmtpd does not take 0 for any)."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Mailbox:
    """What a real SMTP server took; `refuse` makes it refuse every message."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.refuse = False

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.refuse:
            return "451 not now"
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.recipients.append(list(envelope.rcpt_tos))
        return "250 taken"


class Hook:
    """What a real HTTP server was posted; `status` is what it answers with."""

    def __init__(self) -> None:
        self.posted: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.status = 200
        self.port = 0


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    box = Mailbox()
    server = Controller(box, hostname="127.0.0.1", port=free_port())
    server.start()
    yield box, server.port
    server.stop()


@pytest.fixture
def hook() -> Iterator[Hook]:
    one = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            one.posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            one.headers.append(dict(self.headers))
            self.send_response(one.status)
            if one.status == 302:
                self.send_header("Location", f"http://127.0.0.1:{one.port}/elsewhere")
            self.end_headers()

        def do_GET(self) -> None:
            raise AssertionError("a redirect was followed")

        def log_message(self, *_: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    one.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield one
    server.shutdown()
    thread.join()
    server.server_close()
