"""What a person at a terminal, or a collector of logs, reads while a run goes on: a line a stage, failures in full."""

import logging
import sys
from typing import Any, TextIO

import dagster as dg

from pipelines.logs import LEVELS, json_line
from pipelines.settings import effective_settings

_FOR_PEOPLE = {"for_people": True}
_ENDS_OF_RUNS = {"PIPELINE_START", "PIPELINE_SUCCESS", "PIPELINE_FAILURE", "PIPELINE_CANCELED"}


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


def _message(record: logging.LogRecord) -> str:
    meta: dict[str, Any] = getattr(record, "dagster_meta", {})
    return failure_text(meta.get("dagster_event")) or meta.get("orig_message") or record.getMessage()


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        mark = {logging.WARNING: "warning: ", logging.ERROR: "error: "}.get(record.levelno, "")
        return f"{self.formatTime(record, '%H:%M:%S')}  {mark}{_message(record)}"


class _JsonFormatter(logging.Formatter):
    """Without the traceback: what was being handled when a step failed may hold a person's data."""

    def format(self, record: logging.LogRecord) -> str:
        meta: dict[str, Any] = getattr(record, "dagster_meta", {})
        event = meta.get("dagster_event")
        level = "info" if _tells_of_a_run(record) and record.levelno < logging.INFO else record.levelname.lower()
        return json_line(
            level,
            _message(record),
            at=record.created,
            run=meta.get("run_id"),
            step=meta.get("step_key") or (event.step_key if event is not None else None),
            event=event.event_type_value if event is not None else None,
        )


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


def _is_shown_to_machines(record: logging.LogRecord) -> bool:
    """What people are shown, and the begin and end of each run, which people see otherwise."""
    return _is_shown(record) or _tells_of_a_run(record)


def _tells_of_a_run(record: logging.LogRecord) -> bool:
    event = getattr(record, "dagster_meta", {}).get("dagster_event")
    return event is not None and event.event_type_value in _ENDS_OF_RUNS


def build_logger(log_format: str, log_level: str, stream: TextIO) -> logging.Logger:
    """Return the logger of a run.

    Args:
        log_format: text (a line a stage, for people) or json (one object a line).
        log_level: debug (every event of Dagster), info, warning or error.
        stream: where lines go.
    """
    logger = logging.Logger("symmetry", level=logging.DEBUG)
    handler = logging.StreamHandler(stream)
    as_json = log_format == "json"
    handler.setFormatter(_JsonFormatter() if as_json else _TextFormatter())
    shown = _is_shown_to_machines if as_json else _is_shown
    level = LEVELS[log_level]
    if level > logging.DEBUG:
        # Dagster gives its events the level DEBUG, whatever they tell; the begin and end of a run count as INFO.
        handler.addFilter(lambda record: shown(record) and max(record.levelno, logging.INFO) >= level)
    logger.addHandler(handler)
    return logger


def unhandled(stream: TextIO) -> logging.Handler:
    """Return a handler of last resort (warnings and errors of libraries) that writes one JSON object a line."""
    handler = logging.StreamHandler(stream)
    handler.setLevel(logging.WARNING)
    handler.setFormatter(_JsonFormatter())
    return handler


@dg.logger(None, "A line a stage, or one JSON object, on standard error.")
def progress_logger(context: dg.InitLoggerContext) -> logging.Logger:
    """Dagster's console logger, reduced to what the stages say themselves and to failures; form and level are set."""
    settings = effective_settings()
    if settings.log_format == "json":
        # What a library logs and nobody handles would reach standard error as bare text among the objects.
        logging.lastResort = unhandled(sys.stderr)
    return build_logger(settings.log_format, settings.log_level, sys.stderr)
