"""The `symmetry` command. Each command is a few lines that call what the UI calls.

Exit codes: 0 done; 1 the run failed, nothing published; 2 the command or a setting is wrong;
3 published, but some files in the inbox were refused and wait there. `symmetry status` has
a monitor's codes instead (pipelines/commands/status.py).
"""

from __future__ import annotations

import atexit
import contextlib
import io
import os
import sys
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from pipelines.commands import config, deliveries, forget, init, key, publications, quarantine, sources, status
from pipelines.commands.terminal import (
    FILES_REFUSED,
    RUN_FAILED,
    WRONG_USE,
    DataOption,
    InboxOption,
    arguments,
    chosen_workspace,
    err,
    load_settings,
    out,
    read_settings,
    stop,
    tables,
    tell,
)
from pipelines.settings import PROJECT_DIR, Settings, SettingsError
from pipelines.simulation.systems import Crm, Helpdesk, Hr, SurveyTool

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="One scorecard of client and collaborator metrics per unit and month.",
)
app.add_typer(deliveries.app, name="deliveries")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(key.app, name="key")
app.add_typer(sources.app, name="sources")
app.command()(config.config)
app.command()(init.init)
app.command()(publications.publications)
app.command()(publications.rollback)
app.command()(forget.forget)
app.command(cls=status.MonitorCommand)(status.status)

DefinitionsOption = Annotated[Path | None, typer.Option(help="Folder of definitions (CSV seeds).")]


class Language(StrEnum):
    """The languages of labels and report."""

    en = "en"
    fr = "fr"


@app.callback()
def symmetry(
    workspace: Annotated[
        Path | None, typer.Option(help="A company's workspace. Default: here, or the nearest folder above that is one.")
    ] = None,
) -> None:
    """Say which workspace every command below works in."""
    chosen_workspace.set(workspace)


@app.command()
def run(
    context: typer.Context,
    inbox: InboxOption = None,
    definitions: DefinitionsOption = None,
    data: DataOption = None,
    force: Annotated[bool, typer.Option(help="Compute and publish even when nothing is new.")] = False,
    rebuild: Annotated[
        bool, typer.Option(help="Make the warehouse anew from the landing, and publish; implies --force.")
    ] = False,
    months: Annotated[
        str | None, typer.Option(help="Compute these again: 2025-01, or 2025-01..2025-06 with both ends in it.")
    ] = None,
) -> None:
    """Run the scorecard job: extracts, landing, gate, models, statistics, gate, publication."""
    settings = load_settings(inbox=inbox, definitions=definitions, data_dir=data)
    context.with_resource(status.watched(settings))
    from pipelines.company_definitions import load_definitions
    from pipelines.publication.audiences import Audiences
    from pipelines.publication.history import gone_back_from
    from pipelines.publication.inputs import nothing_new
    from pipelines.publication.lock import hold_warehouse
    from pipelines.publication.months import MonthsError
    from pipelines.publication.publish import last_publication

    if months is not None:
        try:
            # What waits in the inbox may widen the record: then it is told after landing.
            _ask(settings, months, landed=not any(settings.inbox_dir.glob("*")))
        except MonthsError as error:
            stop(str(error), WRONG_USE)
    if settings.definitions is not None:
        load_definitions(settings.definitions)
    if settings.audiences_path is not None:
        Audiences(settings.audiences_path)
    key.settle_rotation(settings)
    force = force or rebuild
    if not force and months is None and nothing_new(settings):
        out.print(f"Nothing new since the last publication; {settings.published_path} stands as it is.")
        later = gone_back_from(settings.published_path)
        if later is not None:
            out.print(f"Somebody has gone back from {later.publication_id}: `symmetry run --force` publishes anew.")
        _finish(settings)
        return
    hold_warehouse(settings.warehouse_path.parent)
    if rebuild:
        for path in settings.warehouse_path.parent.glob(f"{settings.warehouse_path.name}*"):
            path.unlink()
        out.print("The warehouse is removed and made anew from the landing.")
    before = last_publication(settings.published_path)
    if not _execute(settings, force, months):
        if months is not None:
            try:
                _ask(settings, months, landed=True)
            except MonthsError as error:
                stop(f"{error}; {_what_stands(settings, before)}", WRONG_USE)
        stop(
            f"The run failed; {_what_stands(settings, before)}. The lines above say why; "
            "`symmetry ui` shows the run step by step. Correct the cause and run again.",
            RUN_FAILED,
        )
    from pipelines.publication.summary import print_summary

    print_summary(settings.published_path, tables)
    out.print(f"Published: {settings.published_path} (Parquet beside it in {settings.published_dir / 'parquet'})")
    out.print(f"Report:    {settings.report_path('en')} (French: {settings.report_path('fr').name})")
    if settings.audiences_path is not None:
        out.print(
            f"Audiences: a file and reports for each of {settings.audiences_path}, below {settings.audiences_dir}"
        )
    ui = "symmetry ui" if settings.workspace else "make ui"
    out.print(f"Next:      `{ui}` opens the Dagster UI on http://127.0.0.1:3000")
    _finish(settings)


