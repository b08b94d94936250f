"""Many jobs at the same time: `python bench/polling_wave.py [--jobs 1 16 300 10000]`.

The gateway's own decisions on a clock that jumps (`polling_simulation.py`): each published
class, this many jobs submitted in one instant and over 100 s, on an empty database (cold) and once
more after it (warm: the first wave, and at least 100 jobs, one every 10 s). Requests are the polls
and the one that confirms what the last of them found; the plain loop needs none such. Seeds are
fixed.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from random import Random
from statistics import fmean
from time import process_time
from typing import Any

from figures import quantile, table
from polling_model import PUBLISHED
from polling_simulation import CONFIRMING, Outcome, Simulation, at_once, evenly, plain_of

ARRIVAL_S = 100.0
APART_S = 400.0
"""From the end of one wave to the next."""
TAUGHT = 100
"""Jobs that a warm distribution is learned from at least."""
SEEDS = {1: 20, 16: 8, 300: 4}
"""Few jobs are simulated this many times, with other durations each."""
COLUMNS = ("class", "jobs", "submitted", "who", "mean", "p99", "requests/job", "at most")


@dataclass(frozen=True, slots=True)
class Row:
    """One way of polling one wave."""

    kind: str
    jobs: int
    submitted: str
    who: str
    mean_s: float
    p99_s: float
    requests: float
    aim: float


def starts_of(submitted: str, jobs: int) -> list[float]:
    """When the jobs of a wave are submitted."""
    return at_once(jobs) if submitted == "at once" else evenly(jobs, ARRIVAL_S)


async def waves(kind: str, jobs: int, submitted: str, seed: int) -> dict[str, Outcome]:
    """A cold wave, a warm one, and the plain loop on the jobs of both."""
    rng, starts = Random(seed), starts_of(submitted, jobs)
    duration_s = partial(rng.uniform, *PUBLISHED[kind])
    simulation = Simulation(PUBLISHED[kind], seed=seed)
    cold = await simulation.wave(starts, duration_s)
    if jobs < TAUGHT:
        await simulation.wave(evenly(TAUGHT, 10.0 * TAUGHT), duration_s)
    simulation.clock.at_s += APART_S
    warm = await simulation.wave(starts, duration_s)
    plain = plain_of([*cold.durations_s, *warm.durations_s])
    return {"ours, cold": cold, "ours, warm": warm, "plain loop": plain}


async def rows_of(kind: str, jobs: int, submitted: str) -> list[Row]:
    """All three ways, over several seeds where a wave is small."""
    runs = [await waves(kind, jobs, submitted, seed) for seed in range(SEEDS.get(jobs, 1))]
    plain = fmean(fmean(run["plain loop"].polls) for run in runs)
    aims = {"ours, cold": plain, "ours, warm": 2 * plain, "plain loop": plain}
    return [
        row(kind, jobs, submitted, who, aim, [r[who] for r in runs]) for who, aim in aims.items()
    ]


def row(
    kind: str, jobs: int, submitted: str, who: str, aim: float, outcomes: Sequence[Outcome]
) -> Row:
    delays = sorted(delay for outcome in outcomes for delay in outcome.delays_s)
    polls = fmean(poll for outcome in outcomes for poll in outcome.polls)
    requests = polls if who == "plain loop" else polls + CONFIRMING
    return Row(kind, jobs, submitted, who, fmean(delays), quantile(delays, 0.99), requests, aim)


def run(jobs: Sequence[int]) -> list[dict[str, Any]]:
    """Every class, number of jobs and way of submitting."""
    cases = product(PUBLISHED, jobs, ("at once", "over 100 s"))
    return [asdict(row) for case in cases for row in asyncio.run(rows_of(*case))]


def cells(row: dict[str, Any]) -> tuple[str, ...]:
    """One line of the table."""
    return (
        row["kind"],
        f"{row['jobs']:,}",
        row["submitted"],
        row["who"],
        f"{row['mean_s']:.2f} s",
        f"{row['p99_s']:.2f} s",
        f"{row['requests']:.1f}",
        f"{row['aim']:.1f}",
    )


def report(rows: Sequence[dict[str, Any]]) -> str:
    return table(COLUMNS, map(cells, rows))


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, nargs="*", default=[1, 16, 300, 10_000])
    options = parser.parse_args(arguments)
    began_s = process_time()
    print(report(run(options.jobs)))
    print(f"\n{process_time() - began_s:.0f} s of processor time.")


if __name__ == "__main__":
    main(sys.argv[1:])
