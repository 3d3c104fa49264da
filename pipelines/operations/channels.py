"""The ways out: e-mail by SMTP and a webhook by HTTP. Each sends one message or says in a word why it could not.

Both check certificates against the machine's own store (`SSL_CERT_FILE` names another), and give up after a time.
"""

from __future__ import annotations

import http.client
import json
import smtplib
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import IO, Any

from pipelines.operations.messages import Message, webhook_payload
from pipelines.settings import Settings

TIMEOUT_SECONDS = 10


class SendError(RuntimeError):
    """A message could not be sent. The text is a class of error or a status code: no address, no secret."""


@dataclass(frozen=True)
class Channel:
    """A way out that is set: its name, and what sends a message by it (raises SendError)."""

    name: str
    send: Callable[[Message], None]


def channels(settings: Settings) -> list[Channel]:
    """Return the ways out that are set; [] when alerts are off."""
    found = []
    if settings.alert_addresses:
        found.append(Channel("e-mail", lambda message: send_email(settings, message)))
    if settings.webhook_url is not None:
        url = settings.webhook_url.get_secret_value()
        found.append(Channel("webhook", lambda message: post(url, webhook_payload(message, settings.webhook_kind))))
    return found


def send_email(settings: Settings, message: Message) -> None:
    """Send a message to every address that is set.

    Raises:
        SendError: the server could not be reached, is not whom it claims to be, or did not take it for everyone.
    """
    mail = EmailMessage()
    mail["Subject"] = message.subject
    mail["From"] = settings.alerts_from
    mail["To"] = ", ".join(settings.alert_addresses)
    mail["Date"] = formatdate()
    mail["Message-ID"] = make_msgid(domain=settings.alerts_from.rpartition("@")[2])
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.body)
    context = ssl.create_default_context()
    place = (settings.smtp_host, settings.smtp_port)
    try:
        server = (
            smtplib.SMTP_SSL(*place, timeout=TIMEOUT_SECONDS, context=context)
            if settings.smtp_security == "tls"
            else smtplib.SMTP(*place, timeout=TIMEOUT_SECONDS)
        )
        with server:
            if settings.smtp_security == "starttls":
                server.starttls(context=context)
            if settings.smtp_user is not None:
                password = settings.smtp_password.get_secret_value() if settings.smtp_password else ""
                server.login(settings.smtp_user, password)
            refused = server.send_message(mail)
    except smtplib.SMTPResponseException as error:
        raise SendError(f"{type(error).__name__}, code {error.smtp_code}") from error
    except (OSError, smtplib.SMTPException) as error:
        raise SendError(type(error).__name__) from error
    if refused:
        raise SendError(f"{len(refused)} of {len(settings.alert_addresses)} addresses were refused")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirected POST would become a GET, and the alert be lost without a word."""

    def redirect_request(self, req: Any, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str) -> None:
        return None


def post(url: str, payload: dict[str, Any]) -> None:
    """Post JSON to an address.

    Raises:
        SendError: it could not be reached, or answered with anything but 2xx.
    """
    request = urllib.request.Request(
        url,
        data=json.dumps(payload).encode(),
        headers={"Content-Type": "application/json; charset=utf-8", "User-Agent": "symmetry-scorecard"},
        method="POST",
    )
    try:
        with urllib.request.build_opener(_NoRedirects()).open(request, timeout=TIMEOUT_SECONDS) as answer:
            answer.read()
    except urllib.error.HTTPError as error:
        error.close()
        raise SendError(f"HTTP status {error.code}") from error
    except urllib.error.URLError as error:
        raise SendError(type(error.reason).__name__ if isinstance(error.reason, Exception) else "URLError") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise SendError(type(error).__name__) from error
