"""What is written from a publication once it is in force: the reports, and the files and reports of the audiences."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pipelines.publication.audiences import Audiences, mark_written, remove_others, write_audiences
from pipelines.settings import Settings

LANGUAGES: tuple[Literal["en", "fr"], ...] = ("en", "fr")


def write_reports(settings: Settings, bar: float) -> list[Path]:
    """Write the report on the publication in force in each language; return the HTML files.

    bar: the score (0-100) from which a marker counts as a strength.

    Raises:
        ReportError: the published file has no figures to report on.
    """
    from pipelines.publication.report import write_report

    return [
        write_report(settings.published_path, settings.report_path(language), language=language, period=None, bar=bar)
        for language in LANGUAGES
    ]


def write_audience_pages(settings: Settings, bar: float) -> list[tuple[str, str, str]]:
    """Write the file and the reports of every audience from the publication in force; remove those that are no more.

    Returns: the name, the units at the top and the file of each; none where there is no audiences.yml.

    Raises:
        AudiencesError: audiences.yml is wrong, or does not fit the publication.
    """
    from pipelines.publication.report import write_report

    path, folder, published = settings.audiences_path, settings.audiences_dir, settings.published_path
    rows: list[tuple[str, str, str]] = []
    if path is None:
        remove_others(folder, ())
    else:
        named = Audiences(path)
        files = write_audiences(named, published, folder)
        for audience in named.members:
            file = files[audience.name]
            for language in LANGUAGES:
                write_report(file, file.parent / f"report_{language}.html", language=language, bar=bar)
            rows.append((audience.name, ", ".join(audience.units), str(file)))
    mark_written(path, published, folder)
    return rows
