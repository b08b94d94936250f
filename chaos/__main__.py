"""`python -m chaos`: break a cluster while callers use it, then audit every promise.

The same seed gives the same orders and the same blows in the same order; what they meet depends on
the machine's timing, as in life.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chaos.audit import Findings, audit
from chaos.callers import Caller, Order, orders
from chaos.cluster import Cluster, running_cluster
from chaos.havoc import Havoc
from chaos.postgres import postgres
from chaos.takeover import Claim, read_log, takeovers_s

SETTLE_TIMEOUT_S = 300.0
CALLERS_AT_ONCE = 200


def main() -> int:
    """Run as the arguments say; 0 when every promise was kept."""
    asked = arguments().parse_args()
    with folder(asked.keep) as place, database_url(asked.database, place) as url:
        print(
            f"seed {asked.seed}: {asked.jobs} jobs, {asked.kills} kills, {asked.gateways} gateways"
        )
        return asyncio.run(run(asked, place, url))


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--gateways", type=int, default=4, help="1 with sqlite")
    parser.add_argument("--every-s", type=float, default=1.5, help="mean time between two blows")
    parser.add_argument("--speed", type=float, default=30.0, help="of the upstream")
    parser.add_argument(
        "--database",
        default="postgres",
        help="`postgres` (a server out of a wheel), `sqlite`, or a postgresql:// URL",
    )
    parser.add_argument("--keep", type=Path, help="keep logs, files and database in this folder")
    return parser


async def run(asked: argparse.Namespace, place: Path, url: str) -> int:
    """The whole run."""
    dice = random.Random(asked.seed)
    wishes = orders(asked.jobs, dice)
    gateways = 1 if url.startswith("sqlite") else asked.gateways
    began = time.monotonic()
    async with running_cluster(place, url, gateways, asked.speed) as cluster:
        havoc = Havoc(
            cluster.gateways,
            cluster.sandbox,
            cluster.relay,
            cluster.end_connections if cluster.is_postgres else None,
            dice,
        )
        breaking = asyncio.create_task(havoc.run(asked.kills, asked.every_s))
        await all_served(wishes, cluster, asked)
        await breaking
        await cluster.sandbox.answers(cluster.session, "/_sandbox")
        await settled(cluster)
        findings = await examined(cluster, wishes)
    waits = takeover_times(place, havoc)
    report(wishes, havoc, findings, waits, time.monotonic() - began)
    return 1 if findings.count else 0


async def all_served(wishes: list[Order], cluster: Cluster, asked: argparse.Namespace) -> None:
    """Let every caller get its outcome, so many at a time that the blows find work to break."""
    gate = asyncio.Semaphore(CALLERS_AT_ONCE)
    urls = [gateway.url for gateway in cluster.gateways]

    async def serve(number: int, wish: Order) -> None:
        async with gate:
            await Caller(wish, urls, cluster.session, asked.seed * 1_000_003 + number).run()

    await asyncio.gather(*(serve(number, wish) for number, wish in enumerate(wishes)))


async def settled(cluster: Cluster) -> None:
    """Wait until no video goes on any more, or for so long that one never will."""
    deadline = time.monotonic() + SETTLE_TIMEOUT_S
    while time.monotonic() < deadline:
        rows = await cluster.rows()
        if all(row.state in {"completed", "failed"} for row in rows):
            return
        await asyncio.sleep(0.5)


async def examined(cluster: Cluster, wishes: list[Order]) -> Findings:
    """The audit."""
    rows = await cluster.rows()
    return audit(wishes, rows, await cluster.accepted(), await cluster.upstream_sha256(rows))


def takeover_times(place: Path, havoc: Havoc) -> list[float]:
    """How long the jobs of the dead waited, in seconds, in ascending order."""
    claims: list[Claim] = []
    ends: dict[str, float] = {}
    for log in sorted(place.glob("gateway-*.log")):
        claimed, ended = read_log(log.stem, log)
        claims += claimed
        ends |= ended
    return sorted(takeovers_s(havoc.deaths, claims, ends))


def report(
    wishes: list[Order], havoc: Havoc, findings: Findings, waits: list[float], took_s: float
) -> None:
    """Tell what was done, what came of it, and what was promised in vain."""
    print(f"\ndone to the cluster in {took_s:.0f} s:")
    for what, count in havoc.did.most_common():
        print(f"  {count:5d}  {what}")
    print("\nwhat the callers were told:")
    for outcome, count in Counter(wish.outcome for wish in wishes).most_common():
        print(f"  {count:5d}  {outcome}")
    if waits:
        last = waits[min(len(waits) - 1, int(len(waits) * 0.99))]
        print(f"\ntakeover of {len(waits)} jobs after a kill: median", end=" ")
        print(f"{statistics.median(waits):.1f} s, p99 {last:.1f} s, longest {waits[-1]:.1f} s")
    print("\naudit:")
    for promise, broken in findings.all().items():
        print(f"  {len(broken):5d}  {promise}")
        for example in broken[:5]:
            print(f"         {example}")
    print(f"\n{'ALL PROMISES KEPT' if not findings.count else 'PROMISES BROKEN'}")


@contextmanager
def folder(keep: Path | None) -> Iterator[Path]:
    """Where the run puts everything."""
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="reelgate-chaos-") as name:
        yield Path(name)


@contextmanager
def database_url(database: str, place: Path) -> Iterator[str]:
    """The database that the gateways share."""
    if database == "sqlite":
        yield f"sqlite:///{place}/reelgate.sqlite"
    elif database == "postgres":
        with postgres(place / "postgres") as url:
            yield url
    else:
        yield database


if __name__ == "__main__":
    sys.exit(main())
