"""When an asset counts as late: the sources by the cadence that their contracts promise, the scorecard by its schedule.

Dagster evaluates these policies by itself and shows late assets in the UI. A source that has never delivered is not
late but unknown: the contracts that ship are those of many systems, of which a company has a few.
"""

from collections.abc import Sequence
from datetime import timedelta

import dagster as dg

from pipelines.extracts.contract import CADENCES, GRACE_DAYS, Contract


def extract_freshness(contract: Contract) -> dg.FreshnessPolicy | None:
    """Late once the promised time between two deliveries is over and the grace with it; None when nothing is promised.

    A warning is shown from the promised time on.
    """
    return None if contract.cadence is None else _policy(contract.cadence)


def landing_freshness(feeders: Sequence[Contract]) -> dg.FreshnessPolicy | None:
    """The policy of a landing table: that of the slowest source that may feed it, so that no quick one is demanded.

    None when a source of it promises nothing.
    """
    cadences = [contract.cadence for contract in feeders]
    if not cadences or None in cadences:
        return None
    return _policy(max((cadence for cadence in cadences if cadence), key=CADENCES.__getitem__))


def _policy(cadence: str) -> dg.FreshnessPolicy:
    promised = timedelta(days=CADENCES[cadence])
    # Half a day: an export of every morning does not come at the same minute.
    warn = promised + timedelta(hours=12)
    return dg.FreshnessPolicy.time_window(fail_window=promised + timedelta(days=GRACE_DAYS[cadence]), warn_window=warn)
