"""What a person at a terminal reads while a run goes on: a line a stage, errors in full, and no machinery."""

from __future__ import annotations

import logging
import sys
from typing import Any

import dagster as dg

FAILURE_EVENTS = {"STEP_FAILURE", "RUN_FAILURE", "PIPELINE_FAILURE"}


class _ProgressFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        meta: dict[str, Any] = getattr(record, "dagster_meta", {})
        message = meta.get("orig_message") or record.getMessage()
        mark = {logging.WARNING: "warning: ", logging.ERROR: "error: "}.get(record.levelno, "")
        return f"{self.formatTime(record, '%H:%M:%S')}  {mark}{message}"


def _is_for_people(record: logging.LogRecord) -> bool:
    event = getattr(record, "dagster_meta", {}).get("dagster_event")
    return event is None or event.event_type_value in FAILURE_EVENTS


@dg.logger(description="A line a stage, on standard error.")
def progress_logger(context: dg.InitLoggerContext) -> logging.Logger:
    """Dagster's console logger, reduced to what the stages say themselves and to failures."""
    logger = logging.Logger("symmetry", level=logging.INFO)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_ProgressFormatter())
    handler.addFilter(_is_for_people)
    logger.addHandler(handler)
    return logger
