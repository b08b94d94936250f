"""Measure polling against polling every 10 s and against the optimum: `python bench/polling.py`.

Prints tables of mean delay after ready and polls per job; `--json FILE` writes them as data and
`--plot FILE` draws docs/images/pacing.svg. Seeds are fixed: two runs print the same numbers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import platform
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import product
from pathlib import Path
from random import Random
from statistics import fmean
from time import process_time
from typing import TYPE_CHECKING

from polling_model import (
    DISTRIBUTIONS,
    DRIFTS,
    PUBLISHED,
    Cost,
    at_polls,
    best_polls,
    cost_of,
    drifting,
    learned,
    paced_cost,
    plain_polls,
    quantiles,
)
from polling_plot import draw
from polling_simulation import Outcome, Simulation, at_once, evenly, plain_of, poisson

from reelgate.polling.distribution import Distribution
from reelgate.polling.observations import UNPUBLISHED, Observation, Prior
from reelgate.polling.schedule import Pace, default_pace, next_poll_s

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from polling_model import Quantiles

    PaceOf = Callable[[Distribution], Pace]

POINTS = 1000
HISTORIES = {0: 1, 20: 40, 200: 20}
DRIFTING = 600
"""Jobs of each drift."""


@dataclass(frozen=True, slots=True)
class Row:
    """One way of polling one distribution; costs are None where the way has no such setting."""

    distribution: str
    way: str
    same: Cost | None
    half: Cost | None
    default: Cost | None


def rows_of(name: str, distribution: Quantiles) -> Iterator[Row]:
    """Measure every way of polling one distribution."""
    durations = quantiles(distribution, POINTS)
    plain = cost_of(plain_polls(max(durations)), durations)
    yield Row(name, "every 10 s", plain, None, plain)

    def optimum(price_s: float) -> Cost:
        return cost_of(best_polls(durations, price_s), durations)

    yield Row(name, "optimum, knows the distribution", *at_both(optimum, plain.polls), None)
    priors = {"unpublished": UNPUBLISHED}
    if name in PUBLISHED:
        priors["published"] = Prior(*PUBLISHED[name])
    for title, prior in priors.items():
        for jobs, times in HISTORIES.items():
            distributions = learned(distribution, jobs, prior, times=times)
            way = f"{jobs} earlier jobs, {title}" if jobs else f"cold, {title}"
            usual = partial(default_pace, earlier=jobs)
            yield paced_row(name, way, distributions, durations, plain.polls, usual)


def paced_row(
    name: str,
    way: str,
    distributions: list[Distribution],
    durations: list[float],
    polls: float,
    usual: PaceOf,
) -> Row:
    """Measure ours with distributions learned from several histories."""

    def paced(price_s: float) -> Cost:
        return paced_cost(distributions, durations, lambda _: Pace(price_s))

    return Row(name, way, *at_both(paced, polls), paced_cost(distributions, durations, usual))


def at_both(cost_at: Callable[[float], Cost], polls: float) -> tuple[Cost, Cost]:
    """The costs at as many polls and at half as many."""
    return at_polls(cost_at, polls), at_polls(cost_at, polls / 2)


def text(cost: Cost | None) -> str:
    """Show a cost as delay and polls."""
    return f"{cost.delay_s:.2f} s / {cost.polls:.1f}" if cost else "-"


def print_rows(rows: list[Row]) -> None:
    """Print the main table, as Markdown."""
    print("| durations | schedule | as many polls | half as many | by default |")
    print("|---|---|---|---|---|")
    for row in rows:
        cells = (row.distribution, row.way, text(row.same), text(row.half), text(row.default))
        print("| " + " | ".join(cells) + " |")


def drift_rows() -> list[dict[str, object]]:
    """Measure ours while the durations drift: a job every 200 s, nothing published."""
    rows: list[dict[str, object]] = []
    for kind in DRIFTS:
        rng = Random(3)
        ranges = [drifting(kind, at / DRIFTING) for at in range(DRIFTING)]
        durations = iter([rng.uniform(*ends) for ends in ranges])
        starts = evenly(DRIFTING, 200.0 * DRIFTING)
        outcome = asyncio.run(Simulation(None).wave(starts, partial(next, durations)))
        ours, plain = mean_of(outcome), mean_of(plain_of(outcome.durations_s))
        rows.append({"drift": kind, "plain": asdict(plain), "ours": asdict(ours)})
        print(f"| {kind} | {text(plain)} | {text(ours)} |")
    return rows


def mean_of(outcome: Outcome) -> Cost:
    """What a job cost on average."""
    return Cost(fmean(outcome.delays_s), fmean(outcome.polls))


def budget_rows() -> list[dict[str, object]]:
    """Measure jobs of one account under shrinking budgets, in a stream and all at once."""
    rows: list[dict[str, object]] = []
    waves = {
        "stream, 2 jobs/s": poisson(1200, 2.0),
        "300 jobs at once": at_once(300),
        "2,000 jobs in 100 s": evenly(2000, 100.0),
    }
    for (title, starts), budget in product(waves.items(), (1000.0, 20.0, 10.0, 5.0)):
        outcome = asyncio.run(under_budget(starts, budget))
        cost, times = mean_of(outcome), outcome.times_s
        per_s, peak_per_s = len(times) / (max(times) - min(times)), outcome.most_within(10.0) / 10
        rows.append(
            {
                "wave": title,
                "budget_per_s": budget,
                "per_s": per_s,
                "peak_per_s": peak_per_s,
                **asdict(cost),
            }
        )
        print(
            f"| {title} | {budget:g} | {per_s:.1f} | {peak_per_s:.1f} "
            f"| {cost.polls:.1f} | {cost.delay_s:.2f} s |"
        )
    return rows


async def under_budget(starts: list[float], budget_per_s: float) -> Outcome:
    """Jobs of 60-90 s under a budget, after 200 such jobs one after the other."""
    simulation, rng = Simulation(None, polls_per_s=budget_per_s), Random(5)
    duration_s = partial(rng.uniform, 60.0, 90.0)
    await simulation.wave(evenly(200, 20_000.0), duration_s)
    return await simulation.wave(starts, duration_s)


def speed() -> dict[str, float]:
    """Measure, in processor time, what learning and asking cost."""
    durations = quantiles(DISTRIBUTIONS["60-90 s"], 200)
    intervals = [
        Observation(duration - duration % 5, duration - duration % 5 + 5) for duration in durations
    ]
    waits = [Observation(at / 10, math.inf) for at in range(500)]
    distribution = Distribution.learn(durations, UNPUBLISHED)
    pace = default_pace(distribution)
    times = iter(range(20_000))
    return {
        "learn_ms": 1e3 * timed(lambda: Distribution.learn(durations, UNPUBLISHED), 50),
        "learn_wave_ms": 1e3
        * timed(lambda: Distribution.learn([*intervals, *waits], UNPUBLISHED), 50),
        "next_poll_us": 1e6
        * timed(
            lambda: next_poll_s(distribution, next(times) / 200, pace, deadline_s=1800), 20_000
        ),
    }


def timed(work: Callable[[], object], times: int) -> float:
    """Processor seconds of one piece of work."""
    began = process_time()
    for _ in range(times):
        work()
    return (process_time() - began) / times


def measure() -> dict[str, object]:
    rows = [
        row for name, distribution in DISTRIBUTIONS.items() for row in rows_of(name, distribution)
    ]
    print_rows(rows)
    print("\n| drift | every 10 s | ours, learning from its own polls |\n|---|---|---|")
    drifts = drift_rows()
    print("\n| jobs | budget, polls/s | made | most in 10 s | polls per job | delay |")
    print("|---|---|---|---|---|---|")
    waves = budget_rows()
    costs = speed()
    print(
        f"\nlearn from 200 jobs: {costs['learn_ms']:.2f} ms; from intervals, beside 500 that wait: "
        f"{costs['learn_wave_ms']:.2f} ms; ask: {costs['next_poll_us']:.2f} us"
    )
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "distributions": [asdict(row) for row in rows],
        "drifts": drifts,
        "budgets": waves,
        "speed": costs,
    }


def main(arguments: list[str]) -> None:
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
