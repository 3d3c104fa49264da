"""Data Docs: what a gate found as Great Expectations' own HTML pages, one a suite and an index, kept for a while.

A page loads nothing from elsewhere: the styles and scripts that Great Expectations takes from public servers are left
out, since looking at a page about a company's people must not tell anybody else. A page holds the rule, the figures
and the examples by key that the gate's message holds, and no value of a row.
"""

from __future__ import annotations

import html
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from expectations.gate import GateResult

INDEX = "index.html"
_STAMP = "%Y%m%dT%H%M%SZ"
_ELSEWHERE = re.compile(r"<(?:link|script)\b[^>]*https?://[^>]*>(?:\s*</script>)?", re.IGNORECASE)
_ADVERTISED = re.compile(r"<img\b[^>]*https?://[^>]*>|<footer\b.*?</footer>", re.IGNORECASE | re.DOTALL)
_BODY = re.compile(r"<body\b[^>]*>", re.IGNORECASE)
_ADDRESS = re.compile(r"https?://[^\s'\")<>]+")
_STYLE = (
    "<style>body{font:15px/1.45 system-ui,sans-serif;margin:1.5rem auto;max-width:75rem;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;width:100%;margin:.5rem 0}td,th{border:1px solid #ccc;padding:.35rem .5rem;"
    "text-align:left;vertical-align:top}nav,.navbar,.modal,.btn,.ge-index-page-site-name-title img{display:none}"
    ".fa-check-circle:before,.text-success:before{content:'✓ ';color:#187}.fa-times:before,.text-danger:before"
    "{content:'✗ ';color:#b22}.closed{color:#b22}ul{padding-left:1.2rem}</style>"
)
_KEPT = ("element_count", "unexpected_count", "unexpected_percent", "missing_count", "missing_percent")


@dataclass(frozen=True)
class Validation:
    """One suite's result as Great Expectations gives it, with what the gate says of each of its expectations."""

    suite: str
    result: Any
    messages: Sequence[str]


def write_data_docs(result: GateResult, root: Path, at: datetime) -> Path:
    """Write the pages of a gate below ``root/<time>-<gate>``; return the index.

    Args:
        result: what the gate found.
        root: the folder of all Data Docs (mode 0700).
        at: aware, UTC: when the gate ran.

    Raises:
        OSError: the folder cannot be written.
    """
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = root / f"{at:{_STAMP}}-{result.gate}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    renderer, view = ValidationResultsPageRenderer(), DefaultJinjaPageView()
    for validation in result.validations:
        page = view.render(renderer.render(_without_values(validation)))
        said = "".join(f"<li>{html.escape(message)}</li>" for message in validation.messages)
        start = _BODY.search(page)
        at_body = start.end() if start else 0
        page = f'{page[:at_body]}<p><a href="{INDEX}">All tables</a></p><ul>{said}</ul>{page[at_body:]}'
        _write(folder / f"{validation.suite}.html", _from_here_alone(page))
    _write(folder / INDEX, _index(result, at))
    return folder / INDEX


def expire(root: Path, days: int, now: datetime) -> int:
    """Remove the pages of gates that ran more than so many days ago; return how many there were."""
    gone = 0
    for folder in root.iterdir() if root.is_dir() else ():
        stamp = folder.name.split("-")[0]
        if datetime.strptime(f"{stamp}+0000", f"{_STAMP}%z") < now - timedelta(days=days):
            shutil.rmtree(folder)
            gone += 1
    return gone


def _without_values(validation: Validation) -> Any:
    """A copy that holds counts and no value of a row."""
    from great_expectations.core import ExpectationSuiteValidationResult

    singles = []
    for single in validation.result.results:
        copied = type(single)(
            success=single.success,
            expectation_config=single.expectation_config,
            result={name: value for name, value in (single.result or {}).items() if name in _KEPT},
            meta=single.meta,
            exception_info=single.exception_info,
        )
        singles.append(copied)
    return ExpectationSuiteValidationResult(
        success=validation.result.success,
        results=singles,
        suite_name=validation.suite,
        statistics=validation.result.statistics,
        meta=validation.result.meta,
    )


def _from_here_alone(page: str) -> str:
    page = _ADDRESS.sub("", _ADVERTISED.sub("", _ELSEWHERE.sub("", page)))
    return page.replace("</head>", f"{_STYLE}</head>", 1)


def _index(result: GateResult, at: datetime) -> str:
    tables: dict[str, str] = {outcome.suite: outcome.table for outcome in result.outcomes}
    rows = []
    for validation in result.validations:
        own = [outcome for outcome in result.outcomes if outcome.suite == validation.suite]
        failed = [outcome for outcome in own if not outcome.success]
        errors = sum(outcome.severity == "error" for outcome in failed)
        verdict = f"{errors} error(s), {len(failed) - errors} warning(s)" if failed else "holds"
        rows.append(
            f'<tr><td><a href="{html.escape(validation.suite)}.html">{html.escape(tables[validation.suite])}</a></td>'
            f"<td>{len(own)}</td><td{' class=closed' if errors else ''}>{verdict}</td></tr>"
        )
    found = "".join(f"<li>{html.escape(outcome.message)}</li>" for outcome in (*result.failures, *result.warnings))
    verdict = "open" if result.success else "closed"
    return (
        f"<!DOCTYPE html><html lang=en><head><meta charset=utf-8><title>{result.gate} gate</title></head><body>"
        f"<h1>The {result.gate} gate is {verdict}</h1><p>{at:%Y-%m-%d %H:%M} UTC, "
        f"{len(result.outcomes)} expectations in {result.seconds:.1f} s</p>"
        f"<table><tr><th>table</th><th>expectations</th><th>found</th></tr>{''.join(rows)}</table>"
        f"<ul>{found}</ul></body></html>"
    ).replace("</head>", f"{_STYLE}</head>", 1)


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
