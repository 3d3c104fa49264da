"""Definitions: the shipped ones hold together, and each way of breaking them is refused with file and line."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from pipelines.company_definitions import DefinitionsError, definitions_fingerprint, load_definitions
from pipelines.settings import SHIPPED_DEFINITIONS_DIR
from pipelines.statistics.actions import Parameters as ActionParameters
from pipelines.statistics.drivers import Parameters as DriverParameters
from pipelines.statistics.irritant_map import IrritantParameters
from pipelines.statistics.links import Parameters as LinkParameters
from pipelines.statistics.parameters import optional_parameters
from pipelines.statistics.robustness import RobustnessParameters
from pipelines.statistics.ruptures import RuptureParameters
from pipelines.statistics.swot import SwotParameters

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


def write_parameters(folder: Path, **values: str) -> dict[str, int]:
    """Add lines to parameters.csv; return the number of each."""
    path = folder / "parameters.csv"
    text = path.read_text(encoding="utf-8") + "".join(f"{name},{value}\n" for name, value in values.items())
    path.write_text(text, encoding="utf-8")
    return {name: line_of(path, f"{name},") for name in values}


def test_what_is_left_unsaid_has_the_default_of_the_statistics(folder: Path) -> None:
    parameters = load_definitions(folder).parameters
    assert parameters["rupture_q"] == RuptureParameters.q
    assert parameters["trend_p"] == SwotParameters.trend_p == IrritantParameters.trend_p
    assert parameters["robustness_draws"] == RobustnessParameters.robustness_draws
    assert parameters["link_longest_lag"] == LinkParameters.longest_lag
    assert parameters["driver_presence"] == DriverParameters.presence
    assert parameters["action_neighbours"] == ActionParameters.neighbours


def test_every_parameter_of_the_statistics_may_be_written(folder: Path) -> None:
    optional = optional_parameters()
    write_parameters(folder, **{name: f"{value:.10g}" for name, value in optional.items()})
    assert load_definitions(folder).parameters.items() >= optional.items()


def test_what_is_written_reaches_the_statistics(folder: Path) -> None:
    write_parameters(
        folder, trend_p="0.2", trend_months="3", trend_least_months="2", rupture_q="0.1", link_longest_lag="0"
    )
    parameters = load_definitions(folder).parameters
    frame = pl.DataFrame({"name": list(parameters), "value": list(parameters.values())})
    assert SwotParameters.from_frame(frame) == SwotParameters(60.0, 3, 2, 0.2)
    assert RuptureParameters.from_frame(frame) == RuptureParameters(10.0, 0.1)
    assert LinkParameters.from_frame(frame).longest_lag == 0


def test_every_refused_parameter_of_the_statistics_is_named_with_its_line(folder: Path) -> None:
    wrong = {
        "rupture_q": "1",
        "trend_p": "1.5",
        "trend_months": "6.5",
        "trend_least_months": "7",
        "trend_least_events": "0",
        "robustness_draws": "50",
        "link_fewest_units": "2",
        "driver_presence": "0",
        "driver_rows_per_indicator": "0",
        "driver_seed": "-1",
        "action_neighbours": "0",
        "action_smallest_useful_effect": "-5",
    }
    lines = write_parameters(folder, **wrong)
    message = refused(folder)
    for name, line in lines.items():
        assert f"parameters.csv:{line}: {name} is " in message
    assert message.count("parameters.csv:") == len(wrong)
    assert "trend_months is 6.5; it must be a whole number" in message


def test_an_unknown_parameter_is_refused_with_those_that_are_known(folder: Path) -> None:
    line = write_parameters(folder, trend_q="0.1")["trend_q"]
    message = refused(folder)
    assert f"parameters.csv:{line}: 'trend_q' is no parameter; known are bar, delta," in message
    assert "trend_p, " in message


def test_the_table_of_optional_parameters_in_the_docs_is_that_of_the_code() -> None:
    text = (Path(__file__).parents[2] / "docs" / "definitions.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([\d.]+) \|", text, flags=re.MULTILINE)
    assert {name: float(value) for name, value in rows} == optional_parameters()
