"""The first page, from a synthetic published file made here."""

import math
import re
import shutil
from collections.abc import Iterable
from datetime import date, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from pipelines.publication.report import Format, ReportError, write_report
from pipelines.publication.report_texts import LEVELS, MONTHS, TEXTS
from pipelines.publication.sources import FRESHNESS, SOURCES_COLUMNS

OCTOBER, SEPTEMBER, NOVEMBER = date(2026, 10, 1), date(2026, 9, 1), date(2026, 11, 1)
HOSTILE = "<script>alert('x')</script> & \"Sons\""

INDEX = [
    "status", "weight_present", "pairs_scored",
    *(f"{name}{end}" for name in ("client_index", "collaborator_index", "gap")
      for end in ("", "_lower", "_upper", "_se")),
    "level", "symmetry", "symmetry_index", "symmetry_index_lower", "symmetry_index_upper", "quadrant", "human_sigma",
    *(f"{mirror}_{side}" for mirror in ("perception", "journey", "conduct") for side in ("client", "collaborator")),
]  # fmt: skip
TEXT = {"status", "quadrant"}

PAIRS = [
    ("trust", "perception", "Trust", "Confiance"),
    ("listening", "perception", "Listening and feedback", "Écoute et feedback"),
    ("consideration", "perception", "Consideration", "Considération"),
    ("recommendation", "perception", "Recommendation", "Recommandation"),
    ("moment_complaint", "journey", "Complaint / answer to a suggestion", "Réclamation / réponse à une suggestion"),
    ("moment_first_use", "journey", "First use / onboarding", "Première utilisation / intégration"),
    ("responsiveness", "conduct", "Responsiveness", "Réactivité"),
    ("resolution", "conduct", "Resolution", "Résolution"),
    ("loyalty", "conduct", "Loyalty", "Fidélité"),
    ("voice", "conduct", "Voice", "Parole"),
]

Unit = tuple[str, str, str, str | None]
UnitRow = tuple[Unit, date, dict[str, Any]]
PairRow = tuple[str, date, str, dict[str, Any]]


def index_row(client: float, client_se: float, team: float, team_se: float) -> dict[str, Any]:
    gap, gap_se = client - team, math.hypot(client_se, team_se)
    level, symmetry = math.sqrt(client * team), 100 - abs(gap)
    index = level * symmetry / 100
    row: dict[str, Any] = {"status": "ok", "weight_present": 1.0, "pairs_scored": 10}
    bounds = []
    for name, value, se in (
        ("client_index", client, client_se),
        ("collaborator_index", team, team_se),
        ("gap", gap, gap_se),
    ):
        lower, upper = value - 1.96 * se, value + 1.96 * se
        row |= {name: value, f"{name}_lower": lower, f"{name}_upper": upper, f"{name}_se": se}
        bounds.append((lower, upper))
    if any(lower < 60 <= upper for lower, upper in bounds[:2]):
        quadrant = "borderline"
    else:
        quadrant = {
            (True, True): "virtuous",
            (True, False): "client_first",
            (False, True): "team_first",
            (False, False): "double_deficit",
        }[client >= 60, team >= 60]
    row |= {
        "level": level, "symmetry": symmetry, "symmetry_index": index,
        "symmetry_index_lower": max(index - 4, 0), "symmetry_index_upper": min(index + 4, 100),
        "quadrant": quadrant, "human_sigma": 50.0,
    }  # fmt: skip
    for mirror, shift in (("perception", 0.0), ("journey", 3.0), ("conduct", -2.0)):
        row |= {f"{mirror}_client": client + shift, f"{mirror}_collaborator": team + shift}
    return row


def hidden_row(status: str) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(INDEX) | {"status": status}
    return row | ({"weight_present": 0.38, "pairs_scored": 3} if status == "insufficient" else {})


