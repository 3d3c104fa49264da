"""Tables and small plots as Dagster shows them beside an asset: Markdown, and pictures within it. Pure text."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape

WIDTH, HEIGHT, MARGIN = 640, 160, 36
COLOURS = ("#1f6feb", "#b35900", "#1a7f37", "#8250df")


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; "none" when there is no row."""
    lines = ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    if not lines:
        return "none"
    return "\n".join(["| " + " | ".join(header) + " |", "|" + "---|" * len(header), *lines])


def counts_table(name: str, counts: Mapping[str, int]) -> str:
    """A Markdown table of counts, the largest first; "none" when there is none."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return markdown_table((name, "rows"), ordered)


def _cell(value: object) -> str:
    return "–" if value is None else str(value).replace("|", "\\|").replace("\n", " ")


def line_plot(labels: Sequence[str], lines: Mapping[str, Sequence[float | None]], top: float = 100.0) -> str:
    """Lines over time as a picture in Markdown; a month without a figure is a gap in its line.

    Args:
        labels: one a point, from left to right; the first and last are written under the axis.
        lines: name to values between 0 and `top`, as many as labels.
        top: the value at the upper edge.

    Raises:
        ValueError: a line has not as many values as there are labels.
    """
    if any(len(values) != len(labels) for values in lines.values()):
        raise ValueError("every line needs one value a label")
    if not labels:
        return "no month yet"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" '
        f'font-size="11"><rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>'
    ]
    for share in (0.0, 0.5, 1.0):
        y = _y(share * top, top)
        parts.append(f'<path d="M{MARGIN} {y:.1f}H{WIDTH - 8}" stroke="#d0d7de"/>')
        parts.append(f'<text x="{MARGIN - 6}" y="{y + 4:.1f}" text-anchor="end" fill="#57606a">{share * top:g}</text>')
    for number, (name, values) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        parts.append(f'<path d="{_path(values, top)}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [
            f'<circle cx="{_x(place, len(values)):.1f}" cy="{_y(value, top):.1f}" r="2.5" fill="{colour}"/>'
            for place, value in enumerate(values)
            if value is not None
        ]
        parts.append(f'<text x="{MARGIN + 4 + 140 * number}" y="12" fill="{colour}">{escape(name)}</text>')
    parts.append(f'<text x="{MARGIN}" y="{HEIGHT - 4}" fill="#57606a">{escape(labels[0])}</text>')
    if len(labels) > 1:
        last = escape(labels[-1])
        parts.append(f'<text x="{WIDTH - 8}" y="{HEIGHT - 4}" text-anchor="end" fill="#57606a">{last}</text>')
    picture = base64.b64encode("".join([*parts, "</svg>"]).encode()).decode()
    return f"![{', '.join(lines)}](data:image/svg+xml;base64,{picture})"


def _x(place: int, count: int) -> float:
    return MARGIN + 6 + (WIDTH - MARGIN - 20) * (place / (count - 1) if count > 1 else 0.5)


def _y(value: float, top: float) -> float:
    return 20 + (HEIGHT - 40) * (1 - value / top)


def _path(values: Sequence[float | None], top: float) -> str:
    commands, pen = [], "M"
    for place, value in enumerate(values):
        if value is None:
            pen = "M"
            continue
        commands.append(f"{pen}{_x(place, len(values)):.1f} {_y(value, top):.1f}")
        pen = "L"
    return "".join(commands)
