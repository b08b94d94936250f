"""Collects the audit's evidence once no job and no webhook is under way."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp

from chaos.audit import Evidence
from chaos.callers import CallerRequest
from chaos.cluster import Cluster
from chaos.metrics import Told
from chaos.rows import Row

SETTLE_TIMEOUT_S = 300.0
POLL_S = 0.5
AT_ONCE = 16
READ_TIMEOUT_S = 60.0


async def settled(cluster: Cluster) -> None:
    """Wait until every video and webhook has ended, or the time is over."""
    deadline_s = time.monotonic() + SETTLE_TIMEOUT_S
    while time.monotonic() < deadline_s:
        rows = await cluster.database.rows()
        if all(row.is_over for row in rows) and not await cluster.database.pending_webhooks():
            return
        await asyncio.sleep(POLL_S)


async def collected(cluster: Cluster, requests: Sequence[CallerRequest]) -> Evidence:
    rows = await cluster.database.rows()
    jobs = await accepted(cluster)
    return Evidence(
        requests=requests,
        rows=rows,
        accepted=[{name: job[name] for name in ("prompt", "id", "state")} for job in jobs],
        costs={job["id"]: job["cost"] for job in jobs},
        told=await told(cluster),
        upstream_sha256=await upstream_sha256(cluster, rows),
        kept_sha256=await asyncio.to_thread(kept_sha256, cluster.environment.storage, rows),
        deliveries=tuple(cluster.receiver.deliveries),
    )


async def accepted(cluster: Cluster) -> list[dict[str, Any]]:
    """The upstream's own record of accepted jobs."""
    async with cluster.session.get(f"{cluster.sandbox.url}/_sandbox/jobs") as response:
        return list((await response.json())["data"])


async def told(cluster: Cluster) -> list[Told]:
    """What each gateway's metrics say now."""
    found = []
    for gateway in cluster.gateways:
        await gateway.answers(cluster.session, "/health")
        async with cluster.session.get(f"{gateway.url}/metrics") as response:
            response.raise_for_status()
            found.append(Told.by(gateway.name, await response.text()))
    return found


def kept_sha256(storage: Path, rows: Sequence[Row]) -> dict[str, str]:
    """The digest of each completed video's file as it lies in the storage, by its key."""
    keys = [row.file_key for row in rows if row.state == "completed" and row.file_key]
    files = {key: storage / key for key in keys}
    return {
        key: hashlib.sha256(file.read_bytes()).hexdigest()
        for key, file in files.items()
        if file.exists()
    }


async def upstream_sha256(cluster: Cluster, rows: Sequence[Row]) -> dict[str, str]:
    """The digest of each completed video's file as the upstream serves it, by its id there."""
    async with cluster.session.delete(f"{cluster.sandbox.url}/_sandbox/faults") as response:
        response.raise_for_status()
    ids = [row.provider_id for row in rows if row.state == "completed" and row.provider_id]
    semaphore = asyncio.Semaphore(AT_ONCE)
    digests = await asyncio.gather(
        *(digest(cluster, provider_id, semaphore) for provider_id in ids)
    )
    return dict(zip(ids, digests, strict=True))


async def digest(cluster: Cluster, provider_id: str, semaphore: asyncio.Semaphore) -> str:
    """Read a file until it comes: an upstream that was killed starts its faults anew."""
    async with semaphore:
        gives_up_s = time.monotonic() + READ_TIMEOUT_S
        while True:
            try:
                return await read(cluster, provider_id)
            except (aiohttp.ClientPayloadError, aiohttp.ClientResponseError):
                if time.monotonic() > gives_up_s:
                    raise
            await asyncio.sleep(POLL_S)


async def read(cluster: Cluster, provider_id: str) -> str:
    """The digest of a file, read once."""
    url = f"{cluster.sandbox.url}/processed/{provider_id}"
    async with cluster.session.get(url) as response:
        response.raise_for_status()
        return hashlib.sha256(await response.read()).hexdigest()
