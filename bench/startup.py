"""Start-up: from exec to the first answered `/health`, and the memory held then.

`python bench/startup.py [--times 5]`. Each start is told four ways: the very first on an empty
folder (which makes the tables), later ones, those with an account at one provider instead of a
stand-in for each, and the plain loop's for comparison. The middle of several is told.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from figures import table
from programs import Program, gateway, plain_loop, prepare_process, sandbox

COLUMNS = ("start", "seconds", "CPU seconds", "memory")


def run(times: int = 5) -> list[dict[str, Any]]:
    prepare_process()
    with TemporaryDirectory(prefix="reelgate-bench-") as folder, sandbox(speed=20) as upstream:

        def ours(name: str) -> Program:
            return gateway(Path(folder, name), sandbox_url=upstream.url)

        return [
            started("ours, first", (ours(str(nth)) for nth in range(times))),
            started("ours, later", (ours("0") for _ in range(times))),
            started("ours, one account", (with_account(ours("0")) for _ in range(times))),
            started("plain loop", (plain_loop(upstream.url, 10) for _ in range(times))),
        ]


def with_account(program: Program) -> Program:
    """The same gateway, where the settings name an account; nothing is sent to it."""
    account = {"IMAGINE_TOKEN": "a-token", "IMAGINE_PARENT_ID": "a-folder"}
    return replace(program, environment={**program.environment, **account})


def started(name: str, programs: Iterable[Program]) -> dict[str, Any]:
    seconds, cpu, memory = [], [], []
    for program in programs:
        began = time.perf_counter()
        with program as running:
            seconds.append(time.perf_counter() - began)
            cpu.append(running.cpu_s())
            memory.append(running.rss_bytes() / 1e6)
    return {"start": name, "s": median(seconds), "cpu_s": median(cpu), "mb": median(memory)}


def report(results: Sequence[dict[str, Any]]) -> str:
    return table(
        COLUMNS,
        (
            (each["start"], f"{each['s']:.2f} s", f"{each['cpu_s']:.2f} s", f"{each['mb']:.0f} MB")
            for each in results
        ),
    )


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=5)
    print(report(run(parser.parse_args(arguments).times)))


if __name__ == "__main__":
    main(sys.argv[1:])