def make_published(
    path: Path,
    rows: Iterable[UnitRow],
    pairs: Iterable[PairRow] = (),
    complete: dict[date, bool] | None = None,
) -> Path:
    """A published file as spec §5 has it, with only what the report reads."""
    complete = complete if complete is not None else {SEPTEMBER: True, OCTOBER: True, NOVEMBER: False}
    faces = [f"{side}_score{end}" for side in ("client", "collaborator") for end in ("", "_lower", "_upper")]
    numbers = [*faces, "gap", "gap_lower", "gap_upper", "gap_se"]
    with duckdb.connect(str(path)) as db:
        columns = ", ".join(f"{name} {'varchar' if name in TEXT else 'double'}" for name in INDEX)
        db.execute(
            "create table scorecard (unit_id varchar, unit_name varchar, unit_level varchar, "
            f"parent_unit_id varchar, period date, {columns})"
        )
        db.execute(
            "create table scorecard_pairs (unit_id varchar, unit_level varchar, period date, pair_id varchar, "
            "mirror varchar, client_status varchar, collaborator_status varchar, status varchar, "
            + ", ".join(f"{name} double" for name in numbers)
            + ")"
        )
        db.execute(
            "create table dim_pair (pair_id varchar, mirror varchar, weight double, mirror_weight double, "
            "label_en varchar, label_fr varchar, sort_order bigint)"
        )
        db.execute("create table dim_period (period date, label_en varchar, label_fr varchar, is_complete boolean)")
        db.execute(
            "create table publications (publication_id varchar, published_at timestamp, rows_read bigint, "
            "rows_landed bigint, rows_quarantined bigint)"
        )
        for unit, period, row in rows:
            db.execute(
                f"insert into scorecard values ({', '.join('?' * (5 + len(INDEX)))})",
                [*unit, period, *(row[name] for name in INDEX)],
            )
        for unit_id, period, pair_id, row in pairs:
            mirror = next(mirror for known, mirror, *_ in PAIRS if known == pair_id)
            db.execute(
                f"insert into scorecard_pairs values ({', '.join('?' * (8 + len(numbers)))})",
                [
                    unit_id, "company", period, pair_id, mirror,
                    row["client_status"], row["collaborator_status"], row["status"],
                    *(row.get(name) for name in numbers),
                ],
            )  # fmt: skip
        for at, (pair_id, mirror, english, french) in enumerate(PAIRS):
            db.execute("insert into dim_pair values (?, ?, 0.1, 0.3, ?, ?, ?)", [pair_id, mirror, english, french, at])
        for period, is_complete in complete.items():
            db.execute(
                "insert into dim_period values (?, ?, ?, ?)",
                [
                    period,
                    f"{MONTHS['en'][period.month - 1]} {period.year}",
                    f"{MONTHS['fr'][period.month - 1]} {period.year}",
                    is_complete,
                ],
            )
        db.execute(
            "insert into publications values ('20261103-1a2b', ?, 123456, 121000, 2456)", [datetime(2026, 11, 3, 6, 5)]
        )
    return path


def pair_row(
    client: float | None, team: float | None, client_status: str = "ok", team_status: str = "ok"
) -> dict[str, Any]:
    row: dict[str, Any] = {"client_status": client_status, "collaborator_status": team_status}
    states = (client_status, team_status)
    row["status"] = "suppressed" if "suppressed" in states else "ok" if states == ("ok", "ok") else "insufficient"
    for side, value in (("client", client), ("collaborator", team)):
        if value is not None:
            row |= {f"{side}_score": value, f"{side}_score_lower": value - 2.5, f"{side}_score_upper": value + 2.5}
    if client is not None and team is not None:
        row |= {"gap": client - team, "gap_lower": client - team - 3.5, "gap_upper": client - team + 3.5, "gap_se": 1.8}
    return row


