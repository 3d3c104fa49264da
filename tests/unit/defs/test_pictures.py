"""Tables and plots are well-formed text, with gaps where nothing is published."""

import base64
import re
from xml.etree import ElementTree

import pytest

from pipelines.defs.pictures import counts_table, line_plot, markdown_table


def _svg(markdown: str) -> ElementTree.Element:
    match = re.fullmatch(r"!\[.*\]\(data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)\)", markdown)
    assert match is not None
    return ElementTree.fromstring(base64.b64decode(match[1]))


def test_a_line_has_a_gap_where_there_is_no_figure() -> None:
    svg = _svg(line_plot(["2025-01", "2025-02", "2025-03", "2025-04"], {"index": [40.0, 42.0, None, 45.0]}))
    line = svg.findall("{*}path")[-1].attrib["d"]
    assert re.findall("[ML]", line) == ["M", "L", "M"]
    assert len(svg.findall("{*}circle")) == 3
    assert [text.text for text in svg.findall("{*}text")][-3:] == ["index", "2025-01", "2025-04"]


def test_higher_values_stand_higher() -> None:
    circles = _svg(line_plot(["a", "b"], {"x": [0.0, 100.0]})).findall("{*}circle")
    assert float(circles[0].attrib["cy"]) > float(circles[1].attrib["cy"])


def test_names_are_escaped_and_one_month_is_enough() -> None:
    assert _svg(line_plot(["<b>"], {"a & b": [1.0]})) is not None
    assert line_plot([], {}) == "no month yet"


def test_a_line_of_another_length_is_an_error() -> None:
    with pytest.raises(ValueError, match="one value a label"):
        line_plot(["a", "b"], {"x": [1.0]})


def test_tables() -> None:
    assert markdown_table(("a", "b"), [(1, None), ("x|y", "z")]) == "| a | b |\n|---|---|\n| 1 | – |\n| x\\|y | z |"
    assert markdown_table(("a",), []) == "none"
    assert counts_table("why", {"few": 1, "many": 9}).splitlines()[2:] == ["| many | 9 |", "| few | 1 |"]
