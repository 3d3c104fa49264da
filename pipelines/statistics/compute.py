"""Everything the statistics stage computes, in one call: from windows of (n, s1, s2) to every table."""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from pipelines.statistics.indicators import Definitions, indicator_scores
from pipelines.statistics.indices import Parameters, pair_scores, unit_indices
from pipelines.statistics.ruptures import RuptureParameters, rupture_episodes, rupture_tests
from pipelines.statistics.shrinkage import shrunk_indices, shrunk_pairs
from pipelines.statistics.signals import signals, window_of_index


@dataclass(frozen=True)
class Inputs:
    """What the stage reads, one frame each.

    windows: as `indicators.indicator_scores` takes them. units: unit_id, period, unit_level, parent_unit_id.
    cells: unit_id, period, population, indicator_id, people: the own people of every unit and month (`indicator_stats`)
    that the windows are summed from; None says that no two windows share answers.
    """

    windows: pl.DataFrame
    units: pl.DataFrame
    cells: pl.DataFrame | None


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
    beyond = RuptureParameters(parameters["delta"], parameters["rupture_q"])
    tests = rupture_tests(indices, pairs, units, beyond)
    tables = {
        "indicator_scores": scores,
        "pair_scores": pairs,
        "unit_indices": indices,
        "rupture_tests": tests,
        "ruptures": rupture_episodes(tests, pairs, definitions, beyond),
        "signals": signals(indices, window_of_index(definitions)),
        "shrunk_indices": shrunk_indices(indices, units),
        "shrunk_pairs": shrunk_pairs(pairs, units),
    }
    return tables
