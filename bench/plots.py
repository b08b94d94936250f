"""The plots of docs/performance.md, out of its numbers: bars, by hand-written SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, LEFT, ROW, TOP, FOOT = 760, 250, 26, 44, 16
INK, GREY = "#1f2933", "#9aa5b1"
FONT = 'font-family="sans-serif" font-size="13"'
COLOURS = {"ours": "#2b6cb0", "plain": GREY}


@dataclass(frozen=True, slots=True)
class Bar:
    """One value and what it is of; `who` chooses the colour."""

    name: str
    value: float
    told: str
    who: str


def bars(title: str, rows: Sequence[Bar]) -> str:
    """A picture of horizontal bars from zero, one under the other."""
    most = max((row.value for row in rows), default=1.0) or 1.0
    height = TOP + ROW * len(rows) + FOOT
    room = WIDTH - LEFT - 110
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" {FONT}>'
    parts = [
        head,
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        label(16, 26, title),
    ]
    for at, row in enumerate(rows):
        top, wide = TOP + ROW * at, max(1.0, room * row.value / most)
        size = f'width="{wide:.1f}" height="{ROW - 8}"'
        parts += [
            label(LEFT - 10, top + 14, row.name, "end"),
            f'<rect x="{LEFT}" y="{top}" {size} fill="{COLOURS[row.who]}"/>',
            label(LEFT + wide + 8, top + 14, row.told),
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def label(x: float, y: float, words: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}" fill="{INK}">{words}</text>'
