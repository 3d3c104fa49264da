"""A line of the log as people and as machines read it; how much is logged is a setting (`log_format`, `log_level`).

Belongs here: the form of a line. Which of Dagster's records become one is `pipelines/defs/loggers.py`'s.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def json_line(
    level: str,
    message: str,
    *,
    at: float,
    run: str | None = None,
    step: str | None = None,
    event: str | None = None,
) -> str:
    """Return one JSON object on one line: time, level, run, step, event, message; null where there is none.

    Args:
        level: debug, info, warning, error or critical.
        message: what a person would read.
        at: when, in seconds since 1970; written in UTC, to the millisecond.
        run: Dagster's id of the run.
        step: the step of the run.
        event: Dagster's name of the event (STEP_SUCCESS...), where the line tells of one.
    """
    time = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = {"time": time, "level": level, "run": run, "step": step, "event": event, "message": message}
    return json.dumps(line, ensure_ascii=False)