def company(
    seed: int = 5,
) -> tuple[list[tuple[Unit, date, dict[str, Any]]], list[tuple[str, date, str, dict[str, Any]]]]:
    """One company, 4 regions, 16 sites, 96 teams, some hidden and some without enough data; and its pairs."""
    draw = np.random.default_rng(seed)
    rows: list[UnitRow] = [(("co", "Hélios Services", "company", None), OCTOBER, index_row(68.4, 0.5, 61.2, 0.9))]
    names = ["Nord", "Ouest", "Est", "Méditerranée"]
    towns = ["Lille", "Amiens", "Rouen", "Reims", "Nantes", "Rennes", "Brest", "Tours",
             "Nancy", "Metz", "Dijon", "Mulhouse", "Nice", "Toulon", "Nîmes", "Aix"]  # fmt: skip
    for at, name in enumerate(names):
        rows.append(
            ((f"r{at}", f"Région {name}", "region", "co"), OCTOBER, index_row(66 + 2 * at, 1.1, 64 - 2.5 * at, 1.7))
        )
    for at, town in enumerate(towns):
        common = draw.normal(0, 6)
        rows.append(
            (
                (f"s{at}", f"Site de {town}", "site", f"r{at // 4}"),
                OCTOBER,
                index_row(68 + common + draw.normal(0, 2), 1.8, 62 + common + draw.normal(0, 3), 2.6),
            )
        )
        for number in range(6):
            unit: Unit = (f"t{at}-{number}", f"{town} équipe {number + 1}", "team", f"s{at}")
            if (at, number) == (2, 3):
                unit = (unit[0], HOSTILE, "team", unit[3])
            chance = draw.random()
            if chance < 0.06 and unit[1] != HOSTILE:
                rows.append((unit, OCTOBER, hidden_row("suppressed")))
            elif chance < 0.1 and unit[1] != HOSTILE:
                rows.append((unit, OCTOBER, hidden_row("insufficient")))
            else:
                rupture = {(1, 2): (16, -20), (9, 4): (-18, 15), (2, 3): (10, -19)}.get((at, number), (0, 0))
                c = np.clip(68 + common + draw.normal(0, 5) + rupture[0], 5, 97)
                e = np.clip(62 + common + draw.normal(0, 6) + rupture[1], 5, 97)
                rows.append((unit, OCTOBER, index_row(float(c), draw.uniform(2.5, 5), float(e), draw.uniform(3, 6.5))))
    pairs = [
        ("co", OCTOBER, pair_id, pair_row(*values))
        for pair_id, values in {
            "trust": (71.0, 60.0), "listening": (66.2, 54.1), "consideration": (69.0, 63.3),
            "recommendation": (64.5, 63.0), "moment_complaint": (48.8, 52.0), "moment_first_use": (78.1, 66.6),
            "responsiveness": (82.3, 70.0), "resolution": (71.4, 58.9), "loyalty": (66.0, 69.5),
        }.items()
    ]  # fmt: skip
    pairs.append(("co", OCTOBER, "voice", pair_row(55.0, None, "ok", "suppressed")))
    return rows, pairs


class Page(HTMLParser):
    """Tags with attributes, and visible text; notes what is closed out of order."""

    VOID = frozenset({"meta", "br", "input", "link", "img"})

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.texts.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"[ \n]+", " ", " ".join(self.texts))  # no-break spaces stay


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows, pairs = company()
    # An unfinished month after it, and an older one before it: neither is the one to show.
    for month, client in ((SEPTEMBER, 51.0), (NOVEMBER, 52.0)):
        rows.append((("co", "Hélios Services", "company", None), month, index_row(client, 0.5, 61.2, 0.9)))
    return make_published(tmp_path_factory.mktemp("published") / "scorecard.duckdb", rows, pairs)


def test_english_page(published: Path, tmp_path: Path) -> None:
    out = write_report(published, tmp_path / "page.html", "en")
    assert out == tmp_path / "page.html"
    page = Page(out.read_text(encoding="utf-8"))
    assert page.open == []
    assert "October 2026" in page.text
    assert "Hélios Services scores 68.4 with its clients and 61.2 with its collaborators." in page.text
    assert "Clients come out 7.2 points ahead" in page.text
    assert "Symétrie des Attentions is a trademark of the Académie du Service" in page.text
    assert "Listening and feedback" in page.text
    assert "123,456 rows read" in page.text
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]


def test_french_page(published: Path, tmp_path: Path) -> None:
    page = Page(write_report(published, tmp_path / "page.html", "fr").read_text(encoding="utf-8"))
    assert ("html", {"lang": "fr"}) in page.tags
    assert "octobre 2026" in page.text
    assert "Les clients ont 7,2 points d’avance" in page.text
    assert "Symétrie des Attentions est une marque de l’Académie du Service" in page.text
    assert "Écoute et feedback" in page.text
    assert "Région Nord" in page.text
    assert "123\u202f456 lignes lues" in page.text


def test_a_folder_gets_a_name(published: Path, tmp_path: Path) -> None:
    assert write_report(published, tmp_path, "fr").name == "symmetry-2026-10-fr.html"


def test_the_page_needs_no_network(published: Path, tmp_path: Path) -> None:
    html = write_report(published, tmp_path / "page.html", "en").read_text(encoding="utf-8")
    assert not re.search(r"(?:https?:)?//\w", html.replace("http://www.w3.org", ""))
    assert not re.search(r"@import|url\(|<link|<img|<iframe|fetch\(", html)
    assert "default-src 'none'" in html


def test_hostile_names_are_text(published: Path, tmp_path: Path) -> None:
    html = write_report(published, tmp_path / "page.html", "en").read_text(encoding="utf-8")
    page = Page(html)
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert HOSTILE not in html
    assert HOSTILE in page.text
    assert any(HOSTILE in (attrs.get("data-sentence") or "") for _, attrs in page.tags)


