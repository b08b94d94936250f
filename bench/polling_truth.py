"""Whatever the truth: `python bench/polling_truth.py [--http 0.1 1.5]`.

Published times are a hint. Here the truth is the published range times a factor, and nobody tells
the gateway. Simulated, the gateway's own decisions are made on a clock that jumps
(`polling_simulation.py`); with `--http`, a gateway polls a sandbox that is as much faster or
slower, over sockets, beside the plain loop. Polls are those of a status; the request that confirms
what the last one found is one more for each job. Seeds are fixed.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from random import Random
from statistics import fmean
from tempfile import TemporaryDirectory

import latency
from figures import table
from polling_model import PUBLISHED
from polling_simulation import Outcome, Simulation, at_once, evenly, plain_of
from programs import gateway, plain_loop, prepare_process, sandbox

FACTORS = (0.03, 0.1, 0.3, 0.6, 1.0, 1.5, 3.0)
SUBMITTED = {"alone": (1, 0.0), "300 at once": (300, 0.0), "300 in 100 s": (300, 100.0)}
ALONE = 60
"""A job alone is simulated so many times, each with a database of its own."""
TAUGHT = 40
"""Jobs, one every 10 s, between a cold wave and the warm one."""
APART_S = 2000.0
COLUMNS = ("published", "truth", "submitted", "cold", "plain loop", "warm", "plain loop")
HTTP_COLUMNS = ("class", "truth", "who", "jobs", "mean", "p95", "requests/job")


@dataclass(frozen=True, slots=True)
class Cost:
    """Mean delay after ready and mean polls of some jobs."""

    delay_s: float
    polls: float

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> Cost:
        return cls(
            fmean(delay for outcome in outcomes for delay in outcome.delays_s),
            fmean(polls for outcome in outcomes for polls in outcome.polls),
        )

    def __str__(self) -> str:
        return f"{self.delay_s:.2f} s / {self.polls:.1f}"


async def both_waves(kind: str, factor: float, submitted: str, seed: int) -> list[Outcome]:
    """A wave on an empty database, and one when it has taught."""
    (jobs, over_s), rng = SUBMITTED[submitted], Random(seed)
    low_s, high_s = PUBLISHED[kind]
    duration_s = partial(rng.uniform, factor * low_s, factor * high_s)
    starts = evenly(jobs, over_s) if over_s else at_once(jobs)
    simulation = Simulation(PUBLISHED[kind], seed=seed)
    cold = await simulation.wave(starts, duration_s)
    await simulation.wave(evenly(TAUGHT, 10.0 * TAUGHT), duration_s)
    simulation.clock.at_s += APART_S
    return [cold, await simulation.wave(starts, duration_s)]


def simulated(kinds: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The lines of the table."""
    for kind, factor, submitted in product(kinds, FACTORS, SUBMITTED):
        seeds = range(ALONE if submitted == "alone" else 1)
        runs = [asyncio.run(both_waves(kind, factor, submitted, seed)) for seed in seeds]
        cold, warm = [run[0] for run in runs], [run[1] for run in runs]
        yield (kind, f"{factor:g} times", submitted, *beside_plain(cold), *beside_plain(warm))


def beside_plain(ours: Sequence[Outcome]) -> tuple[str, str]:
    """What jobs cost, and what the plain loop would have cost on the same jobs."""
    return str(Cost.of(ours)), str(Cost.of([plain_of(one.durations_s) for one in ours]))


def over_http(factors: Sequence[float], jobs: int, speed: float) -> Iterator[tuple[str, ...]]:
    """The same over sockets: a sandbox in a time that its gateway believes to be another."""
    prepare_process()
    for factor in factors:
        results = []
        with TemporaryDirectory(prefix="reelgate-bench-") as folder:
            for who in ("ours, cold", "ours, warm"):
                with sandbox(speed=speed / factor) as upstream:
                    program = gateway(
                        Path(folder), sandbox_url=upstream.url, sandbox_speed=speed, polls_per_s=100
                    )
                    results += latency.wave(who, program, upstream, jobs, speed)
        with sandbox(speed=speed / factor) as upstream:
            program = plain_loop(upstream.url, latency.PLAIN_SLEEP_S / speed)
            results += latency.wave("plain loop", program, upstream, jobs, speed)
        for found in sorted(results, key=lambda each: list(latency.CLASSES).index(each["class"])):
            mean, p95 = (f"{found['delay_s'][name]:.2f} s" for name in ("mean", "p95"))
            told = (found["class"], f"{factor:g} times", found["who"], str(found["jobs"]))
            yield (*told, mean, p95, f"{found['polls']:.1f}")


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", nargs="*", choices=list(PUBLISHED), default=list(PUBLISHED))
    parser.add_argument("--http", type=float, nargs="*", metavar="FACTOR", help="over sockets")
    parser.add_argument("--jobs", type=int, default=16, help="of each class, over sockets")
    parser.add_argument("--speed", type=float, default=3.0, help="of the sandbox's time")
    options = parser.parse_args(arguments)
    if options.http is None:
        print(table(COLUMNS, simulated(options.kinds)))
    else:
        print(table(HTTP_COLUMNS, over_http(options.http, options.jobs, options.speed)))


if __name__ == "__main__":
    main(sys.argv[1:])
