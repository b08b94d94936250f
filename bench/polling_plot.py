"""The plot of docs/pacing.md: where polls fall, and what delay they buy."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from polling_model import (
    DISTRIBUTIONS,
    best_polls,
    cost_of,
    learned,
    paced_cost,
    paced_polls,
    plain_polls,
    quantiles,
)

from reelgate.polling.observations import UNPUBLISHED
from reelgate.polling.schedule import Pace, default_pace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reelgate.polling.distribution import Distribution

WIDTH, HEIGHT = 860, 640
INK, GREY = "#1f2933", "#9aa5b1"
COLOURS = {"every n s": "#9aa5b1", "cold": "#e9a23b", "200 earlier jobs": "#2b6cb0", "optimum": INK}
PRICES_S = [10 ** (power / 4) for power in range(-8, 5)]


@dataclass(frozen=True, slots=True)
class Panel:
    """A rectangle of the picture and the values along its sides."""

    left: float
    top: float
    width: float
    height: float
    x_most: float
    y_most: float

    def x(self, value: float) -> float:
        """Where a value lies across the picture."""
        return round(self.left + self.width * value / self.x_most, 1)

    def y(self, value: float) -> float:
        """Where a value lies down the picture."""
        return round(self.top + self.height * (1 - value / self.y_most), 1)

    def line(self, points: Sequence[tuple[float, float]], colour: str) -> str:
        inside = [(x, y) for x, y in points if x <= self.x_most and y <= self.y_most]
        path = " ".join(f"{self.x(x)},{self.y(y)}" for x, y in inside)
        return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'

    def frame(self, x_title: str, x_step: float) -> list[str]:
        """The lower side with its values and title."""
        low = self.top + self.height
        marks = [x_step * n for n in range(int(self.x_most / x_step) + 1)]
        return [
            stroke(self.left, low, self.left + self.width, low, GREY),
            *(label(self.x(mark), low + 18, f"{mark:g}", "middle") for mark in marks),
            label(self.left + self.width / 2, low + 38, x_title, "middle"),
        ]


def stroke(x: float, y: float, to_x: float, to_y: float, colour: str) -> str:
    return (
        f'<line x1="{x:g}" y1="{y:g}" x2="{to_x:g}" y2="{to_y:g}" '
        f'stroke="{colour}" stroke-width="1.6"/>'
    )


def label(x: float, y: float, words: str, anchor: str = "start", colour: str = INK) -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" fill="{colour}">{words}</text>'


def timeline(distribution: Distribution) -> list[str]:
    """The poll density of a bimodal kind over time, with the polls of both ways under it."""
    panel = Panel(150, 50, 680, 130, 200, 0.5)
    heights = [(t / 2, min(distribution.poll_density(t / 2), panel.y_most)) for t in range(400)]
    ours = [
        poll for poll in paced_polls(distribution, default_pace(distribution), 185) if poll <= 200
    ]
    parts = [
        label(150, 30, "A kind with two modes, 40-50 s and 140-170 s, after 200 jobs"),
        label(135, 120, "sqrt(h / 2)", "end"),
        panel.line(heights, COLOURS["200 earlier jobs"]),
    ]
    rows = ((ours, "our polls", "200 earlier jobs"), (plain_polls(190), "every 10 s", "every n s"))
    for at, (polls, words, key) in enumerate(rows):
        top = 190 + 24 * at
        parts += [stroke(panel.x(t), top, panel.x(t), top + 16, COLOURS[key]) for t in polls]
        parts.append(label(135, top + 13, words, "end"))
    lower = Panel(150, 190, 680, 50, 200, 1)
    return parts + lower.frame("seconds since the submit", 20)


def trade() -> list[str]:
    """Delay against polls for one published class."""
    panel = Panel(150, 330, 680, 250, 24, 8)
    parts = [label(150, 312, "60-90 s: mean delay bought by polls, for four schedules")]
    for value in (0, 2, 4, 6, 8):
        parts.append(label(135, panel.y(value) + 4, f"{value} s", "end"))
        parts.append(stroke(150, panel.y(value), 830, panel.y(value), "#e4e7eb"))
    for at, (name, points) in enumerate(curves().items()):
        parts.append(panel.line(points, COLOURS[name]))
        x, y = 640, 360 + 22 * at
        parts += [stroke(x, y - 4, x + 26, y - 4, COLOURS[name]), label(x + 34, y, name)]
    return parts + panel.frame("polls per job", 4)


def curves() -> dict[str, list[tuple[float, float]]]:
    """Polls and delay along the prices, for each way."""
    distribution = DISTRIBUTIONS["60-90 s"]
    durations = quantiles(distribution, 600)
    gaps = [math.exp(n / 10) for n in range(11, 29)]
    ways = {
        "every n s": [cost_of(plain_polls(90 + gap, gap), durations) for gap in gaps],
        "optimum": [cost_of(best_polls(durations, p), durations) for p in PRICES_S],
    }
    for name, jobs in (("cold", 0), ("200 earlier jobs", 200)):
        distributions = learned(distribution, jobs, UNPUBLISHED, times=8)
        ways[name] = [
            paced_cost(distributions, durations, at_price(price_s)) for price_s in PRICES_S
        ]
    return {name: sorted((c.polls, c.delay_s) for c in costs) for name, costs in ways.items()}


def at_price(price_s: float) -> Callable[[Distribution], Pace]:
    """The same price for every distribution."""
    return lambda _: Pace(price_s)


def draw() -> str:
    """The whole picture, as SVG."""
    distribution = learned(DISTRIBUTIONS["bimodal"], 200, UNPUBLISHED, times=1)[0]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="sans-serif" font-size="13">'
    )
    back = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
    return "\n".join([head, back, *timeline(distribution), *trade(), "</svg>"]) + "\n"
