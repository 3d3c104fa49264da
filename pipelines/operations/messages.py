"""The wording of an alert: one message for all that is new at one moment, as plain text and as a webhook's JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.operations.problems import Problem

#: So many are spelt out in one message; chat tools refuse a payload above some 28 KB.
SHOWN = 20


@dataclass(frozen=True)
class Message:
    """A subject of one line, and plain text below it."""

    subject: str
    body: str


def compose(installation: str, new: Sequence[Problem], solved: Sequence[str], still_open: int) -> Message:
    """Word what is new and what is over.

    Args:
        installation: what this installation is called.
        new: problems not told before, the worst first.
        solved: texts of problems that were told and are over.
        still_open: how many others were told before and go on.
    """
    counts = [f"{len(new)} new"] * bool(new) + [f"{len(solved)} solved"] * bool(solved)
    first = new[0].text if new else solved[0]
    subject = _one_line(f"[symmetry] {installation}: {', '.join(counts)}: {first}")
    parts = []
    if new:
        lines = [
            f"{problem.severity.upper()}: {_one_line(problem.text)}"
            + (f" Since {problem.since:%Y-%m-%d %H:%M} UTC." if problem.since is not None else "")
            + f"\n  What to do: {_one_line(problem.remedy)}"
            for problem in new[:SHOWN]
        ]
        parts.append("\n".join([*lines, *_more(len(new))]))
    if solved:
        parts.append("\n".join(["Solved:", *(f"- {_one_line(text)}" for text in solved[:SHOWN]), *_more(len(solved))]))
    others = f"{still_open} other(s), told before, go on. " if still_open else ""
    parts.append(f"{others}`symmetry status` on the machine shows how things stand.")
    return Message(subject if len(subject) <= 200 else subject[:199] + "…", "\n\n".join(parts) + "\n")


def _more(count: int) -> list[str]:
    return [f"… and {count - SHOWN} more: `symmetry status` lists them."] * (count > SHOWN)


def _one_line(text: str) -> str:
    """A unit's name may hold anything; a line break in it would forge a header or another line."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def webhook_payload(message: Message, kind: str) -> dict[str, Any]:
    """Return the JSON that a chat tool takes; texts stay plain, so that no name becomes a link or calls everybody.

    Args:
        message: what to say.
        kind: "slack" (also Mattermost), "teams" (a workflow that takes Adaptive Cards) or "teams_messagecard" (the
            older connector).
    """
    if kind == "slack":
        text = f"{message.subject}\n\n{message.body}"
        return {"text": text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}
    paragraphs = message.body.rstrip("\n").split("\n")
    if kind == "teams_messagecard":
        return {
            "@type": "MessageCard",
            "@context": "https://schema.org/extensions",
            "summary": message.subject,
            "title": "Symmetry scorecard",
            "sections": [{"markdown": False, "text": line} for line in (message.subject, *paragraphs) if line.strip()],
        }
    # A rich text block is the one that reads no Markdown.
    blocks = [
        {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": line, "weight": weight}]}
        for line, weight in ((message.subject, "bolder"), *((line, "default") for line in paragraphs))
        if line.strip()
    ]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": blocks,
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}
