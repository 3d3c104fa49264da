"""The daemon's two occasions to tell what is wrong: as soon as a run has failed, and every few minutes.

`symmetry run` tells by itself when it ends, so that cron without a daemon does too; the ledger keeps all of them to
one alert a problem.
"""

from datetime import UTC, datetime

import dagster as dg

from pipelines.operations.alerts import tell
from pipelines.operations.channels import channels
from pipelines.settings import Settings

_STATUS = dg.DefaultSensorStatus.RUNNING if Settings().automation else dg.DefaultSensorStatus.STOPPED
NO_CHANNEL = "No channel is set; the settings alerts_email_to and webhook_url set them."


@dg.run_failure_sensor(
    name="alert_on_failure",
    description="Tells by e-mail and webhook, where set, that a run has failed: once, not at each retry.",
    default_status=_STATUS,
)
def alert_on_failure(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
    """Tell what is wrong now, the failed run foremost."""
    settings = Settings()
    if not channels(settings):
        return dg.SkipReason(NO_CHANNEL)
    for outcome in tell(settings, datetime.now(UTC), context.instance):
        context.log.info(outcome.said)
    return None


@dg.sensor(
    name="alert_on_problems",
    description="Tells by e-mail and webhook, where set, of stale sources, new ruptures, and all that status finds.",
    minimum_interval_seconds=300,
    default_status=_STATUS,
)
def alert_on_problems(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Tell what is new since the last time, and send again what could not be sent."""
    settings = Settings()
    if not channels(settings):
        return dg.SkipReason(NO_CHANNEL)
    outcomes = tell(settings, datetime.now(UTC), context.instance)
    return dg.SkipReason(" ".join(outcome.said for outcome in outcomes) or "Nothing new to tell.")