def test_a_stale_source_is_said_with_its_age_and_so_are_warnings(published: Path, tmp_path: Path) -> None:
    """Published on 3 November 2026: promised within 31 days and 5 of grace, CRM is 37 days old and HR 36."""
    file = Path(shutil.copy(published, tmp_path / "scorecard.duckdb"))
    with duckdb.connect(str(file)) as db:
        db.execute("alter table publications add column warnings varchar")
        db.execute("update publications set warnings = 'one' || chr(10) || 'two'")
        columns = ", ".join(f"{name} {kind}" for name, (kind, _) in SOURCES_COLUMNS.items())
        db.execute(f"create table sources ({columns})")
        for source, day in (("crm.<b>case", "2026-09-27"), ("hr.employee", "2026-09-28")):
            db.execute("insert into sources values (?, 'case', 'monthly', 31, 5, ?, false)", [source, day])
        db.execute("insert into sources values ('old.survey', 'case', 'monthly', 31, 5, '2020-01-01', true)")
        db.execute(FRESHNESS)
        found = db.execute("select source, age_days, status from source_freshness order by source").fetchall()
    assert found == [("crm.<b>case", 37, "stale"), ("hr.employee", 36, "late"), ("old.survey", 2498, "unpromised")]
    for language, told, counted in (
        ("en", "Stale source: what crm.&lt;b&gt;case says is 37 days old", "The checks gave 2 warning(s)"),
        ("fr", "Source périmée\u00a0: les données de crm.&lt;b&gt;case ont 37 jours", "donné 2 avertissement(s)"),
    ):
        page = write_report(file, tmp_path / f"{language}.html", language=language, bar=60).read_text(encoding="utf-8")  # type: ignore[arg-type]
        assert told in page
        assert counted in page
        assert "hr.employee" not in page
        assert "old.survey" not in page


def test_hidden_units_show_no_number(published: Path, tmp_path: Path) -> None:
    html = write_report(published, tmp_path / "page.html", "en").read_text(encoding="utf-8")
    with duckdb.connect(str(published), read_only=True) as db:
        hidden = db.execute(
            "select unit_id, unit_name, status from scorecard where period = ? and status <> 'ok'", [OCTOBER]
        ).fetchall()
    assert {status for *_, status in hidden} == {"suppressed", "insufficient"}
    plane = html[html.index('id="plane"') : html.index("</svg>", html.index('id="plane"'))]
    for _, name, status in hidden:
        assert name not in plane
        row = next(part for part in html.split("<tr") if f">{name}</span>" in part and 'colspan="5"' in part)
        cells = row[row.index('colspan="5"') :]
        assert ("Hidden" in cells) == (status == "suppressed")
        assert re.findall(r"\d+", cells[cells.index(">") : cells.index("</td>")]) == (
            [] if status == "suppressed" else ["38"]
        )
        assert "data-client" not in row
        assert "data-gap" not in row


def test_a_face_that_is_hidden_says_so(published: Path, tmp_path: Path) -> None:
    page = Page(write_report(published, tmp_path / "page.html", "en").read_text(encoding="utf-8"))
    assert "Hidden: protects people" in page.text


def test_largest_gaps_are_the_certain_ones(tmp_path: Path) -> None:
    """A gap of 30 ± 40 is larger than one of 12 ± 2, and less worth acting on."""
    rows = [
        (("co", "Top", "company", None), OCTOBER, index_row(68, 1, 62, 1)),
        (("a", "Unsure", "team", "co"), OCTOBER, index_row(80, 14, 50, 14)),
        (("b", "Sure", "team", "co"), OCTOBER, index_row(72, 0.7, 60.5, 0.7)),
    ]
    html = write_report(make_published(tmp_path / "p.duckdb", rows), tmp_path / "page.html").read_text("utf-8")
    chart = html[html.index("The largest gaps</h2>") :]
    assert chart.index(">Sure<") < chart.index(">Unsure<")
    assert "1 of 2 units has a gap" in Page(html).text


def test_chosen_period(published: Path, tmp_path: Path) -> None:
    page = Page(write_report(published, tmp_path / "page.html", "en", date(2026, 11, 17)).read_text("utf-8"))
    assert "November 2026" in page.text
    assert "This month is not over" in page.text
    assert "scores 52.0" in page.text
    with pytest.raises(ReportError, match=r"no period 2025-01\. It holds 2026-09 to 2026-11"):
        write_report(published, tmp_path / "other.html", "en", date(2025, 1, 1))


def test_no_data(tmp_path: Path) -> None:
    out = write_report(make_published(tmp_path / "p.duckdb", [], complete={}), tmp_path / "page.html")
    page = Page(out.read_text(encoding="utf-8"))
    assert "No scorecard has been published so far" in page.text
    assert "Académie du Service" in page.text
    assert page.open == []


