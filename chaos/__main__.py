"""`python -m chaos`: break a cluster while callers use it, then audit every promise.

The same seed gives the same requests and the same faults in the same order; what they meet depends
on the machine's timing.
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
from chaos.callers import Caller, CallerRequest, random_requests
from chaos.cluster import Cluster, Environment, running_cluster
from chaos.disk import small_disk
from chaos.evidence import collected, settled
from chaos.faults import Fault, plan
from chaos.injector import FaultInjector, possible_in
from chaos.logs import read_logs, takeovers_s
from chaos.postgres import postgres

CALLERS_AT_ONCE = 200


def main() -> int:
    """Run as the arguments say; 0 when every promise was kept."""
    asked = arguments().parse_args()
    with (
        folder(asked.keep) as place,
        environment(asked.database, place, keep=bool(asked.keep)) as where,
    ):
        return asyncio.run(run(asked, where))


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--gateways", type=int, default=4, help="1 with sqlite")
    parser.add_argument("--every-s", type=float, default=1.5, help="mean time between two faults")
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
        help="fail where a kind of fault is not possible; full disks need the right to mount",
    )
    return parser


async def run(asked: argparse.Namespace, where: Environment) -> int:
    rng = random.Random(asked.seed)
    requests = random_requests(asked.jobs, rng)
    gateways = 1 if where.database_url.startswith("sqlite") else asked.gateways
    print(f"seed {asked.seed}: {asked.jobs} jobs, {asked.kills} kills, {gateways} gateways")
    async with running_cluster(where, gateways, asked.speed, asked.seed) as cluster:
        began_s = time.monotonic()
        possible = possible_in(cluster)
        injector = FaultInjector(cluster, plan(asked.kills, possible, rng), asked.every_s, rng)
        async with asyncio.TaskGroup() as both:
            both.create_task(injector.run())
            both.create_task(all_served(requests, cluster, injector, asked.seed))
        took_s = time.monotonic() - began_s
        await settled(cluster)
        settled_s = time.monotonic() - began_s - took_s
        evidence = await collected(cluster, requests)
        findings = audit(evidence)
    report.print_faults(injector.did, possible, took_s, settled_s)
    report.print_outcomes(requests)
    report.print_providers(evidence.rows)
    report.print_webhooks(cluster.receiver.did, cluster.receiver.deliveries)
    logged = read_logs(where.folder)
    print(f"\n{logged.full_disks} times a video's file met a full disk")
    report.print_takeovers(sorted(takeovers_s(injector.stops, logged.claims, logged.ends)))
    report.print_findings(findings)
    return verdict(findings, possible, require_all=asked.require_all)


def verdict(findings: Findings, possible: set[Fault], *, require_all: bool) -> int:
    """The exit code: 1 for a broken promise, 2 for a fault that was required and not possible."""
    if findings.count:
        return 1
    return 2 if require_all and possible != set(Fault) else 0


async def all_served(
    requests: Sequence[CallerRequest], cluster: Cluster, injector: FaultInjector, seed: int
) -> None:
    """Let every caller get its outcome, spread over the faults so that the last meets jobs too."""
    semaphore = asyncio.Semaphore(CALLERS_AT_ONCE)
    urls = [gateway.url for gateway in cluster.gateways]

    async def serve(number: int, request: CallerRequest) -> None:
        caller_seed = seed * 1_000_003 + number
        await Caller(request, urls, cluster.receiver.url, cluster.session, caller_seed).run()
        semaphore.release()

    async with asyncio.TaskGroup() as serving:
        for number, request in enumerate(requests):
            await injector.reached(number / len(requests))
            await semaphore.acquire()
            serving.create_task(serve(number, request))


@contextmanager
def folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="reelgate-chaos-") as name:
        yield Path(name)


@contextmanager
def environment(database: str, place: Path, *, keep: bool) -> Iterator[Environment]:
    """The disks and the database."""
    with small_disk(place / "storage", stays=keep) as storage_disk:
        storage = place / "storage" / "videos"
        if database != "postgres":
            own = f"sqlite:///{place}/storage/reelgate.sqlite"
            url = own if database == "sqlite" else database
            yield Environment(place, storage, storage_disk, url, None, None)
            return
        with (
            small_disk(place / "database", stays=keep) as disk,
            postgres(place / "database" / "postgres") as server,
        ):
            yield Environment(place, storage, storage_disk, server.url, disk, server)


if __name__ == "__main__":
    sys.exit(main())
