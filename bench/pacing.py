"""Measure pacing against polling every 10 s and against the optimum: `python bench/pacing.py`.

Prints tables of mean delay after ready and looks per job; `--json FILE` writes them as data and
`--plot FILE` draws docs/images/pacing.svg. Seeds are fixed: two runs print the same numbers.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from pacing_crowd import Crowd, stream
from pacing_model import (
    DRIFTS,
    LAWS,
    PUBLISHED,
    Cost,
    at_looks,
    best_looks,
    cost_of,
    learned,
    live,
    paced_cost,
    plain_looks,
    quantiles,
)
from pacing_plot import draw

from reelgate.pacing import UNPUBLISHED, Law, Prior, default_pace, next_look_s

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pacing_model import Quantiles

POINTS = 1000
HISTORIES = {0: 1, 20: 40, 200: 20}


@dataclass(frozen=True, slots=True)
class Row:
    """One way of looking at one law; costs are None where the way has no such setting."""

    law: str
    way: str
    same: Cost | None
    half: Cost | None
    default: Cost | None


def rows_of(name: str, law: Quantiles) -> Iterator[Row]:
    """Measure every way of looking at one law."""
    durations = quantiles(law, POINTS)
    plain = cost_of(plain_looks(max(durations)), durations)
    yield Row(name, "every 10 s", plain, None, plain)

    def optimum(price_s: float) -> Cost:
        return cost_of(best_looks(durations, price_s), durations)

    yield Row(name, "optimum, knows the law", *at_both(optimum, plain.looks), None)
    priors = {"unpublished": UNPUBLISHED}
    if name in PUBLISHED:
        priors["published"] = Prior(*PUBLISHED[name])
    for title, prior in priors.items():
        for jobs, times in HISTORIES.items():
            laws = learned(law, jobs, prior, times=times)
            way = f"{jobs} jobs seen, {title}" if jobs else f"cold, {title}"
            yield paced_row(name, way, laws, durations, plain.looks)


def paced_row(name: str, way: str, laws: list[Law], durations: list[float], looks: float) -> Row:
    """Measure ours with laws learned from several histories."""

    def paced(price_s: float) -> Cost:
        return paced_cost(laws, durations, price_s)

    return Row(name, way, *at_both(paced, looks), paced_cost(laws, durations, None))


def at_both(cost_at: Callable[[float], Cost], looks: float) -> tuple[Cost, Cost]:
    """The costs at as many looks and at half as many."""
    return at_looks(cost_at, looks), at_looks(cost_at, looks / 2)


def text(cost: Cost | None) -> str:
    """Show a cost as delay and looks."""
    return f"{cost.delay_s:.2f} s / {cost.looks:.1f}" if cost else "-"


def print_rows(rows: list[Row]) -> None:
    """Print the main table, as Markdown."""
    print("| durations | way of looking | as many looks | half as many | by default |")
    print("|---|---|---|---|---|")
    for row in rows:
        cells = (row.law, row.way, text(row.same), text(row.half), text(row.default))
        print("| " + " | ".join(cells) + " |")


def drift_rows() -> list[dict[str, object]]:
    """Measure ours live, learning only from its own looks, while the durations drift."""
    rows: list[dict[str, object]] = []
    for kind in DRIFTS:
        ours, plain = live(kind, UNPUBLISHED)
        rows.append({"drift": kind, "plain": asdict(plain), "ours": asdict(ours)})
        print(f"| {kind} | {text(plain)} | {text(ours)} |")
    return rows


def crowd_rows() -> list[dict[str, object]]:
    """Measure jobs of one account under shrinking budgets, in a stream and all at once."""
    rows: list[dict[str, object]] = []
    crowds = {"stream, 2 jobs/s": stream(1200, 2.0), "300 jobs at once": [0.0] * 300}
    for (title, starts), budget in product(crowds.items(), (1000.0, 20.0, 10.0, 5.0)):
        result = Crowd(starts, budget).run()
        rows.append({"crowd": title, "budget_per_s": budget, **asdict(result)})
        print(
            f"| {title} | {budget:g} | {result.per_s:.1f} | {result.peak_per_s:.1f} "
            f"| {result.looks:.1f} | {result.delay_s:.2f} s |"
        )
    return rows


def speed() -> dict[str, float]:
    """Measure what learning and asking cost."""
    durations = quantiles(LAWS["60-90 s"], 200)
    start = perf_counter()
    laws = [Law.learn(durations, UNPUBLISHED) for _ in range(50)]
    learn_ms = (perf_counter() - start) / 50 * 1e3
    pace = default_pace(laws[0])
    start = perf_counter()
    for at in range(20_000):
        next_look_s(laws[0], at / 200, pace, deadline_s=1800)
    return {"learn_ms": learn_ms, "next_look_us": (perf_counter() - start) / 20_000 * 1e6}


def measure() -> dict[str, object]:
    """Run everything, print it and return it."""
    rows = [row for name, law in LAWS.items() for row in rows_of(name, law)]
    print_rows(rows)
    print("\n| drift | every 10 s | ours, learning from its own looks |\n|---|---|---|")
    drifts = drift_rows()
    print("\n| jobs | budget, looks/s | made | most in 10 s | looks per job | delay |")
    print("|---|---|---|---|---|---|")
    crowds = crowd_rows()
    costs = speed()
    print(f"\nlearn from 200 jobs: {costs['learn_ms']:.2f} ms; ask: {costs['next_look_us']:.2f} us")
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "laws": [asdict(row) for row in rows],
        "drifts": drifts,
        "budgets": crowds,
        "speed": costs,
    }


def main(arguments: list[str]) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the results here")
    parser.add_argument("--plot", type=Path, help="draw the plot here (SVG)")
    options = parser.parse_args(arguments)
    results = measure()
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    if options.plot:
        options.plot.write_text(draw())


if __name__ == "__main__":
    main(sys.argv[1:])