def _ask(settings: Settings, months: str, *, landed: bool) -> None:
    """Raise MonthsError for months that are no months or, once all has `landed`, outside the record."""
    from pipelines.extracts.deliveries import live_receipts
    from pipelines.publication.months import parse_months, record_months, within_record

    asked = parse_months(months)
    if landed:
        within_record(asked, record_months(live_receipts(settings.landing_dir)))


def _execute(settings: Settings, force: bool, months: str | None) -> bool:
    """Execute the job in this process, against the same instance that the UI shows."""
    tell("info", "Loading Dagster and the dbt project (a few seconds)")
    import dagster as dg

    from pipelines.definitions import defs
    from pipelines.defs.jobs import SCORECARD_JOB
    from pipelines.event_log import run_instance
    from pipelines.publication.lock import COMPANY_TAG

    job = defs.resolve_job_def(SCORECARD_JOB)
    run_config = {"ops": {"landing": {"config": {"force": force, "months": months}}}, "loggers": {"console": {}}}
    tags = {COMPANY_TAG: str(settings.company_dir)}
    with run_instance() as instance, contextlib.redirect_stdout(io.StringIO()):
        _close_abandoned_runs(instance, tags)
        # dbt's own event stream goes to standard output line by line; the progress lines say it for people.
        result = job.execute_in_process(instance=instance, raise_on_error=False, run_config=run_config, tags=tags)
    for check in result.get_asset_check_evaluations():
        if not check.passed and check.severity is dg.AssetCheckSeverity.WARN:
            said = check.metadata.get("dagster_dbt/failed_row_count")
            rows = f" ({said.value} rows)" if said is not None else ""
            warning = f"{check.asset_key.to_user_string()}: {check.check_name}{rows}"
            tell("warning", warning, shown=f"warning: {warning}")
    return result.success


def _close_abandoned_runs(instance: Any, tags: dict[str, str]) -> None:
    """Say of runs that this company's lock proves dead that they failed; Dagster would hold them for running."""
    import dagster as dg

    started = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]
    for record in instance.get_runs(dg.RunsFilter(statuses=started, tags=tags)):
        instance.report_run_failed(record, "The process of this run ended without a word (killed, or out of memory).")


def _what_stands(settings: Settings, before: dict[str, Any] | None) -> str:
    from pipelines.publication.publish import last_publication

    after = last_publication(settings.published_path)
    if after == before:
        return "the last publication is untouched" if before else "nothing is published"
    return "the scorecard was published before it did, and the report was not"


def _finish(settings: Settings) -> None:
    from pipelines.extracts.deliveries import read_refusals

    waiting = read_refusals(settings.landing_dir, settings.inbox_dir)
    if not waiting:
        return
    tell("warning", f"{len(waiting)} file(s) in {settings.inbox_dir} are refused and wait there:")
    for refusal in waiting:
        tell("warning", f"{refusal.file} is refused: {refusal.message}", shown=f"  {refusal.file}: {refusal.message}")
    raise typer.Exit(FILES_REFUSED)


@app.command()
def simulate(
    out_dir: Annotated[Path | None, typer.Option("--out", help="Where to write. Default: the inbox.")] = None,
    seed: Annotated[int, typer.Option(help="Equal seeds write equal files.")] = 20261101,
    if_empty: Annotated[bool, typer.Option("--if-empty", help="Write only when the folder holds no file.")] = False,
    crm: Annotated[Crm, typer.Option(help="System that client cases come from.")] = Crm.salesforce,
    hr: Annotated[Hr, typer.Option(help="System that employees, absences and training come from.")] = Hr.french_hr,
    helpdesk: Annotated[Helpdesk, typer.Option(help="System of internal requests.")] = Helpdesk.helpdesk,
    survey: Annotated[SurveyTool, typer.Option(help="System that answers come from.")] = SurveyTool.qualtrics,
    data: DataOption = None,
) -> None:
    """Write the example company's extracts, as its systems would export them."""
    settings = load_settings(data_dir=data)
    target = (out_dir or settings.inbox_dir).resolve()
    if if_empty and _has_extracts(settings, target):
        out.print(f"{target} holds extracts already, or had them; nothing is written.")
        return
    from pipelines.simulation.company import simulate as write_company

    err.print("Writing the example company's extracts (a few seconds)")
    systems: dict[str, Any] = {"crm": crm, "hr": hr, "helpdesk": helpdesk, "survey": survey}
    summary = write_company(target, settings.truth_path, seed=seed, **systems)
    for file in summary.files:
        out.print(f"  {file.path.name}: {file.rows:,} rows")
    out.print(f"Written to {target}; what was planted is in {settings.truth_path}, which the pipeline never reads.")


def _has_extracts(settings: Settings, folder: Path) -> bool:
    """Whether a folder holds files or, as the inbox, has given files that have landed."""
    from pipelines.extracts.deliveries import live_receipts

    if folder.is_dir() and any(path for path in folder.iterdir() if not path.name.startswith(".")):
        return True
    return folder == settings.inbox_dir and bool(live_receipts(settings.landing_dir))


