"""One alert a problem: sent to real servers, kept when they are down, silent on retries, and nobody named."""

from __future__ import annotations

import json
import smtplib
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pipelines.operations import alerts
from pipelines.operations.alerts import Told, news_for, read_ledger, tell
from pipelines.operations.channels import SendError, channels, post
from pipelines.operations.messages import compose, webhook_payload
from pipelines.operations.problems import Problem
from pipelines.operations.status import Status, Unreadable
from pipelines.settings import Settings
from tests.unit.operations.conftest import NOW, Hook, Mailbox, ended, free_port

GATE = ("landing_gate", "DagsterAssetCheckFailedError")


def problem(identity: str, text: str = "Something is wrong.") -> Problem:
    return Problem(identity=identity, part="runs", severity="critical", text=text, remedy="Mend it.")


@pytest.fixture
def state(well: Status, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set the state that the next tick finds."""

    def become(**changed: object) -> None:
        monkeypatch.setattr(alerts, "gather_status", lambda *_: well.model_copy(update=changed))

    become()
    return become


@pytest.fixture
def both(workspace: Settings, mailbox: tuple[Mailbox, int], hook: Hook) -> Settings:
    return workspace.model_copy(
        update={
            "alerts_email_to": "ops@example.org, night@example.org",
            "smtp_host": "127.0.0.1",
            "smtp_port": mailbox[1],
            "webhook_url": Settings(webhook_url=f"http://127.0.0.1:{hook.port}/T0/secret").webhook_url,
            "alerts_name": "Acmé",
        }
    )


def test_one_alert_a_problem_and_one_word_when_it_is_over(
    both: Settings, mailbox: tuple[Mailbox, int], hook: Hook, state: Callable[..., None]
) -> None:
    box = mailbox[0]
    assert tell(both, NOW) == []
    failed = (ended("failed", 1, GATE),)
    state(runs=failed)
    assert [outcome.said for outcome in tell(both, NOW)] == [
        "Alert by e-mail: 1 new, 0 solved.",
        "Alert by webhook: 1 new, 0 solved.",
    ]
    state(runs=(ended("failed", 0.5, GATE), *failed))
    assert tell(both, NOW) == []
    state(runs=(ended("succeeded", 0.1), *failed))
    assert len(tell(both, NOW)) == 2
    assert tell(both, NOW) == []
    first, second = box.mails
    assert box.recipients == [["ops@example.org", "night@example.org"]] * 2
    assert first["Subject"] == (
        "[symmetry] Acmé: 1 new: The job scorecard was stopped by a check after landing_gate; the last publication "
        "stays as it was."
    )
    assert first.get_content().splitlines()[0].startswith("CRITICAL: The job scorecard was stopped")
    assert "Since 2026-03-20 07:00 UTC." in first.get_content()
    assert second["Subject"].startswith("[symmetry] Acmé: 1 solved: The job scorecard")
    assert [set(one) for one in hook.posted] == [{"text"}, {"text"}]
    assert hook.headers[0]["Content-Type"] == "application/json; charset=utf-8"


def test_the_end_is_not_told_when_that_is_set_and_a_return_is(
    both: Settings, mailbox: tuple[Mailbox, int], state: Callable[..., None]
) -> None:
    quiet = both.model_copy(update={"alert_on_solved": False, "webhook_url": None})
    for runs in ((ended("failed", 3, GATE),), (), (ended("failed", 1, GATE),)):
        state(runs=runs)
        tell(quiet, NOW)
    assert ["1 new" in mail["Subject"] for mail in mailbox[0].mails] == [True, True]


def test_what_could_not_be_sent_is_kept_said_elsewhere_and_sent_later(
    both: Settings, mailbox: tuple[Mailbox, int], hook: Hook, state: Callable[..., None]
) -> None:
    box = mailbox[0]
    box.refuse = True
    state(runs=(ended("failed", 1, GATE),))
    by_mail, by_hook = tell(both, NOW)
    assert (by_mail.sent, by_hook.sent) == (False, True)
    assert by_mail.said == (
        "An alert by e-mail could not be sent (SMTPDataError, code 451); it is kept and sent by the next tick."
    )
    later = NOW + timedelta(minutes=5)
    tell(both, later)
    assert "Alerts by e-mail cannot be sent (SMTPDataError, code 451)." in hook.posted[1]["text"]
    failed = read_ledger(both.operations_dir).undelivered["e-mail"]
    assert (failed.since, failed.attempts) == (NOW, 2)
    box.refuse = False
    tell(both, later)
    [mail] = box.mails
    assert "Alerts by e-mail" not in mail.get_content()
    tell(both, later)
    assert len(box.mails) == 1
    assert "Solved:\n- Alerts by e-mail cannot be sent" in hook.posted[-1]["text"]
    assert read_ledger(both.operations_dir).undelivered == {}


def test_a_webhook_that_answers_badly_has_not_been_told(both: Settings, hook: Hook, state: Callable[..., None]) -> None:
    only = both.model_copy(update={"alerts_email_to": None})
    state(runs=(ended("failed", 1, GATE),))
    for status, said in ((500, "HTTP status 500"), (302, "HTTP status 302"), (202, "1 new")):
        hook.status = status
        [outcome] = tell(only, NOW)
        assert said in outcome.said
        assert "secret" not in outcome.said
    assert tell(only, NOW) == []


def test_nothing_listening_is_an_outcome_and_no_error(both: Settings, state: Callable[..., None]) -> None:
    state(publication=None)
    dead = both.model_copy(
        update={"smtp_port": 1, "webhook_url": Settings(webhook_url="http://127.0.0.1:1/x").webhook_url}
    )
    assert [(outcome.sent, "ConnectionRefusedError" in outcome.said) for outcome in tell(dead, NOW)] == [
        (False, True),
        (False, True),
    ]


def test_a_damaged_ledger_is_said_and_raises_nothing(both: Settings, state: Callable[..., None]) -> None:
    both.operations_dir.mkdir()
    (both.operations_dir / "alerts.json").write_text("{", encoding="utf-8")
    [outcome] = tell(both, NOW)
    assert "alerts.json is damaged; delete it" in outcome.said
    assert [p.identity for p in alerts.all_problems(alerts.gather_status(both, NOW), both)] == ["unreadable alerts"]


def test_a_fault_of_ours_is_said_without_its_text(both: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_: object) -> Status:
        raise ValueError("anna@post.example")

    monkeypatch.setattr(alerts, "gather_status", break_down)
    assert [outcome.said for outcome in tell(both, NOW)] == ["No alert could be sent: ValueError; please report it"]


def test_what_cannot_be_read_is_not_over() -> None:
    told = {"run a": Told(part="runs", text="a", at=NOW), "stale b": Told(part="sources", text="b", at=NOW)}
    assert news_for("e-mail", [], told, {"runs"}) == ([], ["stale b"])
    new = problem("run c")
    assert news_for("e-mail", [new, problem("channel e-mail"), problem("run a")], told, set()) == ([new], ["stale b"])


def test_while_dagster_cannot_be_read_its_failure_stays_told(
    both: Settings, mailbox: tuple[Mailbox, int], state: Callable[..., None]
) -> None:
    state(runs=(ended("failed", 1, GATE),))
    tell(both, NOW)
    state(runs=None, unreadable=(Unreadable(part="runs", error="RunsError", message="…"),))
    tell(both, NOW)
    state(runs=(ended("failed", 1, GATE),))
    tell(both, NOW)
    subjects = [str(mail["Subject"]) for mail in mailbox[0].mails]
    assert ["1 new, 1 solved" in s or "1 solved" in s for s in subjects] == [False, False, True]
    assert "The state of the runs cannot be told (RunsError)" in subjects[1]
    assert "The state of the runs cannot be told" in subjects[2]


def test_a_message_names_so_many_and_no_name_forges_a_line() -> None:
    many = [problem(f"p{n}", f"Problem {n}.") for n in range(23)]
    message = compose("x", many, [], 4)
    assert message.body.count("What to do") == 20
    assert "… and 3 more: `symmetry status` lists them." in message.body
    assert "4 other(s), told before, go on." in message.body
    forged = compose("x", [problem("p", "Unit A\r\nBcc: all@example.org\u2028is wrong.")], [], 0)
    assert forged.subject == "[symmetry] x: 1 new: Unit A Bcc: all@example.org is wrong."
    assert "\nBcc" not in forged.body
    assert len(compose("x", [problem("p", "long " * 99)], [], 0).subject) == 200


def test_payloads_as_slack_and_teams_take_them() -> None:
    message = compose("x", [problem("p", "Unit <!channel> [a](http://b) & *c*.")], [], 0)
    text = webhook_payload(message, "slack")["text"]
    assert "Unit &lt;!channel&gt; [a](http://b) &amp; *c*." in text
    card = webhook_payload(message, "teams")
    assert card["type"] == "message"
    [attachment] = card["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    blocks = attachment["content"]["body"]
    assert (attachment["content"]["type"], attachment["content"]["version"]) == ("AdaptiveCard", "1.4")
    assert {block["type"] for block in blocks} == {"RichTextBlock"}
    assert "CRITICAL: Unit <!channel> [a](http://b) & *c*." in [block["inlines"][0]["text"] for block in blocks]
    old = webhook_payload(message, "teams_messagecard")
    assert (old["@type"], old["summary"]) == ("MessageCard", message.subject)
    assert {section["markdown"] for section in old["sections"]} == {False}


def test_the_largest_message_fits_into_teams() -> None:
    many = [problem(f"p{n}", "x" * 300).model_copy(update={"remedy": "y" * 200, "since": NOW}) for n in range(500)]
    for kind in ("teams", "teams_messagecard", "slack"):
        assert len(json.dumps(webhook_payload(compose("x", many, ["z" * 300] * 500, 9), kind))) < 28_000


def test_post_refuses_what_is_no_address() -> None:
    with pytest.raises(SendError, match=r"ValueError|URLError"):
        post("http://", {})


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for localhost, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    today = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = tmp_path / "certificate.pem", tmp_path / "key.pem"
    public.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return public, private


@pytest.mark.parametrize("trusted", [True, False], ids=["trusted certificate", "unknown certificate"])
def test_starttls_with_a_login(
    workspace: Settings, certificate: tuple[Path, Path], trusted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over STARTTLS a login works; a server whose certificate is unknown gets neither password nor message."""
    public, private = certificate
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(public))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    logins = []

    def check(server: object, session: object, envelope: object, mechanism: str, data: object) -> AuthResult:
        assert isinstance(data, LoginPassword)
        logins.append((data.login, data.password))
        good = data.password == b"open sesame"
        return AuthResult(success=good, handled=good)

    box = Mailbox()
    server = Controller(
        box,
        hostname="127.0.0.1",
        port=free_port(),
        tls_context=context,
        require_starttls=True,
        auth_required=True,
        authenticator=check,
    )
    server.start()
    try:
        settings = Settings(
            alerts_email_to="ops@example.org",
            smtp_host="localhost",
            smtp_port=server.port,
            smtp_security="starttls",
            smtp_user="robot",
            smtp_password="open sesame",
        )
        [channel] = channels(settings)
        message = compose("x", [problem("p")], [], 0)
        if trusted:
            channel.send(message)
            assert (logins, len(box.mails)) == ([(b"robot", b"open sesame")], 1)
            wrong = Settings(**(settings.model_dump() | {"smtp_password": "wrong"}))
            with pytest.raises(SendError, match="SMTPAuthenticationError, code 535") as refused:
                channels(wrong)[0].send(message)
            assert isinstance(refused.value.__cause__, smtplib.SMTPAuthenticationError)
        else:
            with pytest.raises(SendError, match="SSLCertVerificationError"):
                channel.send(message)
            assert (logins, box.mails) == ([], [])
    finally:
        server.stop()


def test_settings_of_alerts(workspace: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMMETRY_ALERTS_EMAIL_TO", "a@example.org, b@example.org")
    monkeypatch.setenv("SYMMETRY_RETIRED_SOURCES", "zendesk.ticket")
    settings = Settings()
    assert settings.alert_addresses == ("a@example.org", "b@example.org")
    assert settings.retired == ("zendesk.ticket",)
    for wrong, said in (
        ({"alerts_email_to": "ops"}, "'ops' is no e-mail address"),
        ({"webhook_url": "hooks.example.org"}, "give the whole address of the webhook"),
        ({"smtp_user": "u", "smtp_host": "mail.example.org"}, "would travel to mail.example.org for all to read"),
    ):
        with pytest.raises(ValueError, match=said):
            Settings(**wrong)  # type: ignore[arg-type]
    assert "secret" not in repr(Settings(webhook_url="https://hooks.example.org/secret", smtp_password="secret"))  # type: ignore[arg-type]


def test_no_channel_no_tick(workspace: Settings) -> None:
    assert tell(workspace, NOW) == []
    assert not workspace.operations_dir.exists()
