"""The first page in a real browser: its script runs, a unit can be chosen, the table can be sorted."""

import shutil
import subprocess
from pathlib import Path

import pytest

from pipelines.publication.report import write_report
from tests.unit.publication.test_report import company, make_published

pytestmark = pytest.mark.browser
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

# What a person does, and what the page then shows, told in the title for the test to read.
VISIT = """
<script>
window.onerror = function (message) { document.title = "error: " + message; };
var choose = document.getElementById("choose");
choose.selectedIndex = 1;
choose.dispatchEvent(new Event("change", {bubbles: true}));
var chosen = document.getElementById("readout").textContent.trim();
var table = document.getElementById("units");
var head = table.tHead.rows[0].cells[0];
(head.querySelector("button") || head).click();
var names = Array.from(table.tBodies[0].rows).map(function (row) { return row.cells[0].textContent.trim(); });
document.title = JSON.stringify({chosen: chosen, sorted: head.getAttribute("aria-sort"), rows: names.length});
</script></body>"""


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (Debian's package is chromium)")
def test_choosing_a_unit_and_sorting_the_table(tmp_path: Path) -> None:
    rows, pairs = company()
    page = write_report(make_published(tmp_path / "scorecard.duckdb", rows, pairs), tmp_path / "page.html", "en")
    page.write_text(page.read_text(encoding="utf-8").replace("</body>", VISIT), encoding="utf-8")
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    title = dom[dom.index("<title>") : dom.index("</title>")]
    assert "Hélios Services" in title
    assert "68.4" in title
    assert '"sorted":"ascending"' in title or '"sorted":"descending"' in title
    assert f'"rows":{len(rows)}' in title
