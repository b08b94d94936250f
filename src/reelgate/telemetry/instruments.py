"""Counters, gauges and histograms as plain numbers.

They are counted from the first moment on, on the one thread of the event loop, at the price of a
dictionary's look-up. The library that writes them out is loaded by the first scrape: most gateways
are never scraped.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate

Labels = tuple[str, ...]
"""The values of a metric's labels, in their order."""


@dataclass(slots=True)
class Counter:
    """Only grows, for each combination of labels; its name ends with `_total`."""

    name: str
    help: str
    labels: Labels = ()
    values: defaultdict[Labels, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, *labels: str, by: float = 1.0) -> None:
        self.values[labels] += by


@dataclass(slots=True)
class Gauge:
    """Read anew for each scrape."""

    name: str
    help: str
    labels: Labels = ()
    values: Mapping[Labels, float] = field(default_factory=dict)


@dataclass(slots=True)
class Observations:
    """How many fell into each bucket, and their sum; the last bucket has no upper bound."""

    counts: list[int]
    total: float = 0.0


@dataclass(slots=True)
class Histogram:
    """Counts values by size: up to each of `bounds`, and beyond the last."""

    name: str
    help: str
    labels: Labels
    bounds: tuple[float, ...]
    values: dict[Labels, Observations] = field(default_factory=dict)

    def observe(self, value: float, *labels: str) -> None:
        seen = self.values.get(labels)
        if seen is None:
            seen = self.values[labels] = Observations([0] * (len(self.bounds) + 1))
        seen.counts[bisect_left(self.bounds, value)] += 1
        seen.total += value

    @property
    def count(self) -> int:
        """How many values there were, whatever their labels."""
        return sum(sum(seen.counts) for seen in self.values.values())

    @property
    def total(self) -> float:
        """Their sum."""
        return sum(seen.total for seen in self.values.values())

    def buckets(self, seen: Observations) -> list[tuple[str, float]]:
        """How many values are at most each bound, as Prometheus counts them."""
        names = [*(format(bound, "g") for bound in self.bounds), "+Inf"]
        return list(zip(names, accumulate(seen.counts), strict=True))


Instrument = Counter | Gauge | Histogram
