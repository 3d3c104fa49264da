"""What the values of one column look like: whole numbers, dates of which form, words of a short list, people's data.

Belongs here: evidence from a sample of values, pure. What it means for a contract is drafting's business.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pipelines.extracts.personal import personal_by_name, personal_in_values

Kind = Literal["blank", "integer", "number", "date", "timestamp", "clock", "text"]

#: Share of the values that must look alike for a column to be of a kind: extracts are dirty.
SHARE = 0.9

_INTEGER = re.compile(r"[-+]?\d+")
_POINT = re.compile(r"[-+]?(\d+\.\d*|\.\d+)([eE][-+]?\d+)?")
_COMMA = re.compile(r"[-+]?\d+,\d+")
_GROUPED = {
    " ": re.compile(r"[-+]?\d{1,3}([ \u00a0\u202f]\d{3})+([.,]\d+)?"),
    ",": re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?"),
    "'": re.compile(r"[-+]?\d{1,3}('\d{3})+(\.\d+)?"),
}
_CLOCK = re.compile(r"\d{1,6}:[0-5]\d(:[0-5]\d(\.\d+)?)?")
_MOMENT = re.compile(
    r"(?P<date>(?P<a>\d{4}|\d{1,2})(?P<sep>[-/. ])(?P<b>\d{1,2}|[A-Z][a-z]{2})(?P=sep)(?P<c>\d{4}|\d{1,2}))"
    r"(?:(?P<mark>[T ])(?P<clock>\d{1,2}:\d{2}(?P<seconds>:\d{2}(?P<fraction>[.,]\d{1,9})?)?)"
    r"(?P<half> ?[AaPp][Mm])?(?P<zone> ?(?:Z|[+-]\d{2}:?\d{2}|UTC))?)?"
)
_MONTHS = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"}


@dataclass(frozen=True)
class Profile:
    """One column: what kind most of its values are of, by evidence.

    `values`: value -> how often, blanks apart; `rows`: records looked at; `formats`: strptime forms of its dates;
    `other_formats`: those that fit as well, where day and month cannot be told apart; `iso`: the forms are those a
    contract reads without being told; `zoned`: moments with an offset; `marks`: what a number needs of the format's
    decimal and thousands marks; `personal`: why it is thought to tell of people.
    """

    name: str
    kind: Kind
    values: Counter[str]
    rows: int
    formats: tuple[str, ...] = ()
    other_formats: tuple[str, ...] = ()
    iso: bool = False
    zoned: bool = False
    marks: tuple[str, str] = (".", "")
    personal: tuple[str, ...] = field(default=())

    @property
    def filled(self) -> int:
        """How many of the records have a value."""
        return sum(self.values.values())

    @property
    def is_list(self) -> bool:
        """Whether its values look like those of a short list: few, and each of them often."""
        return 0 < len(self.values) <= 30 and (self.filled >= 2 * len(self.values) or len(self.values) <= 3)


def profile(name: str, values: Sequence[str], rows: int) -> Profile:
    """Look at the values of a column that are not blank, in `rows` records."""
    counts = Counter(values)
    personal = []
    kind_of_name = personal_by_name(name)
    if kind_of_name is not None:
        personal.append(f"its name ({kind_of_name})")
    personal += [f"{kind} in its values" for kind in personal_in_values(list(counts)[:5000])]
    if not personal and _is_prose(counts):
        personal.append("free text")
    made = Profile(name, "text", counts, rows, personal=tuple(personal))
    if not counts:
        return Profile(name, "blank", counts, rows, personal=tuple(personal))
    if _share(counts, _INTEGER) >= SHARE:
        # A number that begins with a zero is a code.
        code = any(len(value) > 1 and value.startswith("0") for value in counts)
        return made if code else _with(made, kind="integer")
    marks = _number_marks(counts)
    if marks is not None:
        return _with(made, kind="number", marks=marks)
    if _share(counts, _CLOCK) >= SHARE:
        return _with(made, kind="clock")
    return _as_moments(made)


def _with(made: Profile, **changes: Any) -> Profile:
    return replace(made, **changes)


def _share(counts: Counter[str], pattern: re.Pattern[str]) -> float:
    return sum(count for value, count in counts.items() if pattern.fullmatch(value)) / max(counts.total(), 1)


def _is_prose(counts: Counter[str]) -> bool:
    """Whether the values are sentences that people wrote: long, with blanks, hardly ever the same."""
    if len(counts) < 3 or len(counts) * 2 < counts.total():
        return False
    long = sum(len(value) > 30 and value.count(" ") >= 4 for value in counts)
    return long * 3 >= len(counts)


def _number_marks(counts: Counter[str]) -> tuple[str, str] | None:
    """Return the decimal and the thousands mark with which most values are numbers, or None."""
    for decimal, pattern in ((".", _POINT), (",", _COMMA)):
        both = re.compile(f"{pattern.pattern}|{_INTEGER.pattern}")
        if _share(counts, both) >= SHARE and _share(counts, pattern) > 0:
            return decimal, ""
    for thousands, pattern in _GROUPED.items():
        both = re.compile(f"{pattern.pattern}|{_POINT.pattern}|{_COMMA.pattern}|{_INTEGER.pattern}")
        if _share(counts, both) >= SHARE and _share(counts, pattern) > 0:
            comma = thousands == " " and any("," in value for value in counts)
            return ("," if comma else "."), thousands
    return None


# --- dates --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Shape:
    """How a moment is written, day and month left open."""

    year_first: bool
    short_year: bool
    named: bool
    separator: str
    mark: str
    clock: str
    zone: str


def _as_moments(made: Profile) -> Profile:
    shapes: Counter[_Shape] = Counter()
    first = second = 0
    for value, count in made.values.items():
        found = _MOMENT.fullmatch(value)
        if found is None:
            continue
        shape = _shape(found)
        if shape is None:
            continue
        shapes[shape] += count
        if not shape.year_first and not shape.named:
            first += count if int(found["a"]) > 12 else 0
            second += count if int(found["b"]) > 12 else 0
    total = shapes.total()
    if total < SHARE * made.filled:
        return made
    common = [shape for shape, count in shapes.most_common() if count * 100 >= total]
    timed = any(shape.clock for shape in common)
    open_ = not all(shape.year_first or shape.named for shape in common)
    # A stray date the other way round is dirt; what most of them say counts.
    month_first = open_ and second > first
    undecided = open_ and first == second
    return _with(
        made,
        kind="timestamp" if timed else "date",
        formats=_forms(common, month_first),
        other_formats=_forms(common, not month_first) if undecided else (),
        iso=all(
            shape.year_first and not shape.named and shape.separator == "-" and "%I" not in shape.clock
            for shape in common
        )
        and (not timed or all(shape.clock for shape in common)),
        zoned=any(shape.zone for shape in common),
    )


def settled(profiles: Sequence[Profile]) -> list[Profile]:
    """Let the dates that tell day from month speak for those of the same file that do not; these stay marked."""
    month_first = day_first = 0
    for one in profiles:
        if one.formats and not one.other_formats:
            month_first += bool(re.match(r"%m.%d", one.formats[0]))
            day_first += bool(re.match(r"%d.%m", one.formats[0]))
    if not month_first or day_first:
        return list(profiles)
    return [
        replace(one, formats=one.other_formats, other_formats=one.formats) if one.other_formats else one
        for one in profiles
    ]


def _shape(found: re.Match[str]) -> _Shape | None:
    year_first = len(found["a"]) == 4
    if year_first and len(found["c"]) == 4:
        return None
    clock = ""
    if found["clock"]:
        half = found["half"] or ""
        clock = ("%I" if half else "%H") + ":%M"
        if found["seconds"]:
            clock += ":%S"
        if found["fraction"]:
            clock += found["fraction"][0] + ("%g" if len(found["fraction"]) == 4 else "%f")
        if half:
            clock += " %p" if half.startswith(" ") else "%p"
    zone = found["zone"] or ""
    if zone and zone.strip() != "UTC":  # a word stands in the format as it is
        zone = " %z" if zone.startswith(" ") else "%z"
    named = not found["b"].isdigit()
    if (named and found["b"] not in _MONTHS) or (found["sep"] == " " and not named):
        return None
    short = len(found["c"]) < 4 and not year_first
    return _Shape(year_first, short, named, found["sep"], found["mark"] or "", clock, zone)


def _forms(shapes: Sequence[_Shape], month_first: bool) -> tuple[str, ...]:
    forms = []
    for shape in shapes:
        if shape.year_first:
            parts = ["%Y", "%b" if shape.named else "%m", "%d"]
        else:
            month = "%b" if shape.named else "%m"
            parts = [month, "%d"] if month_first and not shape.named else ["%d", month]
            parts.append("%y" if shape.short_year else "%Y")
        forms.append(shape.separator.join(parts) + shape.mark + shape.clock + shape.zone)
    return tuple(dict.fromkeys(forms))
