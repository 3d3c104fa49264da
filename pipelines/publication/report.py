"""The first page: one self-contained HTML file about one period, read from the published file alone.

Python reads, chooses and places (coordinates, texts, number formats); the template only prints. No network: styles,
script and drawings are inline, and a content policy in the page forbids anything else. Every text is escaped by
Jinja2; nothing is interpolated into the script.
"""

import math
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal

import duckdb
import jinja2

from pipelines.publication.report_texts import LEVELS, MONTHS, TEXTS

Language = Literal["en", "fr"]
Row = dict[str, Any]

MINUS, NARROW_SPACE = "\u2212", "\u202f"
MIRRORS = ("perception", "journey", "conduct")
QUADRANTS = ("virtuous", "client_first", "team_first", "double_deficit", "borderline")
STATUSES = ("ok", "suppressed", "insufficient")

LARGEST_GAPS = 12
"""Rows of the chart of gaps: what fits on one screen beside its explanation."""
MOST_UNITS = 1_500
"""Units drawn and listed; more make the page slow to open. What is left out is said, and is in the file."""
ELLIPSES_UP_TO, CROSSHAIRS_UP_TO = 40, 120
"""At a level with more units than the first, the ellipse, and with more than the second, the cross too, shows only
where a unit is pointed at or chosen: hundreds of them over each other hide the units themselves."""

_REQUIRED = ("scorecard", "scorecard_pairs", "dim_pair", "dim_period", "publications")


class ReportError(ValueError):
    """The report cannot be written; the message says why and what to do."""


def write_report(
    published_duckdb: Path, out: Path, language: Language = "en", period: date | None = None, *, bar: float = 60.0
) -> Path:
    """Write the first page of one period and return its path.

    published_duckdb: the published file, opened read-only. out: an .html file, or a folder, in which case the file is
    `symmetry-<period>-<language>.html`. language: 'en' or 'fr'. period: any day of the month wanted; without it, the
    last complete month, else the last there is. bar: where the quadrants meet, in points (seed `parameters`).

    Writes in one atomic rename. A file without a single scored unit gives a page that says so. Raises
    FileNotFoundError when there is no published file, ReportError when it is not one, when the language is unknown
    or the period is not in it.
    """
    if language not in TEXTS:
        raise ReportError(f"No report in language {language!r}; there is one in {', '.join(sorted(TEXTS))}.")
    published = _read(published_duckdb, period)
    target = out
    if out.is_dir():
        month = published.period.strftime("%Y-%m") if published.period else "empty"
        target = out / f"symmetry-{month}-{language}.html"
    page = render(published, language, bar=bar)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", newline="\n", dir=target.parent, prefix=f".{target.name}.", suffix=".tmp", delete=False
    ) as file:
        unfinished = Path(file.name)
        file.write(page)
    try:
        unfinished.chmod(0o644)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return target


@dataclass(frozen=True)
class Published:
    """What the page needs from the published file: rows of one period, as dictionaries by column name."""

    period: date | None
    period_row: Row = field(default_factory=dict)
    units: Sequence[Row] = ()
    pairs: Sequence[Row] = ()
    publication: Row = field(default_factory=dict)
    stale: Sequence[Row] = ()


