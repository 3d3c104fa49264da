"""The named numbers of parameters.csv that only the statistics read: their names, their defaults, what refuses a value.

What belongs here: which module's parameters go under which names. What does not: defaults and ranges themselves,
which stand in the dataclass of each module and nowhere else.
"""

import re
from collections.abc import Mapping
from dataclasses import fields

import polars as pl

from pipelines.statistics.actions import Parameters as ActionParameters
from pipelines.statistics.drivers import Parameters as DriverParameters
from pipelines.statistics.irritant_map import IrritantParameters
from pipelines.statistics.links import Parameters as LinkParameters
from pipelines.statistics.robustness import RobustnessParameters
from pipelines.statistics.ruptures import RuptureParameters
from pipelines.statistics.swot import SwotParameters

_PREFIXES = {
    RuptureParameters: "rupture_",
    SwotParameters: "",
    IrritantParameters: "",
    RobustnessParameters: "",
    LinkParameters: "link_",
    DriverParameters: "driver_",
    ActionParameters: "action_",
}

_ASKED_OF_EVERY_COMPANY = ("bar", "coverage", "delta")
"""Fields that every folder of definitions states under these names; so they are not among those with a default."""


def optional_parameters() -> dict[str, float]:
    """Every number that a folder of definitions may leave unsaid, by its name in parameters.csv, with its default."""
    return {name: float(default) for name, default in _defaults().items()}


def refused(given: Mapping[str, float]) -> dict[str, str]:
    """The values that the statistics would not take, by name, each with the reason; empty when all are well.

    given: optional parameters by name; others are ignored.
    """
    defaults = _defaults()
    problems = {
        name: f"{name} is {value:g}; it must be a whole number."
        for name, value in given.items()
        if isinstance(defaults.get(name), int) and value != int(value)
    }
    left = {name: value for name, value in given.items() if name in defaults and name not in problems}
    for reader in _PREFIXES:
        # A reader stops at the first value that it does not take: without that one it tells of the next.
        while message := _refusal(reader, left):
            name = next(name for name in left if re.search(rf"\b{name}\b", message))
            problems[name] = message
            del left[name]
    return problems


def _defaults() -> dict[str, float | int]:
    return {
        f"{prefix}{field.name}": getattr(reader, field.name)
        for reader, prefix in _PREFIXES.items()
        for field in fields(reader)
        if field.name not in _ASKED_OF_EVERY_COMPANY
    }


def _refusal(reader: type, given: Mapping[str, float]) -> str | None:
    frame = pl.DataFrame(
        {"name": list(given), "value": list(given.values())}, schema={"name": pl.String, "value": pl.Float64}
    )
    try:
        reader.from_frame(frame)  # type: ignore[attr-defined]
    except ValueError as error:
        return str(error).removeprefix("parameters.csv: ")
    return None
