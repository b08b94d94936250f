"""`python -m chaos`: break a cluster while callers use it, then audit every promise.

The same seed gives the same orders and the same blows in the same order; what they meet depends on
the machine's timing, as in life.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from chaos import report
from chaos.audit import Findings, audit
from chaos.blows import Blow, plan
from chaos.callers import Caller, NewVideo, orders
from chaos.cluster import Cluster, Site, running_cluster
from chaos.disk import small_disk
from chaos.evidence import collected, settled
from chaos.havoc import Havoc, possible_in
from chaos.logs import read_logs
from chaos.postgres import postgres
from chaos.takeover import takeovers_s

CALLERS_AT_ONCE = 200


def main() -> int:
    """Run as the arguments say; 0 when every promise was kept."""
    asked = arguments().parse_args()
    with folder(asked.keep) as place, site(asked.database, place, keep=bool(asked.keep)) as where:
        return asyncio.run(run(asked, where))


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--gateways", type=int, default=4, help="1 with sqlite")
    parser.add_argument("--every-s", type=float, default=1.5, help="mean time between two blows")
    parser.add_argument("--speed", type=float, default=20.0, help="of the upstream")
    parser.add_argument(
        "--database",
        default="postgres",
        help="`postgres` (a server out of a wheel), `sqlite`, or a postgresql:// URL",
    )
    parser.add_argument("--keep", type=Path, help="keep logs, files and database in this folder")
    parser.add_argument(
        "--require-all",
        action="store_true",
        help="fail where a kind of blow is not possible; full disks need the right to mount",
    )
    return parser


async def run(asked: argparse.Namespace, where: Site) -> int:
    """The whole run."""
    rng = random.Random(asked.seed)
    wishes = orders(asked.jobs, rng)
    gateways = 1 if where.database_url.startswith("sqlite") else asked.gateways
    print(f"seed {asked.seed}: {asked.jobs} jobs, {asked.kills} kills, {gateways} gateways")
    async with running_cluster(where, gateways, asked.speed, asked.seed) as cluster:
        began_s = time.monotonic()
        possible = possible_in(cluster)
        havoc = Havoc(cluster, plan(asked.kills, possible, rng), asked.every_s, rng)
        async with asyncio.TaskGroup() as both:
            both.create_task(havoc.run())
            both.create_task(all_served(wishes, cluster, havoc, asked.seed))
        took_s = time.monotonic() - began_s
        await settled(cluster)
        settled_s = time.monotonic() - began_s - took_s
        findings = audit(await collected(cluster, wishes))
    report.print_blows(havoc.did, possible, took_s, settled_s)
    report.print_outcomes(wishes)
    report.print_webhooks(cluster.receiver.did, cluster.receiver.arrivals)
    logged = read_logs(where.folder)
    print(f"\n{logged.full_disks} times a video's file met a full disk")
    report.print_takeovers(sorted(takeovers_s(havoc.deaths, logged.claims, logged.ends)))
    report.print_findings(findings)
    return verdict(findings, possible, require_all=asked.require_all)


def verdict(findings: Findings, possible: set[Blow], *, require_all: bool) -> int:
    """The exit code: 1 for a broken promise, 2 for a blow that was required and not possible."""
    if findings.count:
        return 1
    return 2 if require_all and possible != set(Blow) else 0


async def all_served(wishes: Sequence[NewVideo], cluster: Cluster, havoc: Havoc, seed: int) -> None:
    """Let every caller get its outcome, spread over the blows: the last one finds work too."""
    gate = asyncio.Semaphore(CALLERS_AT_ONCE)
    urls = [gateway.url for gateway in cluster.gateways]

    async def serve(number: int, wish: NewVideo) -> None:
        dice_seed = seed * 1_000_003 + number
        await Caller(wish, urls, cluster.receiver.url, cluster.session, dice_seed).run()
        gate.release()

    async with asyncio.TaskGroup() as serving:
        for number, wish in enumerate(wishes):
            await havoc.reached(number / len(wishes))
            await gate.acquire()
            serving.create_task(serve(number, wish))


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
def site(database: str, place: Path, *, keep: bool) -> Iterator[Site]:
    """The disks and the database."""
    with small_disk(place / "storage", stays=keep) as storage_disk:
        storage = place / "storage" / "videos"
        if database != "postgres":
            own = f"sqlite:///{place}/storage/reelgate.sqlite"
            url = own if database == "sqlite" else database
            yield Site(place, storage, storage_disk, url, None, None)
            return
        with (
            small_disk(place / "database", stays=keep) as disk,
            postgres(place / "database" / "postgres") as server,
        ):
            yield Site(place, storage, storage_disk, server.url, disk, server)


if __name__ == "__main__":
    sys.exit(main())
