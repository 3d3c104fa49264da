"""The names by which a contract picks values out of a JSON record.

A name is a key (`status`), keys joined by dots (`requester.id`), or picks from an array of objects the first whose
key has a value: `custom_fields[id=360001].value` (the 360001 may be a number or a text in the file). A key that is
written with dots or brackets in the file itself is found by its plain name, before any other reading of the name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_PICK = re.compile(r"(?P<array>[^\[\]]+)\[(?P<key>[^\[\]=]+)=(?P<value>[^\[\]]+)\](?:\.(?P<rest>[^\[\]]+))?")


@dataclass(frozen=True)
class Pick:
    """The parts of `array[key=value].rest`; `rest` is '' where the name is the whole object."""

    array: str
    key: str
    value: str
    rest: str


def pick_of(name: str) -> Pick | None:
    """Return the parts of a name that picks from an array, or None for any other name."""
    found = _PICK.fullmatch(name)
    if found is None:
        return None
    key, value = found["key"].strip(), found["value"].strip().strip("'\"")
    return Pick(found["array"], key, value, found["rest"] or "") if key and value else None


def problem_of(name: str) -> str | None:
    """Return why a name is no sound pick though it looks like one, or None."""
    if re.search(r"\[[^\]]*=", name) and pick_of(name) is None:
        return f"{name!r} picks nothing; write it as custom_fields[id=360001].value"
    return None
