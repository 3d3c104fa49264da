"""Definitions: the shipped ones hold together, and each way of breaking them is refused with file and line."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.company_definitions import DefinitionsError, definitions_fingerprint, load_definitions
from pipelines.settings import SHIPPED_DEFINITIONS_DIR

DEFAULT = SHIPPED_DEFINITIONS_DIR / "default"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DEFAULT, tmp_path / "definitions"))


def line_of(path: Path, start: str) -> int:
    lines = path.read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.startswith(start))


def edit(folder: Path, file: str, start: str, change: Callable[[list[str]], list[str]]) -> int:
    """Change the fields of the line that starts with `start`; return its number."""
    path = folder / file
    number = line_of(path, start)
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[number - 1] = ",".join(change(lines[number - 1].split(",")))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return number


def refused(folder: Path) -> str:
    with pytest.raises(DefinitionsError) as caught:
        load_definitions(folder)
    return str(caught.value)


@pytest.mark.parametrize("name", ["default", "nyc_school_survey_2011"])
def test_shipped_definitions_hold_together(name: str) -> None:
    definitions = load_definitions(SHIPPED_DEFINITIONS_DIR / name)
    faces = definitions.mirror_pairs.select("client_indicator_id", "collaborator_indicator_id")
    assert definitions.name == name
    assert set(faces.unpivot()["value"]) <= set(definitions.indicators["indicator_id"])


def test_default_has_the_three_mirrors_of_the_method() -> None:
    pairs = load_definitions(DEFAULT).mirror_pairs
    counts = dict(pairs.group_by("mirror").len().iter_rows())
    assert counts == {"perception": 14, "journey": 7, "conduct": 9}


def test_a_pair_without_a_face(folder: Path) -> None:
    line = edit(folder, "mirror_pairs.csv", "trust,", lambda f: [*f[:3], "collaborator_nothing", *f[4:]])
    assert f"mirror_pairs.csv:{line}: pair trust has no collaborator face: 'collaborator_nothing'" in refused(folder)


def test_a_face_on_the_wrong_side(folder: Path) -> None:
    line = edit(folder, "mirror_pairs.csv", "trust,", lambda f: [*f[:2], f[3], f[3], *f[4:]])
    message = refused(folder)
    assert f"mirror_pairs.csv:{line}: the client face collaborator_trust of trust is a collaborator's" in message


def test_weights_that_do_not_add_up(folder: Path) -> None:
    edit(folder, "weights.csv", "pair,trust,", lambda f: [*f[:2], "0.9"])
    message = refused(folder)
    assert "the weights of the pairs of mirror perception add up to" in message
    assert "weights.csv:" in message


def test_equal_goalposts(folder: Path) -> None:
    line = edit(folder, "goalposts.csv", "client_trust,", lambda f: [f[0], "40", "40"])
    assert f"goalposts.csv:{line}: floor and goal of client_trust are equal (40.0)" in refused(folder)


def test_every_problem_is_listed_at_once(folder: Path) -> None:
    first = edit(folder, "goalposts.csv", "client_trust,", lambda f: [f[0], "40", "40"])
    second = edit(folder, "goalposts.csv", "collaborator_trust,", lambda f: [f[0], "1", "1"])
    message = refused(folder)
    assert f"goalposts.csv:{first}:" in message
    assert f"goalposts.csv:{second}:" in message


def test_a_value_of_the_wrong_type_names_line_column_and_value(folder: Path) -> None:
    line = edit(folder, "windows.csv", "client_trust,", lambda f: [f[0], "7", *f[2:]])
    assert f"windows.csv:{line}: window_months = '7'" in refused(folder)


def test_a_line_twice(folder: Path) -> None:
    path = folder / "goalposts.csv"
    first = line_of(path, "client_trust,")
    path.write_text(path.read_text(encoding="utf-8") + "client_trust,0,100\n", encoding="utf-8")
    assert f"('client_trust',) stands already on line {first}" in refused(folder)


def test_a_missing_file_and_a_wrong_header(folder: Path) -> None:
    (folder / "labels.csv").unlink()
    (folder / "parameters.csv").write_text("parameter,value\nbar,60\n", encoding="utf-8")
    message = refused(folder)
    assert "labels.csv:0: the file is missing; add it with the header object,id,label_en,label_fr" in message
    assert "parameters.csv:1: the header is ['parameter', 'value']; it must be name,value" in message


def test_a_parameter_out_of_range(folder: Path) -> None:
    line = edit(folder, "parameters.csv", "coverage,", lambda f: [f[0], "1.4"])
    assert f"parameters.csv:{line}: coverage = 1.4 must be above 0 and at most 1" in refused(folder)


def test_moments_must_face_each_other(folder: Path) -> None:
    line = edit(folder, "moments_of_truth.csv", "complaint,", lambda f: [*f[:2], "onboarding", *f[3:]])
    assert f"moments_of_truth.csv:{line}: onboarding must face complaint in return" in refused(folder)


def test_fingerprint_follows_the_content(folder: Path) -> None:
    before = definitions_fingerprint(folder)
    assert before == definitions_fingerprint(DEFAULT)
    edit(folder, "goalposts.csv", "client_trust,", lambda f: [f[0], "41", f[2]])
    assert definitions_fingerprint(folder) != before
