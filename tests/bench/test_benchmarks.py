"""The benchmarks still run: each with a few callers, so that none rots between two releases."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"

TINY = {
    "waiting.py": ["--callers", "6", "--plain", "2", "--taught", "2", "--speed", "400"],
    "latency.py": ["--jobs", "1", "--speed", "600"],
    "polling_wave.py": ["--jobs", "3"],
    "accept.py": ["--jobs", "40"],
    "startup.py": ["--times", "1"],
    "events.py": ["--streams", "6", "--quiet-s", "0.5"],
    "soak.py": ["--minutes", "0.05", "--speed", "200"],
}
GROWN = "20 of 20 callers answered in 0.05 minutes: delay_s grew"
"""Three seconds tell nothing of growth: on a loaded machine the soak's verdict may be this."""


@pytest.mark.slow
@pytest.mark.parametrize(("script", "arguments"), TINY.items())
def test_a_benchmark_prints_its_table(script: str, arguments: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, BENCH / script, *arguments], capture_output=True, text=True, check=False
    )
    assert not ended.stderr
    assert ended.returncode == 0 or (script == "soak.py" and GROWN in ended.stdout)
    table = [line for line in ended.stdout.splitlines() if line.startswith("|")]
    columns = table[0].count("|")
    assert len(table) > 2
    assert all(line.count("|") == columns for line in table)


def test_make_bench_knows_all_benchmarks() -> None:
    command = ["make", "bench", "BENCH_ARGS=--help"]
    shown = subprocess.run(command, cwd=BENCH.parent, capture_output=True, text=True, check=True)
    for script in TINY:
        assert script.removesuffix(".py") in shown.stdout