def _read(path: Path, period: date | None) -> Published:
    """Read one period of the published file. Raises as `write_report` does."""
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no published scorecard at {path}. Run the pipeline first: symmetry run publishes one."
        )
    # A second instance attaches the file: a connection this process still holds to the same path would show what
    # the file was before it was last replaced.
    with duckdb.connect() as connection:
        quoted = str(path).replace("'", "''")
        try:
            connection.execute(f"attach '{quoted}' as published (read_only)")
        except duckdb.Error as error:
            raise ReportError(f"{path.name} is not a DuckDB file that can be read: {error}") from error
        held = {
            name
            for (name,) in connection.execute(
                "select table_name from information_schema.tables where table_catalog = 'published'"
            ).fetchall()
        }
        missing = [name for name in _REQUIRED if name not in held]
        if missing:
            raise ReportError(
                f"{path.name} lacks {', '.join(missing)}; a published scorecard has them. "
                "Give the file that the pipeline published, not its warehouse."
            )

        def rows(query: str, *parameters: Any) -> list[Row]:
            cursor = connection.execute(query, list(parameters))
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]

        publications = rows("select * from published.publications order by rowid desc limit 1")
        publication = publications[0] if publications else {}
        views = rows("select view_name from duckdb_views() where database_name = 'published' and not internal")
        stale: list[Row] = []
        if {"view_name": "source_freshness"} in views:
            stale = rows(
                "select source, age_days from published.source_freshness where status = 'stale' order by source"
            )
        periods = rows("""
            select s.period, coalesce(p.is_complete, true) as is_complete
            from (select distinct period from published.scorecard) as s
            left join published.dim_period as p on p.period = s.period
            order by s.period
        """)
        chosen = _choose(periods, period)
        if chosen is None:
            return Published(period=None, publication=publication, stale=stale)
        named = rows("select * from published.dim_period where period = ?", chosen)
        return Published(
            period=chosen,
            period_row=named[0] if named else {},
            units=rows("select * from published.scorecard where period = ? order by unit_name, unit_id", chosen),
            pairs=rows(
                """
                select p.*, d.label_en, d.label_fr, d.sort_order, d.weight, d.mirror_weight
                from published.scorecard_pairs as p
                left join published.dim_pair as d on d.pair_id = p.pair_id
                where p.period = ?
                order by d.sort_order, p.pair_id
                """,
                chosen,
            ),
            publication=publication,
            stale=stale,
        )


def _choose(periods: Sequence[Row], wanted: date | None) -> date | None:
    """The month to show: the one wanted, else the last complete one, else the last; None when there is none."""
    held: list[date] = [row["period"] for row in periods]
    if wanted is not None:
        month = wanted.replace(day=1)
        if month not in held:
            span = f"It holds {held[0]:%Y-%m} to {held[-1]:%Y-%m}." if held else "It holds no period at all."
            raise ReportError(f"The published scorecard has no period {month:%Y-%m}. {span}")
        return month
    complete = [row["period"] for row in periods if row["is_complete"]]
    return (complete or held or [None])[-1]


@dataclass(frozen=True)
class Format:
    """Numbers and texts in one language; every method gives plain text, unescaped."""

    language: Language

    def text(self, key: str, **values: Any) -> str:
        """The text of that key, with its values filled in; a key that does not exist is an error."""
        return TEXTS[self.language][key].format(**values)

    def number(self, value: float | None, digits: int = 1) -> str:
        """62.4 or 62,4; a dash for nothing. Never "-0.0"."""
        if value is None or not math.isfinite(value):
            return "–"
        rounded = round(value, digits) + 0.0
        text = f"{abs(rounded):.{digits}f}"
        if self.language == "fr":
            text = text.replace(".", ",")
        return (MINUS if rounded < 0 else "") + text

    def signed(self, value: float | None, digits: int = 1) -> str:
        """+6.2, −3.1, 0.0."""
        text = self.number(value, digits)
        return f"+{text}" if value is not None and round(value, digits) > 0 else text

    def count(self, value: float | None) -> str:
        """12,345 or 12 345."""
        if value is None:
            return "–"
        return f"{round(value):,}".replace(",", "," if self.language == "en" else NARROW_SPACE)

    def interval(self, lower: float | None, upper: float | None, show: Callable[[float | None], str]) -> str:
        """ "58.1 to 66.0" in the page's language."""
        return self.text("interval", lower=show(lower), upper=show(upper))

    def percent(self, share: float | None) -> str:
        """45 % with the language's own space."""
        space = "" if self.language == "en" else NARROW_SPACE
        return "–" if share is None else f"{round(100 * share)}{space}%"

    def level(self, level: str | None) -> str:
        """The name of a level of the hierarchy; a level of the company's own stands under its own name."""
        known = LEVELS.get(str(level).lower())
        return known[self.language] if known else str(level or "–").replace("_", " ").capitalize()

    def month(self, period: date, row: Mapping[str, Any]) -> str:
        """The published label of the month, else its name and year."""
        label = row.get(f"label_{self.language}")
        return str(label) if label else f"{MONTHS[self.language][period.month - 1]} {period.year}"

    def label(self, row: Mapping[str, Any], fallback: str) -> str:
        """The label of a definition in this language, else its id in words."""
        label = row.get(f"label_{self.language}")
        return str(label) if label else fallback.replace("_", " ").capitalize()