@pytest.mark.parametrize("language", ["en", "fr"])
def test_all_suppressed(language: str, tmp_path: Path) -> None:
    rows = [
        ((f"u{at}", f"Unit {at}", "team" if at else "company", "u0" if at else None), OCTOBER, hidden_row("suppressed"))
        for at in range(4)
    ]
    out = write_report(make_published(tmp_path / "p.duckdb", rows), tmp_path / "page.html", language)  # type: ignore[arg-type]
    page = Page(out.read_text(encoding="utf-8"))
    assert {"en": "All 4 units are hidden", "fr": "Les 4 unités sont toutes masquées"}[language] in page.text
    assert not [attrs for tag, attrs in page.tags if attrs.get("id") == "plane"]
    assert "Unit 3" in page.text


def test_none_scored_for_mixed_reasons(tmp_path: Path) -> None:
    rows = [
        (("a", "A", "team", None), OCTOBER, hidden_row("suppressed")),
        (("b", "B", "team", None), OCTOBER, hidden_row("insufficient")),
    ]
    page = Page(write_report(make_published(tmp_path / "p.duckdb", rows), tmp_path / "page.html").read_text("utf-8"))
    assert "None of the 2 units has an index this month" in page.text


@pytest.mark.parametrize("status", ["suppressed", "insufficient"])
def test_top_unit_without_index_beside_scored_teams(status: str, tmp_path: Path) -> None:
    rows = [
        (("co", "Top", "company", None), OCTOBER, hidden_row(status)),
        (("a", "A", "team", "co"), OCTOBER, index_row(70, 2, 60, 2)),
    ]
    page = Page(write_report(make_published(tmp_path / "p.duckdb", rows), tmp_path / "page.html").read_text("utf-8"))
    assert page.open == []
    assert {"suppressed": "Top: hidden this month", "insufficient": "Top: not enough data"}[status] in page.text


def test_one_unit_alone_a_cycle_and_unknown_parents(tmp_path: Path) -> None:
    rows = [
        (("a", "A", "x_level", "b"), OCTOBER, index_row(100, 0.1, 0.5, 0.1)),
        (("b", "B", "x_level", "a"), OCTOBER, index_row(1, 0.2, 99, 0.2)),
        (("c", "C", "", "gone"), OCTOBER, index_row(60, 5, 60, 5)),
    ]
    page = Page(write_report(make_published(tmp_path / "p.duckdb", rows), tmp_path / "page.html").read_text("utf-8"))
    assert "X level" in page.text
    for _, attrs in page.tags:
        assert "nan" not in " ".join(str(value) for value in attrs.values() if value).split()


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="symmetry run"):
        write_report(tmp_path / "none.duckdb", tmp_path / "page.html")
    (tmp_path / "text.duckdb").write_text("not a database", encoding="utf-8")
    with pytest.raises(ReportError, match="not a DuckDB file"):
        write_report(tmp_path / "text.duckdb", tmp_path / "page.html")
    with duckdb.connect(str(tmp_path / "other.duckdb")) as db:
        db.execute("create table scorecard (a int)")
    with pytest.raises(ReportError, match="lacks scorecard_pairs"):
        write_report(tmp_path / "other.duckdb", tmp_path / "page.html")
    with pytest.raises(ReportError, match="language 'de'"):
        write_report(tmp_path / "other.duckdb", tmp_path / "page.html", "de")  # type: ignore[arg-type]


def test_the_file_is_not_changed(published: Path, tmp_path: Path) -> None:
    before = published.read_bytes()
    write_report(published, tmp_path / "page.html")
    assert published.read_bytes() == before


def test_both_languages_say_the_same_things() -> None:
    english, french = TEXTS["en"], TEXTS["fr"]
    assert set(english) == set(french)
    for key in english:
        fields = [set(re.findall(r"{(\w+)}", text)) for text in (english[key], french[key])]
        assert fields[0] == fields[1], key
        assert not re.search(r"(?<![\u00a0\u202f]):|(?<![\u202f])[;!?%]", french[key]), key
    assert all(set(names) == {"en", "fr"} for names in LEVELS.values())


def test_numbers() -> None:
    english, french = Format("en"), Format("fr")
    assert english.number(-0.04) == "0.0"
    assert (english.signed(6.25), english.signed(-3.1), english.signed(0.0)) == ("+6.2", "−3.1", "0.0")
    assert (french.signed(-3.1), french.number(None), french.percent(0.384)) == ("−3,1", "–", "38\u202f%")
    assert english.count(1234567) == "1,234,567"
