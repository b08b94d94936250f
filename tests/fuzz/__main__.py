"""Feeds every parser of foreign input with made-up input until the time is over."""

from __future__ import annotations

import argparse
import itertools
import logging
import random
import sys
import time
from collections import Counter

import hypothesis
import structlog
from hypothesis import HealthCheck, Phase

from tests.fuzz.parsers import PARSERS, Parser

BATCH = 100
"""Examples of one parser before it is the next one's turn."""


def main() -> None:
    """Ends with 1 and the smallest such input where a parser fails otherwise than it may."""
    asked = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    asked.add_argument("--seconds", type=float, default=60.0)
    asked.add_argument("--seed", type=int, help="the first batch's; those after it count on")
    asked.add_argument("parsers", nargs="*", help=f"some of {', '.join(PARSERS)}; else all")
    options = asked.parse_args()
    if unknown := set(options.parsers) - set(PARSERS):
        asked.error(f"there is no parser {', '.join(sorted(unknown))}")
    logging.disable()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    names = options.parsers or list(PARSERS)
    counts: Counter[str] = Counter()
    seeds = itertools.count(random.getrandbits(32) if options.seed is None else options.seed)
    ends = time.monotonic() + options.seconds
    while time.monotonic() < ends:
        for name in names:
            counts[name] += run(name, PARSERS[name], next(seeds))
            if time.monotonic() >= ends and all(counts[each] for each in names):
                break
    for name, count in counts.items():
        sys.stdout.write(f"{name:<24} {count:>8}\n")


def run(name: str, parser: Parser, seed: int) -> int:
    """One batch; returns how many inputs were tried."""
    tried = 0

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=BATCH,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(parser.inputs)
    def feed(given: object) -> None:
        nonlocal tried
        tried += 1
        try:
            parser.read(given)
        except parser.refuses:
            return

    try:
        feed()
    except BaseException:
        sys.stderr.write(f"{name} failed; again: python -m tests.fuzz --seed {seed} {name}\n")
        raise
    return tried


if __name__ == "__main__":
    main()
