"""What a reader of the code looks for: YAML read safely, nothing unpickled, dependencies pinned, hashed, fitting."""

import ast
import re
import subprocess
import sys
from pathlib import Path

from pipelines.settings import PROJECT_DIR

OURS = [
    path for root in ("pipelines", "expectations", "benchmarks") for path in sorted((PROJECT_DIR / root).rglob("*.py"))
]


def calls(path: Path) -> list[str]:
    """Every call of a file, as it is written, without its arguments."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]


def test_yaml_is_read_safely_and_nothing_is_unpickled_or_evaluated() -> None:
    unsafe = re.compile(
        r"^(yaml\.(load|load_all|unsafe_load|full_load|UnsafeLoader)|(pickle|marshal|dill)\.loads?|eval|exec|os\.system)$"
    )
    found = {str(path.relative_to(PROJECT_DIR)): [call for call in calls(path) if unsafe.match(call)] for path in OURS}
    assert {name: made for name, made in found.items() if made} == {}
    assert len(OURS) > 150


def test_no_command_goes_through_a_shell() -> None:
    for path in OURS:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg == "shell":
                assert isinstance(node.value, ast.Constant), path
                assert node.value.value is False, path


def test_every_dependency_is_pinned_and_hashed_and_they_fit_together() -> None:
    lock = (PROJECT_DIR / "requirements.lock").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in lock.splitlines() if line.strip() and not line.startswith("#")]
    assert len(lines) > 100
    for line in lines:
        assert re.match(r"^[A-Za-z0-9._\[\],-]+==\S+", line), line
        assert "--hash=sha256:" in line, line
    assert not re.search(r"https?://|--index-url|--trusted-host", lock)
    done = subprocess.run(
        [sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout
