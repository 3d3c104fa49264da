"""What a person at a terminal reads while a run goes on: a line a stage, failures in full, and no machinery."""

import logging
import sys
from typing import Any

import dagster as dg

_FOR_PEOPLE = {"for_people": True}


def say(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext, message: str) -> None:
    """Log a line of progress: in the UI like any other, on a terminal one of the few that are shown."""
    context.log.info(message, extra=_FOR_PEOPLE)


def failure_text(event: Any) -> str | None:
    """The innermost cause of a failed step, as its author worded it; None for every other event."""
    if event is None or event.event_type_value != "STEP_FAILURE":
        return None
    data = event.step_failure_data
    if data.user_failure_data is not None and data.user_failure_data.description:
        return str(data.user_failure_data.description)
    error = data.error
    if error is not None and error.cls_name == "DagsterAssetCheckFailedError":
        return f"{event.step_key} is closed: nothing after it runs, and the last publication stays as it is"
    while error is not None and error.cause is not None:
        error = error.cause
    return f"step {event.step_key} failed: {error.message.strip() if error else 'no reason was given'}"


class _ProgressFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        meta: dict[str, Any] = getattr(record, "dagster_meta", {})
        message = failure_text(meta.get("dagster_event")) or meta.get("orig_message") or record.getMessage()
        mark = {logging.WARNING: "warning: ", logging.ERROR: "error: "}.get(record.levelno, "")
        return f"{self.formatTime(record, '%H:%M:%S')}  {mark}{message}"


def _is_shown(record: logging.LogRecord) -> bool:
    """Progress lines, warnings and errors of the stages, and failed steps.

    Steps that never ran because an earlier one failed say nothing new, so what Dagster itself logs of them is left out.
    """
    meta: dict[str, Any] = getattr(record, "dagster_meta", {})
    if meta.get("dagster_event") is not None:
        return failure_text(meta["dagster_event"]) is not None
    if str(meta.get("orig_message", "")).startswith("Dependencies for step"):
        return False
    return getattr(record, "for_people", False) or record.levelno >= logging.WARNING


@dg.logger(None, "A line a stage, on standard error.")
def progress_logger(context: dg.InitLoggerContext) -> logging.Logger:
    """Dagster's console logger, reduced to what the stages say themselves and to failures."""
    logger = logging.Logger("symmetry", level=logging.INFO)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_ProgressFormatter())
    handler.addFilter(_is_shown)
    logger.addHandler(handler)
    return logger
