"""Everything the statistics stage computes, in order: from windows of (n, s1, s2) to every table."""

from collections.abc import Callable

import polars as pl

from pipelines.confidentiality.suppression import OK
from pipelines.statistics.actions import Parameters as ActionParameters
from pipelines.statistics.actions import action_effects
from pipelines.statistics.beliefs import beliefs
from pipelines.statistics.drivers import Parameters as DriverParameters
from pipelines.statistics.drivers import drivers
from pipelines.statistics.equity import EVERYBODY, equity
from pipelines.statistics.indicators import Definitions, indicator_scores
from pipelines.statistics.indices import Parameters, pair_scores, unit_indices
from pipelines.statistics.irritant_map import IrritantParameters, irritant_map
from pipelines.statistics.links import Parameters as LinkParameters
from pipelines.statistics.links import links, monthly_windows
from pipelines.statistics.robustness import RobustnessParameters, robustness
from pipelines.statistics.ruptures import RuptureParameters, rupture_episodes, rupture_tests
from pipelines.statistics.shrinkage import shrunk_indices, shrunk_pairs
from pipelines.statistics.signals import signals, window_of_index
from pipelines.statistics.swot import SwotParameters, swot

Read = Callable[[str], pl.DataFrame]
"""Gives one frame of `INPUTS` by its name. It is asked when the frame is needed, and the frame let go of after."""

Write = Callable[[str, pl.DataFrame], None]
"""Takes a table by its name."""

INPUTS = {
    "windows": "as `indicators.indicator_scores` takes them, without those of beliefs",
    "belief_windows": "as `beliefs` takes them",
    "theme_windows": "as `irritant_map` takes them",
    "theme_cells": "the cells that `irritant_map` takes",
    "composite_stats": "as `links.monthly_windows` takes them; composites suffice",
    "composite_people": "as `links.monthly_windows` takes them; composites suffice",
    "ancestors": "as `links.monthly_windows` takes them",
    "actions": "as `action_effects` takes them",
    "units": "unit_id, period, unit_level, parent_unit_id",
}
"""What the stage reads, one frame each."""


def every_table(
    read: Read,
    cells: Callable[[], pl.DataFrame | None],
    write: Write,
    definitions: Definitions,
    parameters: dict[str, float],
    k: int,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Compute every table of the stage, one after the other.

    read: gives each frame of `INPUTS`. cells: gives those that `indicators.indicator_scores` takes. write: takes each
    table. parameters: the named numbers in force. k: the smallest number of people a figure about people may rest on.
    say: told in a few words what is being computed.

    A table is handed to `write` as soon as it is made, so that not all of them are held at once: the scores of named
    populations are most of what there is, and nothing but the comparison of populations reads them.

    Raises ValueError where a part does; the message names the table and the remedy.
    """
    units = read("units")
    thresholds = Parameters(bar=parameters["bar"], coverage=parameters["coverage"])
    named = pl.DataFrame({"name": list(parameters), "value": list(parameters.values())})
    say("beliefs, scores with their intervals, and populations side by side")
    write("beliefs", beliefs(read("belief_windows"), definitions, units, k, cells()))
    scores = indicator_scores(read("windows"), definitions, units, k, cells())
    write("equity", equity(scores, definitions, units, thresholds))
    write("indicator_scores", scores)
    scores = scores.filter(pl.col("population") == EVERYBODY)
    say("gaps and indices")
    pairs = pair_scores(scores, definitions, units)
    write("pair_scores", pairs)
    indices = unit_indices(pairs, scores, definitions, units, thresholds)
    write("unit_indices", indices)
    say("ruptures, signals and shrinkage")
    beyond = RuptureParameters.from_frame(named)
    tests = rupture_tests(indices, pairs, units, beyond)
    write("rupture_tests", tests)
    write("ruptures", rupture_episodes(tests, pairs, definitions, beyond))
    write("signals", signals(indices, window_of_index(definitions)))
    write("shrunk_indices", shrunk_indices(indices, units))
    shrunken = shrunk_pairs(pairs, units)
    write("shrunk_pairs", shrunken)
    say("links and drivers")
    months = monthly_windows(read("composite_stats"), read("composite_people"), read("ancestors"))
    write(
        "links",
        links(
            indicator_scores(months, definitions, units, k, published=False), units, LinkParameters.from_frame(named)
        ),
    )
    driving = drivers(scores, indices, definitions, units, DriverParameters.from_frame(named))
    write("drivers", driving)
    say("strengths, weaknesses, actions and irritants")
    swots = swot(
        scores,
        definitions,
        units,
        SwotParameters.from_frame(named),
        shrunken=shrunken,
        drivers=_of_the_widest_level(driving),
    )
    write("swot", swots)
    write(
        "action_effects",
        action_effects(read("actions"), scores, definitions, units, swots, ActionParameters.from_frame(named)),
    )
    write(
        "irritant_map",
        irritant_map(
            read("theme_windows"), definitions, units, k, IrritantParameters.from_frame(named), read("theme_cells")
        ),
    )
    say("robustness")
    write("robustness", robustness(pairs, scores, indices, definitions, units, RobustnessParameters.from_frame(named)))


def _of_the_widest_level(drivers: pl.DataFrame) -> pl.DataFrame:
    """indicator_id, share: the drivers of the level with the most units, which can tell them best."""
    told = drivers.filter(pl.col("status") == OK)
    widest = told.sort("units", "unit_level", descending=[True, False])["unit_level"].head(1)
    return told.filter(pl.col("unit_level").is_in(widest.implode())).select("indicator_id", "share")
