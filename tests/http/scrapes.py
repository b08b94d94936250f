"""What a scrape tells, read by the Prometheus client's own parser."""

from __future__ import annotations

import socket
from contextlib import suppress

from prometheus_client.parser import text_string_to_metric_families

from tests.gateway import Gateway


class Scraped:
    """The samples of one scrape."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._samples = [
            sample for family in text_string_to_metric_families(text) for sample in family.samples
        ]

    def value(self, name: str, **labels: str) -> float:
        """The sum over all samples of a name that have these labels."""
        return sum(
            sample.value
            for sample in self._samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def by(self, name: str, *labels: str) -> dict[tuple[str, ...], float]:
        """The sums over the samples of a name by the values of these labels."""
        sums: dict[tuple[str, ...], float] = {}
        for sample in self._samples:
            if sample.name == name:
                values = tuple(sample.labels[label] for label in labels)
                sums[values] = sums.get(values, 0) + sample.value
        return sums


async def scrape(gateway: Gateway, **headers: str) -> Scraped:
    reply = await gateway.call("GET", "/metrics", headers=headers)
    assert reply.status == 200, reply
    return Scraped(reply.text)


def two_free_ports() -> int:
    """The first of two ports side by side that nobody listens on."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            with suppress(OSError):
                second.bind(("127.0.0.1", port + 1))
                return port
