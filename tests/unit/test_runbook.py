"""Every code and error that the pipeline can give stands in the runbook, and the runbook names none that it cannot."""

import ast
import re
from collections.abc import Iterator

import pytest

from pipelines.extracts.conformer import _PROBLEM
from pipelines.settings import PROJECT_DIR

RUNBOOK = (PROJECT_DIR / "docs" / "operations.md").read_text(encoding="utf-8")

# Errors that no person meets under their own name: each is turned into a refusal with a code of its own.
INTERNAL = {"DeliveryError", "FalseTwinsError", "LineTooLongError", "NotPlainError", "RetryError"}


def _nodes() -> Iterator[ast.AST]:
    for package in ("pipelines", "expectations"):
        for path in sorted((PROJECT_DIR / package).rglob("*.py")):
            yield from ast.walk(ast.parse(path.read_text(encoding="utf-8")))


NODES = list(_nodes())


def _constant(node: ast.expr | None) -> set[str]:
    return {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, str) else set()


def refusals() -> set[str]:
    """The codes of files that are refused: of every DeliveryError and every Refusal that is written out."""
    codes: set[str] = set()
    for call in (node for node in NODES if isinstance(node, ast.Call)):
        name = getattr(call.func, "id", getattr(call.func, "attr", ""))
        if name == "DeliveryError" and call.args:
            codes |= _constant(call.args[0])
        if name == "Refusal":
            codes |= set().union(*(_constant(word.value) for word in call.keywords if word.arg == "reason"))
    return codes


def row_reasons() -> set[str]:
    """The codes of rows in quarantine: the conformer's, and those that readers give to a row they cannot split."""
    codes = set(_PROBLEM)
    for node in NODES:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                index = target.slice if isinstance(target, ast.Subscript) else None
                if (isinstance(target, ast.Name) and target.id == "reason") or _constant(index) == {"reason"}:
                    codes |= _constant(node.value)
    return codes


def errors() -> set[str]:
    """The public classes of errors."""
    names = {node.name for node in NODES if isinstance(node, ast.ClassDef)}
    return {name for name in names if name.endswith("Error") and not name.startswith("_")} - INTERNAL


def _told(heading: str) -> set[str]:
    """The codes in the first column of the table below a heading, without sentences."""
    section = RUNBOOK.split(f"### {heading}\n", 1)[1].split("\n### ", 1)[0]
    first = re.findall(r"^\| `([^`]+)` \|(?:[^|]+\|){3}$", section, flags=re.MULTILINE)
    return {code for code in first if " " not in code}


@pytest.mark.parametrize(
    ("heading", "codes"),
    [
        ("A file was refused", refusals()),
        ("Rows are in quarantine", row_reasons()),
        ("A command or a step stops with an error", errors()),
    ],
)
def test_each_code_has_its_row_with_cause_remedy_and_whom_to_ask(heading: str, codes: set[str]) -> None:
    assert len(codes) > 10
    assert _told(heading) == codes


def test_what_the_runbook_quotes_of_failed_runs_is_what_the_code_says() -> None:
    """Sentences of the pipeline itself; Dagster's and the system's own are not ours to hold."""
    source = "\n".join(
        path.read_text(encoding="utf-8")
        for package in ("pipelines", "expectations")
        for path in (PROJECT_DIR / package).rglob("*.py")
    )
    for said in (
        "Nothing has landed from",
        "could not check that",
        "dbt could not build",
        "dbt cannot parse",
        "The process of this run is gone",
        "The process of this run ended without a word",
        "A setting is wrong",
    ):
        assert said in source, said
        assert f"| `{said}`" in RUNBOOK, said


def test_links_to_sections_of_the_runbook_lead_somewhere() -> None:
    anchors = {
        re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", RUNBOOK, flags=re.MULTILINE)
    }
    linked = set(re.findall(r"\]\(#([^)]+)\)", RUNBOOK))
    assert linked
    assert linked <= anchors
    for path in re.findall(r"\]\(([^)#:]+)\)", RUNBOOK):
        assert (PROJECT_DIR / "docs" / path).exists(), path
