"""Audiences: after the publication, a file and a report for each of those who see a part of the company."""

from typing import Literal

import dagster as dg

from pipelines.defs.loggers import say
from pipelines.defs.pictures import markdown_table
from pipelines.defs.publication import SCORECARD_KEY
from pipelines.defs.resources import POOL, Workspace
from pipelines.defs.retries import trying_again
from pipelines.publication.audiences import Audiences, AudiencesError, mark_written, remove_others, write_audiences
from pipelines.publication.inputs import settled_definitions

LANGUAGES: tuple[Literal["en", "fr"], ...] = ("en", "fr")


@dg.asset(
    key=["publication", "audiences"],
    deps=[SCORECARD_KEY],
    group_name="publication",
    owners=["team:data-engineering"],
    kinds={"duckdb", "html"},
    pool=POOL,
)
def audiences(context: dg.AssetExecutionContext, workspace: Workspace) -> dg.MaterializeResult:
    """A published file and reports for each audience of audiences.yml: its subtree, the totals above, nothing else."""
    from pipelines.publication.report import write_report

    settings = workspace.settings()
    path, folder, published = settings.audiences_path, settings.audiences_dir, settings.published_path
    rows: list[tuple[str, str, str]] = []
    with trying_again(context):
        if path is None:
            remove_others(folder, ())
        else:
            try:
                named = Audiences(path)
                files = write_audiences(named, published, folder)
            except AudiencesError as error:
                raise dg.Failure(
                    f"{error}\nThe scorecard is published; the audiences' files are those of the publication before. "
                    "Correct the file and run again.",
                    allow_retries=False,
                ) from error
            bar = settled_definitions(settings).parameters["bar"]
            for audience in named.members:
                file = files[audience.name]
                for language in LANGUAGES:
                    write_report(file, file.parent / f"report_{language}.html", language=language, bar=bar)
                rows.append((audience.name, ", ".join(audience.units), str(file)))
            say(context, f"{len(rows)} audience{'s have' if len(rows) != 1 else ' has'} a file below {folder}")
        mark_written(path, published, folder)
    return dg.MaterializeResult(
        metadata={
            "audiences": dg.MetadataValue.md(markdown_table(("audience", "units at the top", "file"), rows))
            if rows
            else "none: no audiences.yml",
        }
    )
