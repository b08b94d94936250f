"""Writes every metric into docs/metrics.md: `make docs`. A test compares."""

from __future__ import annotations

from pathlib import Path

from reelgate.telemetry.instruments import Instrument
from reelgate.telemetry.metrics import Metrics

PAGE = Path(__file__).resolve().parent.parent / "docs" / "metrics.md"
BEGIN = "<!-- metrics: written by `make docs` -->"
END = "<!-- end of metrics -->"


def table() -> str:
    """The metrics as a table in Markdown."""
    rows = "\n".join(map(row, Metrics().instruments()))
    return f"| metric | type | labels | |\n|---|---|---|---|\n{rows}\n"


def row(metric: Instrument) -> str:
    """One metric as a line of the table."""
    kind = type(metric).__name__.lower()
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return f"| `{metric.name}` | {kind} | {labels} | {metric.help} |"


def page(old: str) -> str:
    """The page with the metrics put between its two marks."""
    before, _, rest = old.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
