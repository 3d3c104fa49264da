"""Audiences: after the publication, a file and a report for each of those who see a part of the company."""

import dagster as dg

from pipelines.defs.loggers import say
from pipelines.defs.pictures import markdown_table
from pipelines.defs.publication import SCORECARD_KEY
from pipelines.defs.resources import POOL, Workspace
from pipelines.defs.retries import trying_again
from pipelines.publication.audiences import AudiencesError
from pipelines.publication.inputs import settled_definitions
from pipelines.publication.pages import write_audience_pages


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
    settings = workspace.settings()
    with trying_again(context):
        try:
            rows = write_audience_pages(settings, settled_definitions(settings).parameters["bar"])
        except AudiencesError as error:
            raise dg.Failure(
                f"{error}\nThe scorecard is published; the audiences' files are those of the publication before. "
                "Correct the file and run again.",
                allow_retries=False,
            ) from error
    if rows:
        say(
            context,
            f"{len(rows)} audience{'s have' if len(rows) != 1 else ' has'} a file below {settings.audiences_dir}",
        )
    return dg.MaterializeResult(
        metadata={
            "audiences": dg.MetadataValue.md(markdown_table(("audience", "units at the top", "file"), rows))
            if rows
            else "none: no audiences.yml",
        }
    )