@app.command()
def report(
    lang: Annotated[Language, typer.Option(help="Language of the page.")] = Language.en,
    period: Annotated[datetime | None, typer.Option(formats=["%Y-%m"], help="Month; default: the last one.")] = None,
    out_file: Annotated[Path | None, typer.Option("--out", help="The HTML file to write.")] = None,
    inbox: InboxOption = None,
    data: DataOption = None,
) -> None:
    """Write the first page to look at: one HTML file that needs no network."""
    settings = load_settings(inbox=inbox, data_dir=data)
    if not settings.published_path.is_file():
        stop(f"{settings.published_path} is not there yet; run `symmetry run` first.", WRONG_USE)
    from pipelines.publication.inputs import settled_definitions
    from pipelines.publication.report import write_report

    month: date | None = period.date() if period else None
    target = out_file or settings.report_path(lang.value)
    bar = settled_definitions(settings).parameters["bar"]
    path = write_report(settings.published_path, target, language=lang.value, period=month, bar=bar)
    out.print(f"Report: {path}")


@app.command()
def withdraw(
    delivery: Annotated[str, typer.Argument(help="The delivery's id, as a message or the receipt gives it.")],
    inbox: InboxOption = None,
    data: DataOption = None,
) -> None:
    """Take a delivery back: its rows count no more. A file of it in the inbox must go too, or it lands again."""
    settings = load_settings(inbox=inbox, data_dir=data)
    from pipelines.extracts.deliveries import withdraw as take_back
    from pipelines.publication.lock import hold_warehouse

    hold_warehouse(settings.warehouse_path.parent)
    file = take_back(settings.landing_dir, delivery)
    # Its rows in quarantine, whole, are of no use any more; the original stays in the archive for its time.
    (settings.quarantine_dir / f"{delivery}.parquet").unlink(missing_ok=True)
    out.print(f"Delivery {delivery} ({file}) is withdrawn; the next run computes without it.")
    left = settings.inbox_dir / file.split("/")[0]
    if left.exists():
        out.print(f"{left} is still there: correct it or take it out, or it lands again.")


@app.command()
def show(inbox: InboxOption = None, data: DataOption = None) -> None:
    """Print the short table of the published scorecard."""
    settings = load_settings(inbox=inbox, data_dir=data)
    if not settings.published_path.is_file():
        stop(f"{settings.published_path} is not there yet; run `symmetry run` first.", WRONG_USE)
    from pipelines.publication.summary import print_summary

    print_summary(settings.published_path, tables)


@app.command()
def ui(
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 3000,
    inbox: InboxOption = None,
    data: DataOption = None,
) -> None:
    """Open the Dagster UI on this machine, with the runs that `symmetry run` has made."""
    settings = read_settings(inbox=inbox, data_dir=data)
    settings.make_folders()
    # Only what the command line gives: what stands in the files counts from the next run on, without a restart.
    settings.export_to_processes(arguments(inbox=inbox, data_dir=data))
    out.print(f"Dagster UI: http://127.0.0.1:{port} (stop with Ctrl-C)")
    dagster = str(Path(sys.executable).with_name("dagster"))
    workspace = str(PROJECT_DIR / "workspace.yaml")
    logs = ["--log-format", "json" if settings.log_format == "json" else "colored", "--log-level", settings.log_level]
    os.execv(dagster, [dagster, "dev", "-w", workspace, "-h", "127.0.0.1", "-p", str(port), *logs])


def _said_to_people() -> tuple[type[Exception], ...]:
    """The errors whose text is a sentence with a remedy; any other is a fault of ours and shows where it arose."""
    from pipelines.company_definitions import DefinitionsError
    from pipelines.extracts.contract import ContractError
    from pipelines.extracts.deliveries import DamagedReceiptError, DeliveryUnknownError
    from pipelines.extracts.pseudonyms import PseudonymKeyError
    from pipelines.extracts.quarantine import QuarantineError
    from pipelines.publication.audiences import AudiencesError
    from pipelines.publication.history import PublicationUnknownError
    from pipelines.publication.inputs import ConflictingDefinitionsError
    from pipelines.publication.lock import WarehouseBusyError
    from pipelines.publication.publish import PublishedFileError
    from pipelines.publication.report import ReportError

    return (
        OSError,
        SettingsError,
        ContractError,
        DefinitionsError,
        DeliveryUnknownError,
        DamagedReceiptError,
        PseudonymKeyError,
        QuarantineError,
        ConflictingDefinitionsError,
        WarehouseBusyError,
        PublishedFileError,
        PublicationUnknownError,
        ReportError,
        AudiencesError,
    )


def main() -> NoReturn:
    """The entry point of the `symmetry` command.

    Great Expectations keeps objects of DuckDB alive until the interpreter is gone, and DuckDB's binding then prints
    a page about leaks that frightens and means nothing. So the exit handlers run here, and the process ends at once.
    """
    code: int | str | None = 0
    try:
        app()
    except SystemExit as stopped:
        code = stopped.code
    except Exception as error:
        if not isinstance(error, _said_to_people()):
            raise
        tell("error", str(error))
        code = WRONG_USE
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


if __name__ == "__main__":
    main()
