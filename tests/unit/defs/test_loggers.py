"""What a run writes to standard error, in both forms and at each level, on a job of two steps of which one may fail."""

import io
import json
import logging
from datetime import datetime

import dagster as dg
import pytest

from pipelines.defs.jobs import scorecard_job
from pipelines.defs.loggers import build_logger, say, unhandled


@pytest.fixture(scope="module")
def job() -> dg.JobDefinition:
    @dg.asset
    def first(context: dg.AssetExecutionContext) -> None:
        say(context, "Landing")
        context.log.info("a detail of nobody's concern")
        context.log.warning("one file is refused\nits header ends early")

    @dg.asset(deps=[first])
    def second() -> None:
        try:
            raise ValueError("anna@post.example is no number")
        except ValueError as error:
            raise dg.Failure("the second step cannot go on; correct it and run again") from error

    @dg.asset(deps=[second])
    def third() -> None:
        """Never reached."""

    assets = [first, second, third]
    defs = dg.Definitions(assets, jobs=[dg.define_asset_job("two_steps", executor_def=dg.in_process_executor)])
    return defs.resolve_job_def("two_steps")


def written(job: dg.JobDefinition, log_format: str, log_level: str) -> list[str]:
    stream = io.StringIO()

    @dg.logger
    def console(_: dg.InitLoggerContext) -> logging.Logger:
        return build_logger(log_format, log_level, stream)

    bound = dg.JobDefinition(
        name=job.name,
        graph_def=job.graph,
        resource_defs=job.resource_defs,
        asset_layer=job.asset_layer,
        logger_defs={"console": console},
        executor_def=dg.in_process_executor,
    )
    with dg.DagsterInstance.ephemeral() as instance:
        bound.execute_in_process(instance=instance, raise_on_error=False, run_config={"loggers": {"console": {}}})
    return stream.getvalue().splitlines()


def test_people_read_a_line_a_stage_and_the_failure(job: dg.JobDefinition) -> None:
    lines = [line[8:] for line in written(job, "text", "info")]
    assert lines == [
        "  Landing",
        "  warning: one file is refused",
        "er ends early",
        "  error: the second step cannot go on; correct it and run again",
    ]


@pytest.mark.parametrize(("level", "said"), [("warning", ["one file is refused", "", "error"]), ("error", ["error"])])
def test_a_higher_level_says_less(job: dg.JobDefinition, level: str, said: list[str]) -> None:
    lines = written(job, "text", level)
    assert len(lines) == len(said)
    assert "Landing" not in "\n".join(lines)
    assert "error: the second step cannot go on" in lines[-1]


def test_machines_read_one_object_a_line(job: dg.JobDefinition) -> None:
    lines = [json.loads(line) for line in written(job, "json", "info")]
    assert [(line["level"], line["step"], line["event"], line["message"]) for line in lines[1:-1]] == [
        ("info", "first", None, "Landing"),
        ("warning", "first", None, "one file is refused\nits header ends early"),
        ("error", "second", "STEP_FAILURE", "the second step cannot go on; correct it and run again"),
    ]
    assert [(line["level"], line["event"]) for line in (lines[0], lines[-1])] == [
        ("info", "PIPELINE_START"),
        ("error", "PIPELINE_FAILURE"),
    ]
    assert len({line["run"] for line in lines}) == 1
    assert all(list(line) == ["time", "level", "run", "step", "event", "message"] for line in lines)
    assert all(datetime.fromisoformat(line["time"]).utcoffset() is not None for line in lines)


def test_debug_says_every_event_and_still_no_data_of_a_persons(job: dg.JobDefinition) -> None:
    """The value that the step failed on is in Dagster's traceback, and the traceback is not logged."""
    lines = written(job, "json", "debug")
    events = {json.loads(line)["event"] for line in lines}
    assert {"STEP_START", "STEP_SUCCESS", "ASSET_MATERIALIZATION"} <= events
    assert any("a detail of nobody's concern" in line for line in lines)
    assert not any("post.example" in line for line in lines)


def test_what_a_library_logs_is_an_object_too(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(logging, "lastResort", unhandled(stream))
    bare = logging.Logger("somebody's library")
    bare.info("a detail")
    bare.warning("a check %s emitted no result", "x")
    [line] = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert (line["level"], line["message"], line["run"]) == ("warning", "a check x emitted no result", None)


def test_runs_that_the_ui_starts_have_our_logger() -> None:
    assert scorecard_job.config == {"loggers": {"console": {}}}
