"""What the gateways' metrics tell at the end, beside what the upstream has booked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from chaos.rows import Row

BOOKED = "imagine"
"""The provider that tells with each submit what the stand-in has booked for it."""
OPEN_JOBS = "reelgate_jobs"
SPEND = "reelgate_spend_today"


@dataclass(frozen=True, slots=True)
class Told:
    """What one gateway's metrics say of all jobs."""

    gateway: str
    open_jobs: float
    spend: float

    @classmethod
    def by(cls, gateway: str, text: str) -> Told:
        """Read a scrape."""
        sums = dict.fromkeys((OPEN_JOBS, SPEND), 0.0)
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                # What others count in is no price of the stand-in's.
                is_booked = sample.labels.get("provider", BOOKED).startswith(BOOKED)
                if sample.name in sums and (is_booked or sample.name == OPEN_JOBS):
                    sums[sample.name] += sample.value
        return cls(gateway, sums[OPEN_JOBS], sums[SPEND])


def miscounted(told: Iterable[Told], rows: Sequence[Row], costs: Mapping[str, int]) -> list[str]:
    """The metrics that differ from the upstream's own record; `costs` by the upstream's ids.

    A price that was lost with its answer is in no sum: it counts as a job at no told price.
    """
    open_jobs = sum(not row.is_over for row in rows)
    booked = [row for row in rows if row.has_price and row.provider.startswith(BOOKED)]
    spend = sum(costs.get(row.provider_id or "", 0) for row in booked)
    return [
        f"{each.gateway}: {each.open_jobs:g} unfinished jobs for {open_jobs}, {each.spend:g} "
        f"credits for {spend}"
        for each in told
        if (each.open_jobs, each.spend) != (open_jobs, spend)
    ]
