"""Writes the Grafana dashboard, deploy/grafana/reelgate.json: `make docs`. A test compares."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reelgate.telemetry.instruments import Gauge, Histogram
from reelgate.telemetry.metrics import Metrics

FILE = Path(__file__).resolve().parent.parent / "deploy" / "grafana" / "reelgate.json"
M = Metrics()
RATE = "$__rate_interval"
WIDTH, HEIGHT = 8, 8
COLUMNS = 24 // WIDTH
HERE = '{job="$job"}'


@dataclass(frozen=True, slots=True)
class Panel:
    """One graph: what its lines are, by their legends."""

    title: str
    unit: str
    lines: dict[str, str]
    note: str = ""


def told(gauge: Gauge, *by: str) -> str:
    """A number of the database, which every process tells alike."""
    labels = ", ".join(gauge.labels)
    one_of_each = f"max by ({labels}) ({gauge.name}{HERE})"
    return f"sum by ({', '.join(by)}) ({one_of_each})"


def rate(name: str, *by: str) -> str:
    """How often a second, by some labels."""
    return f"sum by ({', '.join(by)}) (rate({name}{HERE}[{RATE}]))"


def quantile(part: float, histogram: Histogram, *by: str) -> str:
    """What this part of the values does not exceed."""
    buckets = rate(f"{histogram.name}_bucket", "le", *by)
    return f"histogram_quantile({part}, {buckets})"


def spread(histogram: Histogram) -> dict[str, str]:
    return {f"p{part * 100:.0f}": quantile(part, histogram) for part in (0.5, 0.9, 0.99)}


ROWS: dict[str, tuple[Panel, ...]] = {
    "Jobs": (
        Panel("Unfinished jobs", "short", {"{{state}}": told(M.jobs, "state")}),
        Panel(
            "Jobs that ended, a minute",
            "short",
            {"{{code}}": f"60 * {rate(M.finished.name, 'code')}"},
        ),
        Panel(
            "Age of the oldest queued job",
            "s",
            {"{{model}}": f'max by (model) ({M.oldest_job.name}{{job="$job", state="queued"}})'},
        ),
        Panel(
            "Spend today (UTC)",
            "short",
            {"{{provider}} {{unit}}": told(M.spend_today, "provider", "unit")},
        ),
        Panel(
            "Paid for at no told price, today",
            "short",
            {"{{provider}}": told(M.unpriced_today, "provider")},
        ),
        Panel(
            "Submits, a minute",
            "short",
            {"{{provider}} {{outcome}}": f"60 * {rate(M.submits.name, 'provider', 'outcome')}"},
        ),
    ),
    "Times": (
        Panel("Generation, p50 by model", "s", {"{{model}}": quantile(0.5, M.generation, "model")}),
        Panel("From asked for to completed", "s", spread(M.whole)),
        Panel("From ready to answered", "s", spread(M.answered)),
        Panel(
            "Ready and not yet seen, at most",
            "s",
            spread(M.unseen),
            "The time between the poll that found a video ready and the one before.",
        ),
        Panel(
            "Polls a job, mean",
            "short",
            {
                "{{model}}": f"{rate(f'{M.polls.name}_sum', 'model')} / "
                f"{rate(f'{M.polls.name}_count', 'model')}"
            },
        ),
        Panel(
            "Webhook attempts, a minute",
            "short",
            {
                "{{outcome}}": f"60 * {rate(M.webhooks.name, 'outcome')}",
                "pending": f"max({M.webhooks_pending.name}{HERE})",
            },
        ),
    ),
    "Upstreams": (
        Panel(
            "Requests a second",
            "reqps",
            {"{{provider}} {{code}}": rate(M.upstream.name, "provider", "code")},
        ),
        Panel(
            "Time to an answer, p95",
            "s",
            {"{{provider}} {{method}}": quantile(0.95, M.upstream_time, "provider", "method")},
        ),
        Panel(
            "Credentials: time left",
            "s",
            {"{{provider}}": f"min by (provider) ({M.credential_expires.name}{HERE})"},
        ),
        Panel(
            "Credits left",
            "short",
            {"{{provider}}": f"max by (provider) ({M.credits_left.name}{HERE})"},
        ),
    ),
    "Processes": (
        Panel("Requests a second", "reqps", {"{{status}}": rate(M.requests.name, "status")}),
        Panel(
            "Event loop's lag, p99", "s", {"{{instance}}": quantile(0.99, M.loop_lag, "instance")}
        ),
        Panel("Memory", "bytes", {"{{instance}}": f"process_resident_memory_bytes{HERE}"}),
        Panel(
            "Processor",
            "percentunit",
            {"{{instance}}": f"rate(process_cpu_seconds_total{HERE}[{RATE}])"},
        ),
        Panel("Open files", "short", {"{{instance}}": f"process_open_fds{HERE}"}),
        Panel("Version", "short", {"{{instance}} {{version}}": f"{M.build.name}{HERE}"}),
    ),
}


def dashboard() -> dict[str, Any]:
    """The whole of it, as Grafana imports it."""
    source = {"type": "datasource", "uid": "${source}"}
    return {
        "__inputs": [],
        "title": "Reelgate",
        "uid": "reelgate",
        "tags": ["reelgate"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [
                {"name": "source", "type": "datasource", "query": "prometheus"},
                {
                    "name": "job",
                    "type": "query",
                    "datasource": source,
                    "query": f"label_values({M.build.name}, job)",
                    "refresh": 1,
                },
            ]
        },
        "panels": list(panels()),
    }


def panels() -> Iterator[dict[str, Any]]:
    """The rows one below the other, their panels side by side."""
    number = top = 0
    for title, row in ROWS.items():
        number += 1
        place = {"x": 0, "y": top, "w": 24, "h": 1}
        yield {"id": number, "type": "row", "title": title, "gridPos": place, "panels": []}
        top += 1
        for nth, panel in enumerate(row):
            number += 1
            left = nth % COLUMNS * WIDTH
            place = {"x": left, "y": top + nth // COLUMNS * HEIGHT, "w": WIDTH, "h": HEIGHT}
            yield drawn(panel, number, place)
        top += -(-len(row) // COLUMNS) * HEIGHT


def drawn(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    """A panel as Grafana has it."""
    source = {"type": "prometheus", "uid": "${source}"}
    return {
        "id": number,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.note,
        "datasource": source,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + nth), "expr": expr, "legendFormat": legend}
            for nth, (legend, expr) in enumerate(panel.lines.items())
        ],
    }


def text() -> str:
    """The file."""
    return json.dumps(dashboard(), indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
