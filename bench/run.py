"""Every benchmark, one after the other: `make bench`, or `python bench/run.py [--full]`.

Prints a table for each, writes `bench/results.json` and, with `--write`, the tables and plots
of docs/performance.md. Without `--full` the loads stop at 1,000 callers, the table of jobs at
10,000, and the soak takes a minute in place of an hour.
One can be run alone: `python bench/run.py waiting`. What was measured earlier and not now stays in
the results with its own date.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import accept
import events
import latency
import polling_wave
import scaling
import soak
import startup
import waiting
from figures import machine
from plots import Bar, bars
from programs import HERE

RESULTS = HERE / "results.json"
PAGE = HERE.parent / "docs" / "performance.md"
IMAGES = HERE.parent / "docs" / "images"


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One of them: how to run it, quick or in full, and how to tell what it found."""

    run: Callable[[bool], Any]
    report: Callable[[Any], str]


def told_by(script: str, *arguments: str) -> dict[str, Any]:
    """What a benchmark that is a program of its own prints as JSON."""
    command = [sys.executable, str(HERE / script), "--json", *arguments]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found: dict[str, Any] = json.loads(told.strip().splitlines()[-1])
    return found


def told_ratio(result: dict[str, Any]) -> str:
    """A flat result as a list."""
    return "\n".join(
        f"- {name}: {value:.2f}" if isinstance(value, float) else f"- {name}: {value}"
        for name, value in result.items()
    )


BENCHMARKS = {
    # With more jobs a class the plain loop's clients keep a core busy.
    "latency": Benchmark(lambda _full: latency.run(16), latency.report),
    "polling_wave": Benchmark(
        lambda full: polling_wave.run([16, 300, 10_000] if full else [16, 300]), polling_wave.report
    ),
    "waiting": Benchmark(
        lambda full: (
            waiting.run({"plain": [100, 1000], "ours": [100, 1000], "ours, taught": [1000]}, 3.0)
            + waiting.run({"ours": [10_000]})
            if full
            else waiting.run({"plain": [100], "ours": [100, 1000]}, 6.0)
        ),
        waiting.report,
    ),
    "accept": Benchmark(
        lambda full: accept.run(2000 if full else 1000, with_litellm=True, with_postgres=True),
        accept.report,
    ),
    "scaling": Benchmark(
        lambda full: scaling.run([1, 2, 4] if full else [1, 2], 2000 if full else 300),
        scaling.report,
    ),
    "startup": Benchmark(lambda full: startup.run(5 if full else 3), startup.report),
    "events": Benchmark(lambda _full: events.run(1000), events.report),
    "retrieve": Benchmark(
        lambda full: told_by("retrieve.py", "--jobs", "100000" if full else "10000"), told_ratio
    ),
    "content": Benchmark(
        lambda full: told_by("content.py", "--rounds", "3" if full else "1"), told_ratio
    ),
    "soak": Benchmark(lambda full: soak.run(60 if full else 1), soak.report),
}


def measure(names: Sequence[str], *, full: bool) -> dict[str, Any]:
    """Run these and put them beside what was measured before."""
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results["machine"] = machine()
    for name in names:
        benchmark, began = BENCHMARKS[name], time.monotonic()
        found = benchmark.run(full)
        text = benchmark.report(found)
        results[name] = {
            "when": datetime.now(UTC).isoformat(timespec="minutes"),
            "load": machine()["load"][0],
            "took_s": round(time.monotonic() - began),
            "found": found,
            "text": text,
        }
        print(f"\n## {name} ({results[name]['took_s']} s)\n\n{text}", flush=True)
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    return results


def write_page(results: dict[str, Any]) -> None:
    """Put tables between the page's marks, and draw the plots."""
    text = PAGE.read_text()
    for name in BENCHMARKS:
        if name in results:
            told = f"{results[name]['text']}\n\n{stamp(results[name])}"
            text = filled(text, name, told)
    PAGE.write_text(filled(text, "machine", told_machine(results["machine"])))
    for name, draw in PLOTS.items():
        if name in results:
            (IMAGES / f"performance-{name}.svg").write_text(draw(results[name]["found"]))


def filled(text: str, name: str, inside: str) -> str:
    """The page with another text between the two marks of a name."""
    marks = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    return marks.sub(lambda found: f"{found[1]}{inside}\n{found[2]}", text)


def stamp(result: dict[str, Any]) -> str:
    """When it was measured, and how busy the machine was with other things afterwards."""
    return f"*{result['when'][:16]} UTC, took {result['took_s']} s, load {result['load']}.*"


def told_machine(found: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    return (
        f"{found['cores']} cores of {found['cpu']}, {found['memory_gb']} GB, {found['system']}, "
        f"Python {found['python']}; {versions}."
    )


def draw_latency(found: Sequence[dict[str, Any]]) -> str:
    """Mean delay of each class and way."""
    order = sorted(found, key=lambda each: list(latency.CLASSES).index(each["class"]))
    rows = [
        Bar(
            f"{each['class'].partition(' (')[0]}, {each['who']}",
            each["delay_s"]["mean"],
            f"{each['delay_s']['mean']:.2f} s, {each['polls']:.1f} polls",
            "plain" if each["who"].startswith("plain") else "ours",
        )
        for each in order
    ]
    return bars("Mean delay after ready", rows)


def draw_waiting(found: Sequence[dict[str, Any]]) -> str:
    """Memory of each waiting caller."""
    rows = [
        Bar(
            f"{each['callers']:,} callers, {each['server']}",
            each["kb_per_caller"],
            f"{each['kb_per_caller']:.0f} kB, {each['cpu_ms_per_job']:.1f} ms CPU",
            each["server"].partition(",")[0],
        )
        for each in found
    ]
    return bars("Memory of each waiting caller, and CPU of its job", rows)


PLOTS = {"latency": draw_latency, "waiting": draw_waiting}


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], help="all, if none")
    parser.add_argument(
        "--full",
        action="store_true",
        help="10,000 callers, 100,000 jobs, an hour of soak: an hour and a half",
    )
    parser.add_argument("--write", action="store_true", help="write docs/performance.md too")
    options = parser.parse_args(arguments)
    results = measure(options.names or list(BENCHMARKS), full=options.full)
    if options.write:
        write_page(results)


if __name__ == "__main__":
    main(sys.argv[1:])
