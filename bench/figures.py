"""Numbers out of measurements, and tables out of numbers."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import fmean
from typing import Any

PEERS = ("reelgate", "fastapi", "uvicorn", "aiohttp", "httpx2", "sqlalchemy", "asyncpg")


@dataclass(frozen=True, slots=True)
class Spread:
    """A sample's middle and upper end."""

    mean: float
    p50: float
    p95: float
    p99: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Summarise values; all are not-a-number where there are none."""
        ordered = sorted(values)
        if not ordered:
            return cls(*[float("nan")] * 5)
        return cls(
            fmean(ordered),
            quantile(ordered, 0.50),
            quantile(ordered, 0.95),
            quantile(ordered, 0.99),
            ordered[-1],
        )

    def scaled(self, factor: float) -> Spread:
        """The same in another unit."""
        return Spread(*(value * factor for value in asdict(self).values()))


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value that this share of an ordered sample lies at or below."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    return {
        "when": datetime.now(UTC).isoformat(timespec="minutes"),
        "cores": len(os.sched_getaffinity(0)),
        "cpu": cpu_name(),
        "memory_gb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1),
        "load": [round(value, 2) for value in os.getloadavg()],
        "python": sys.version.split()[0],
        "system": f"{platform.system()} {platform.release()}",
        "versions": {name: version(name) for name in PEERS},
    }


def cpu_name() -> str:
    """The processor's name, where the system tells."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