def render(published: Published, language: Language, *, bar: float = 60.0) -> str:
    """The page as HTML text. Pure: the same rows give the same page."""
    say = Format(language)
    units = _tree(published.units, say)
    shown = _limited(units)
    top = _top(units)
    ok = [unit for unit in shown if unit["status"] == "ok"]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(
        lang=language,
        t=say.text,
        say=say,
        period=say.month(published.period, published.period_row) if published.period else "",
        is_complete=published.period_row.get("is_complete", True),
        bar=bar,
        top=top,
        top_gap=_gap_drawn(top, _spread([top])) if top and top["status"] == "ok" else None,
        headline=_headline(top, say) if top else "",
        situation=_situation(units, say),
        levels=_levels(shown, say),
        quadrants=_quadrants(units, say),
        units=shown,
        left_out=len(units) - len(shown),
        plane=_plane(ok, top, bar, say) if ok else None,
        gaps=_gaps(units, top, say),
        pairs=_pairs(published.pairs, top, say) if top else [],
        publication=_publication(published.publication, published.stale, say),
        bar_text=say.number(bar, 0),
    )


def _tree(rows: Sequence[Row], say: Format) -> list[Row]:
    """Units in the order of the hierarchy (parents before children, by name), with depth and texts to print."""
    by_id = {row["unit_id"]: row for row in rows}
    children: dict[str | None, list[Row]] = {}
    for row in rows:
        parent = row["parent_unit_id"]
        known = parent if parent in by_id and parent != row["unit_id"] else None
        children.setdefault(known, []).append(row)
    ordered: list[Row] = []
    waiting = [(row, 0) for row in reversed(children.get(None, []))]
    seen: set[str] = set()
    while waiting:
        row, depth = waiting.pop()
        if row["unit_id"] in seen:
            continue
        seen.add(row["unit_id"])
        ordered.append(_texts(row, depth, by_id, say))
        waiting.extend((child, depth + 1) for child in reversed(children.get(row["unit_id"], [])))
    # A cycle has no root: its units are listed all the same, at the end.
    ordered.extend(_texts(row, 0, by_id, say) for row in rows if row["unit_id"] not in seen)
    return [{**row, "index": at} for at, row in enumerate(ordered)]


def _texts(row: Row, depth: int, by_id: Mapping[str, Row], say: Format) -> Row:
    """A unit with every text the page prints about it."""
    parent = by_id.get(row["parent_unit_id"])
    unit = {
        **row,
        "depth": depth,
        "name": str(row["unit_name"] or row["unit_id"]),
        "parent_name": str(parent["unit_name"]) if parent else "",
        "level_text": say.level(row["unit_level"]),
        "status_text": say.text(f"status_{row['status']}" if row["status"] in STATUSES else "status_insufficient"),
    }
    if row["status"] != "ok":
        unit["why"] = say.text(
            "why_suppressed" if row["status"] == "suppressed" else "why_insufficient",
            share=say.percent(row.get("weight_present")),
        )
        return unit
    for side in ("client", "collaborator"):
        unit[f"{side}_text"] = say.number(row[f"{side}_index"])
        unit[f"{side}_range"] = say.interval(row[f"{side}_index_lower"], row[f"{side}_index_upper"], say.number)
    unit["gap_text"] = say.signed(row["gap"])
    unit["gap_range"] = say.interval(row["gap_lower"], row["gap_upper"], say.signed)
    unit["symmetry_text"] = say.number(row["symmetry_index"])
    unit["symmetry_range"] = say.interval(row["symmetry_index_lower"], row["symmetry_index_upper"], say.number)
    unit["quadrant_text"] = say.text(f"quadrant_{row['quadrant']}")
    unit["side_text"] = say.text(_side(row["gap_lower"], row["gap_upper"]))
    unit["sentence"] = say.text(
        "unit_sentence",
        name=unit["name"],
        level=unit["level_text"],
        client=unit["client_text"],
        client_range=unit["client_range"],
        collaborator=unit["collaborator_text"],
        collaborator_range=unit["collaborator_range"],
        gap=unit["gap_text"],
        gap_range=unit["gap_range"],
        quadrant=unit["quadrant_text"],
    )
    return unit


