"""Everything the statistics stage computes, in one call: from windows of (n, s1, s2) to every table."""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from pipelines.confidentiality.suppression import OK
from pipelines.statistics.actions import Parameters as ActionParameters
from pipelines.statistics.actions import action_effects
from pipelines.statistics.beliefs import beliefs
from pipelines.statistics.drivers import Parameters as DriverParameters
from pipelines.statistics.drivers import drivers
from pipelines.statistics.equity import equity
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


@dataclass(frozen=True)
class Inputs:
    """What the stage reads, one frame each.

    windows, cells: as `indicators.indicator_scores` takes them. theme_windows: as `irritant_map` does. composite_stats,
    composite_people, ancestors: as `links.monthly_windows` does (composites suffice). actions: as `action_effects`
    does. units: unit_id, period, unit_level, parent_unit_id.
    """

    windows: pl.DataFrame
    cells: pl.DataFrame | None
    theme_windows: pl.DataFrame
    composite_stats: pl.DataFrame
    composite_people: pl.DataFrame
    ancestors: pl.DataFrame
    actions: pl.DataFrame
    units: pl.DataFrame


def every_table(
    inputs: Inputs,
    definitions: Definitions,
    parameters: dict[str, float],
    k: int,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, pl.DataFrame]:
    """Compute every table of the stage, by name.

    parameters: the named numbers in force. k: the smallest number of people a figure about people may rest on.
    say: told in a few words what is being computed.

    Raises ValueError where a part does; the message names the table and the remedy.
    """
    units = inputs.units
    say("scores, gaps and indices with their intervals")
    scores = indicator_scores(inputs.windows, definitions, units, k, inputs.cells)
    pairs = pair_scores(scores, definitions, units)
    thresholds = Parameters(bar=parameters["bar"], coverage=parameters["coverage"])
    indices = unit_indices(pairs, scores, definitions, units, thresholds)
    say("ruptures, signals and shrinkage")
    named = pl.DataFrame({"name": list(parameters), "value": list(parameters.values())})
    beyond = RuptureParameters.from_frame(named)
    tests = rupture_tests(indices, pairs, units, beyond)
    shrunken = shrunk_pairs(pairs, units)
    say("links and drivers")
    months = monthly_windows(inputs.composite_stats, inputs.composite_people, inputs.ancestors)
    linked = links(
        indicator_scores(months, definitions, units, k, published=False), units, LinkParameters.from_frame(named)
    )
    driving = drivers(scores, indices, definitions, units, DriverParameters.from_frame(named))
    say("strengths, weaknesses, actions and irritants")
    swots = swot(
        scores,
        definitions,
        units,
        SwotParameters.from_frame(named),
        shrunken=shrunken,
        drivers=_of_the_widest_level(driving),
    )
    effects = action_effects(inputs.actions, scores, definitions, units, swots, ActionParameters.from_frame(named))
    themes = irritant_map(inputs.theme_windows, definitions, units, k, IrritantParameters.from_frame(named))
    say("populations, beliefs and robustness")
    tables = {
        "indicator_scores": scores,
        "pair_scores": pairs,
        "unit_indices": indices,
        "rupture_tests": tests,
        "ruptures": rupture_episodes(tests, pairs, definitions, beyond),
        "signals": signals(indices, window_of_index(definitions)),
        "shrunk_indices": shrunk_indices(indices, units),
        "shrunk_pairs": shrunken,
        "links": linked,
        "drivers": driving,
        "swot": swots,
        "action_effects": effects,
        "irritant_map": themes,
        "equity": equity(scores, definitions, units, thresholds),
        "beliefs": beliefs(inputs.windows, definitions, units, k, inputs.cells),
        "robustness": robustness(pairs, scores, indices, definitions, units, RobustnessParameters.from_frame(named)),
    }
    return tables


def _of_the_widest_level(drivers: pl.DataFrame) -> pl.DataFrame:
    """indicator_id, share: the drivers of the level with the most units, which can tell them best."""
    told = drivers.filter(pl.col("status") == OK)
    widest = told.sort("units", "unit_level", descending=[True, False])["unit_level"].head(1)
    return told.filter(pl.col("unit_level").is_in(widest.implode())).select("indicator_id", "share")
