"""The months that somebody asks to be computed again: how they are written, and whether the record holds them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pipelines.extracts.deliveries import Receipt

# What happened on a day dates the record, as in the model `dim_as_of`; when somebody was hired does not.
DATING = {"case", "proactive_contact", "internal_request", "availability", "survey_answer", "indicator_feed"}

_MONTH = r"\d{4}-(?:0[1-9]|1[0-2])"
_ASKED = re.compile(rf"({_MONTH})(?:\.\.({_MONTH}))?")


class MonthsError(ValueError):
    """Months that cannot be computed as they are asked for; the message says how to ask."""


def parse_months(text: str) -> list[str]:
    """The months, each as ``YYYY-MM``, that a month or a range with both ends in it names, the earliest first.

    Args:
        text: ``2025-01`` or ``2025-01..2025-06``.

    Raises:
        MonthsError: the text is neither, or its range ends before it begins.
    """
    match = _ASKED.fullmatch(text.strip())
    if match is None:
        raise MonthsError(f"{text!r} is no month and no range of months; write 2025-01 or 2025-01..2025-06")
    first, last = match[1], match[2] or match[1]
    if last < first:
        raise MonthsError(f"the range {text!r} ends before it begins; write {last}..{first}")
    return months_between(first, last)


def months_between(first: str, last: str) -> list[str]:
    """Every month from `first` to `last`, both as ``YYYY-MM`` and both in it; none when `last` comes first."""
    start, end = (int(month[:4]) * 12 + int(month[5:]) - 1 for month in (first, last))
    return [f"{number // 12:04d}-{number % 12 + 1:02d}" for number in range(start, end + 1)]


def record_months(receipts: Iterable[Receipt]) -> list[str]:
    """The months, as ``YYYY-MM``, in which something happened by what has landed: the ends of these bound the record.

    Args:
        receipts: the deliveries in force.
    """
    return sorted({month for receipt in receipts if DATING & set(receipt.outputs) for month in receipt.months})


def within_record(asked: Sequence[str], landed: Sequence[str]) -> list[str]:
    """Return the asked months, once it is sure that the record holds each.

    Args:
        asked: months as ``YYYY-MM``.
        landed: the months of events that have landed, in any order; the record is all from the first to the last.

    Raises:
        MonthsError: a month lies outside the record.
    """
    if not landed:
        raise MonthsError("no event has landed yet, so there is no month to compute; put extracts in the inbox first")
    first, last = min(landed), max(landed)
    outside = [month for month in asked if not first <= month <= last]
    if outside:
        raise MonthsError(
            f"{', '.join(outside)}: outside the record, which goes from {first} to {last}; ask for months within it"
        )
    return list(asked)