def _side(lower: float, upper: float) -> str:
    """Which side is ahead, as far as the interval of the gap can tell."""
    return "side_client" if lower > 0 else "side_collaborator" if upper < 0 else "side_level"


def _certain(lower: float, upper: float) -> float:
    """The part of a gap that its interval leaves no doubt about, in points; 0 when the interval holds 0."""
    return max(lower, -upper, 0.0)


def _limited(units: Sequence[Row]) -> list[Row]:
    """The units to draw and list: all, or the upper levels and then the clearest gaps, in the order they had."""
    if len(units) <= MOST_UNITS:
        return list(units)

    def rank(unit: Row) -> tuple[int, float, int]:
        certain = _certain(unit["gap_lower"], unit["gap_upper"]) if unit["status"] == "ok" else -1.0
        return (min(unit["depth"], 2), -certain, unit["index"])

    kept = {unit["index"] for unit in sorted(units, key=rank)[:MOST_UNITS]}
    return [unit for unit in units if unit["index"] in kept]


def _top(units: Sequence[Row]) -> Row | None:
    """The unit above most others (in tree order a unit's descendants follow it); the first by name among equals."""
    best, most, root, below = None, -1, None, 0
    for unit in [*units, None]:
        if unit is None or unit["depth"] == 0:
            if root is not None and below > most:
                best, most = root, below
            root, below = unit, 0
        else:
            below += 1
    return best


def _headline(top: Row, say: Format) -> str:
    """One sentence on the company as a whole."""
    if top["status"] != "ok":
        return say.text(f"headline_{top['status']}", name=top["name"])
    return say.text(
        f"headline_{_side(top['gap_lower'], top['gap_upper'])}",
        name=top["name"],
        client=top["client_text"],
        collaborator=top["collaborator_text"],
        gap=say.number(abs(top["gap"])),
        range=top["gap_range"],
    )


def _situation(units: Sequence[Row], say: Format) -> Row:
    """How many units are scored, hidden and without enough data, and the sentence where none is scored."""
    counts = {status: sum(unit["status"] == status for unit in units) for status in STATUSES}
    if not units:
        sentence = say.text("empty_none")
    elif counts["ok"]:
        sentence = ""
    elif counts["suppressed"] == len(units):
        sentence = say.text("empty_suppressed", n=say.count(len(units)))
    else:
        sentence = say.text(
            "empty_mixed",
            n=say.count(len(units)),
            hidden=say.count(counts["suppressed"]),
            few=say.count(counts["insufficient"]),
        )
    hidden = [
        say.text(f"not_shown_{status}" + ("_one" if counts[status] == 1 else ""), n=say.count(counts[status]))
        for status in ("suppressed", "insufficient")
        if counts[status]
    ]
    return {
        "counts": counts,
        "total": len(units),
        "sentence": sentence,
        "not_shown": say.text("not_shown", parts=say.text("and").join(hidden)) if hidden else "",
    }


def _levels(units: Sequence[Row], say: Format) -> list[Row]:
    """Levels from the top down, with the shape that marks them and whether their intervals always show."""
    by_level: dict[str, list[Row]] = {}
    for unit in units:
        by_level.setdefault(str(unit["unit_level"]), []).append(unit)
    ordered = sorted(by_level.items(), key=lambda item: (sum(u["depth"] for u in item[1]) / len(item[1]), item[0]))
    return [
        {
            "id": level,
            "key": f"level{at}",
            "text": say.level(level),
            "count": len(members),
            "count_text": say.count(len(members)),
        }
        for at, (level, members) in enumerate(ordered)
    ]


