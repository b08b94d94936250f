"""Writes metrics in the formats that Prometheus reads; loads the library that knows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Metric, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from reelgate.telemetry.instruments import Counter, Gauge, Histogram, Instrument


@dataclass(frozen=True, slots=True)
class Exposition:
    """All metrics of a process as text, and its media type."""

    body: bytes
    content_type: str


class Exporter(Collector):
    """Hands our plain numbers to the library, and the process's own beside them."""

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        self._instruments = list(instruments)
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def collect(self) -> Iterator[Metric]:
        """The library asks for this."""
        return map(family_of, self._instruments)

    def exposition(self, accept: str) -> Exposition:
        """The metrics as they are now, in the format that an `Accept` header asks for."""
        encode, content_type = choose_encoder(accept)
        return Exposition(encode(self._registry), content_type)


def family_of(instrument: Instrument) -> Metric:
    """A metric and its values as the library's own object."""
    name, told, labels = instrument.name, instrument.help, instrument.labels
    if isinstance(instrument, Histogram):
        histogram = HistogramMetricFamily(name, told, labels=labels)
        for values, seen in instrument.values.items():
            histogram.add_metric(values, buckets=instrument.buckets(seen), sum_value=seen.total)
        return histogram
    kind: type[CounterMetricFamily | GaugeMetricFamily]
    match instrument:
        case Counter():
            kind = CounterMetricFamily
        case Gauge():
            kind = GaugeMetricFamily
    family = kind(name, told, labels=labels)
    for values, value in instrument.values.items():
        family.add_metric(values, value)
    return family