def _quadrants(units: Sequence[Row], say: Format) -> list[Row]:
    """Each quadrant with its number of units."""
    scored = [unit for unit in units if unit["status"] == "ok"]
    return [
        {
            "id": quadrant,
            "text": say.text(f"quadrant_{quadrant}"),
            "meaning": say.text(f"meaning_{quadrant}"),
            "count": sum(unit["quadrant"] == quadrant for unit in scored),
        }
        for quadrant in QUADRANTS
    ]


@dataclass(frozen=True)
class Scale:
    """A straight line from values to coordinates, rounded to a tenth of a pixel."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The coordinate of a value; values outside end at the edge."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)


def _plane(ok: Sequence[Row], top: Row | None, bar: float, say: Format) -> Row:
    """The plane of symmetry: client index upwards against collaborator index to the right, one square scale."""
    size, left, bottom, right, upper = 660.0, 56.0, 56.0, 18.0, 18.0
    values = [unit[f"{side}_index"] for unit in ok for side in ("client", "collaborator")] + [bar]
    low = max(0.0, math.floor((min(values) - 4) / 10) * 10.0)
    high = min(100.0, math.ceil((max(values) + 4) / 10) * 10.0)
    # A scale of a few points would make chance look like difference.
    while high - low < 40:
        low, high = max(0.0, low - 10), min(100.0, high + 10)
    x, y = Scale(low, high, left, size - right), Scale(low, high, size - bottom, upper)

    levels = {level["id"]: level for level in _levels(ok, say)}
    shapes = _shapes(list(levels))
    points = []
    # Widest areas of doubt first, so that sure units lie on top of unsure ones; the top unit above all.
    for unit in sorted(ok, key=lambda u: (top is not None and u["unit_id"] == top["unit_id"], u["depth"] * -1)):
        cx, cy = x(unit["collaborator_index"]), y(unit["client_index"])
        level = levels[str(unit["unit_level"])]
        points.append(
            {
                "unit": unit,
                "x": cx,
                "y": cy,
                "x1": x(unit["collaborator_index_lower"]),
                "x2": x(unit["collaborator_index_upper"]),
                "y1": y(unit["client_index_lower"]),
                "y2": y(unit["client_index_upper"]),
                "rx": round(abs(x(low + 1.96 * unit["collaborator_index_se"]) - x(low)), 1),
                "ry": round(abs(y(low + 1.96 * unit["client_index_se"]) - y(low)), 1),
                "shape": shapes[level["id"]],
                "quiet": level["count"] > ELLIPSES_UP_TO,
                "silent": level["count"] > CROSSHAIRS_UP_TO,
            }
        )
    ticks = [low + 10 * step for step in range(round((high - low) / 10) + 1)]
    edge = max(low + 10, 0.0)
    return {
        "size": size,
        "x0": x(low),
        "x1": x(high),
        "y0": y(low),
        "y1": y(high),
        "bar_x": x(bar),
        "bar_y": y(bar),
        "ticks": [{"text": say.number(tick, 0), "x": x(tick), "y": y(tick)} for tick in ticks],
        # The band within 10 points of equality.
        "band": " ".join(
            f"{px},{py}"
            for px, py in (
                (x(low), y(low)),
                (x(low), y(edge)),
                (x(high - 10), y(high)),
                (x(high), y(high)),
                (x(high), y(high - 10)),
                (x(edge), y(low)),
            )
        ),
        "points": points,
        "labels": _labels(points, top, x(high), upper, size - bottom),
        "shapes": [{**level, "shape": shapes[level_id]} for level_id, level in levels.items()],
        "quiet": any(level["count"] > ELLIPSES_UP_TO for level in levels.values()),
    }


def _shapes(levels: Sequence[str]) -> dict[str, str]:
    """A mark for each level: the lowest a small disc, the highest a star, so that rank shows without colour."""
    marks = ["dot", "square", "diamond", "triangle", "star"]
    if len(levels) == 1:
        return {levels[0]: "dot"}
    upwards = list(reversed(levels))
    chosen = {level: marks[min(at, len(marks) - 2)] for at, level in enumerate(upwards)}
    chosen[levels[0]] = "star"
    return chosen


def _labels(points: Sequence[Row], top: Row | None, right: float, upper: float, lower: float) -> list[Row]:
    """Names of the top unit and of the clearest gaps, each where it covers neither a name nor a named mark."""
    ranked = sorted(
        points,
        key=lambda p: (
            top is None or p["unit"]["unit_id"] != top["unit_id"],
            -_certain(p["unit"]["gap_lower"], p["unit"]["gap_upper"]),
            -abs(p["unit"]["gap"]),
        ),
    )[:8]
    taken = [(p["x"] - 7, p["y"] - 7, p["x"] + 7, p["y"] + 7) for p in ranked]
    labels = []
    for point in ranked:
        name = point["unit"]["name"]
        name = name if len(name) <= 30 else name[:29] + "…"
        width = 6.6 * len(name)
        is_top = top is not None and point["unit"]["unit_id"] == top["unit_id"]
        places: list[tuple[int, int, int, int, str, tuple[float, float, float, float]]] = []
        for dx, dy, anchor in ((11, 4, "start"), (-11, 4, "end"), (0, -12, "middle"), (0, 20, "middle")):
            start = point["x"] + dx - {"start": 0, "middle": width / 2, "end": width}[anchor]
            box = (start, point["y"] + dy - 11, start + width, point["y"] + dy + 3)
            inside = box[0] > 60 and box[2] < right and box[1] > upper and box[3] < lower
            free = all(box[2] < t[0] or t[2] < box[0] or box[3] < t[1] or t[3] < box[1] for t in taken)
            covered = sum(box[0] - 4 < p["x"] < box[2] + 4 and box[1] - 4 < p["y"] < box[3] + 4 for p in points)
            # In a crowd a name would hide more units than it names; the top unit's is worth that.
            if inside and free and (is_top or covered <= 2):
                places.append((covered, len(places), dx, dy, anchor, box))
        if places:
            _, _, dx, dy, anchor, box = min(places)
            taken.append(box)
            labels.append(
                {"text": name, "x": point["x"] + dx, "y": point["y"] + dy, "anchor": anchor, "unit": point["unit"]}
            )
    return labels


_DUMBBELL = Scale(0.0, 100.0, 8.0, 352.0)


def _dumbbell(row: Row, name: str) -> Row:
    """Coordinates of both faces of a row (`<side>_<name>` and its bounds) on a line of 360 by 28; a face without a
    score has none."""
    drawn: Row = {}
    for side in ("client", "collaborator"):
        value = row.get(f"{side}_{name}")
        if value is not None:
            drawn[side] = {
                "x": _DUMBBELL(value),
                "x1": _DUMBBELL(row[f"{side}_{name}_lower"]),
                "x2": _DUMBBELL(row[f"{side}_{name}_upper"]),
            }
    return drawn


def _spread(rows: Iterable[Row]) -> Scale:
    """One scale for the gaps of a chart, the same to either side of zero, ending at a multiple of 10."""
    reach = max((abs(row[bound]) for row in rows for bound in ("gap_lower", "gap_upper")), default=10.0)
    reach = min(100.0, max(10.0, math.ceil(reach / 10) * 10.0))
    return Scale(-reach, reach, 6.0, 214.0)


def _gap_drawn(row: Row, scale: Scale) -> Row:
    """Coordinates of a gap with its interval on a line of 220 by 28."""
    return {
        "zero": scale(0.0),
        "x": scale(row["gap"]),
        "x1": scale(row["gap_lower"]),
        "x2": scale(row["gap_upper"]),
        "sure": row["gap_lower"] > 0 or row["gap_upper"] < 0,
        "side": "client" if row["gap"] >= 0 else "collaborator",
        "reach": scale.high,
    }


def _gaps(units: Sequence[Row], top: Row | None, say: Format) -> Row:
    """The largest gaps below the top unit, by the part that is certain, then by size."""
    below = [u for u in units if u["status"] == "ok" and (top is None or u["unit_id"] != top["unit_id"])]
    ranked = sorted(
        below, key=lambda u: (-_certain(u["gap_lower"], u["gap_upper"]), -abs(u["gap"]), u["name"], u["unit_id"])
    )[:LARGEST_GAPS]
    scale = _spread(ranked)
    sure = sum(_certain(u["gap_lower"], u["gap_upper"]) > 0 for u in below)
    return {
        "rows": [
            {"unit": unit, "dumbbell": _dumbbell(unit, "index"), "gap": _gap_drawn(unit, scale)} for unit in ranked
        ],
        "reach": say.number(scale.high, 0),
        "sentence": say.text(
            "gaps_none" if not sure else "gaps_one" if sure == 1 else "gaps_some",
            sure=say.count(sure),
            n=say.count(len(below)),
        )
        if below
        else "",
    }


def _pairs(rows: Sequence[Row], top: Row, say: Format) -> list[Row]:
    """The top unit's pairs by mirror, with each mirror's own two figures; a mirror without a pair is left out."""
    own = [row for row in rows if row["unit_id"] == top["unit_id"]]
    scale = _spread(row for row in own if row["status"] == "ok")
    known = [*MIRRORS, *sorted({str(row["mirror"]) for row in own} - set(MIRRORS))]
    groups = []
    for mirror in known:
        members = []
        for row in own:
            if row["mirror"] != mirror:
                continue
            ok = row["status"] == "ok"
            faces = {}
            for side in ("client", "collaborator"):
                has = row[f"{side}_score"] is not None
                status = row[f"{side}_status"]
                faces[side] = {
                    "text": say.number(row[f"{side}_score"]) if has else say.text(f"face_{status}"),
                    "range": say.interval(row[f"{side}_score_lower"], row[f"{side}_score_upper"], say.number)
                    if has
                    else "",
                    "has": has,
                }
            members.append(
                {
                    "label": say.label(row, str(row["pair_id"])),
                    "ok": ok,
                    "why": "" if ok else say.text(f"pair_{row['status']}"),
                    **faces,
                    "dumbbell": _dumbbell(row, "score"),
                    "gap": _gap_drawn(row, scale) if ok else None,
                    "gap_text": say.signed(row["gap"]) if ok else "",
                    "gap_range": say.interval(row["gap_lower"], row["gap_upper"], say.signed) if ok else "",
                }
            )
        if members:
            groups.append(
                {
                    "text": say.text(f"mirror_{mirror}") if mirror in MIRRORS else mirror.capitalize(),
                    "meaning": say.text(f"mirror_meaning_{mirror}") if mirror in MIRRORS else "",
                    "client": say.number(top.get(f"{mirror}_client")),
                    "collaborator": say.number(top.get(f"{mirror}_collaborator")),
                    "has": top.get(f"{mirror}_client") is not None,
                    "rows": members,
                    "reach": say.number(scale.high, 0),
                }
            )
    return groups


def _publication(row: Mapping[str, Any], stale: Sequence[Row], say: Format) -> list[str]:
    """What the foot of the page says about where the figures come from, and how old that is."""
    lines = [say.text("foot_stale", source=one["source"], days=say.count(one["age_days"])) for one in stale]
    if row.get("published_at") is not None:
        when = row["published_at"]
        at = when.strftime("%Y-%m-%d %H:%M") if say.language == "en" else when.strftime("%d/%m/%Y %H:%M")
        lines.append(say.text("foot_published", at=at, id=str(row.get("publication_id") or "–")))
    if row.get("rows_read") is not None:
        lines.append(
            say.text(
                "foot_rows",
                read=say.count(row["rows_read"]),
                landed=say.count(row.get("rows_landed")),
                quarantined=say.count(row.get("rows_quarantined")),
            )
        )
    warnings = len(str(row.get("warnings") or "").splitlines())
    if warnings:
        lines.append(say.text("foot_warnings", count=say.count(warnings)))
    return lines
