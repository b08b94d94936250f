"""The cluster under test: gateways on one database, a sandbox, and the relay between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from chaos.callers import BEST
from chaos.database import SharedDatabase
from chaos.disk import Disk
from chaos.postgres import Postgres
from chaos.programs import Program
from chaos.receiver import ALL_EVENTS_PATH, Receiver
from chaos.relay import Relay

SUPERVISION_S = 0.5
CONFIG = f"""
[providers.luma]
sandbox_url = "http://127.0.0.1:9"

[models.{BEST}]
targets = ["luma/ray-2", "xai/grok-imagine-video", "fal/fal-ai/veo3.1"]
"""
"""Nobody listens on the discard port: that provider is down."""


@dataclass(frozen=True, slots=True)
class Environment:
    """What a cluster stands on; a disk is None where it cannot be filled.

    Attributes:
        folder: for logs, and for what the upstream keeps.
        storage: where the gateways keep videos.
        storage_disk: the disk that holds `storage`.
        database_url: what the gateways share.
        database_disk: the disk that holds the database.
        server: the Postgres server, where it is ours to end and to start.
    """

    folder: Path
    storage: Path
    storage_disk: Disk | None
    database_url: str
    database_disk: Disk | None
    server: Postgres | None


@dataclass(frozen=True, slots=True)
class Cluster:
    """Everything that runs."""

    environment: Environment
    gateways: tuple[Program, ...]
    sandbox: Program
    relay: Relay
    receiver: Receiver
    database: SharedDatabase
    session: aiohttp.ClientSession

    async def supervise(self) -> None:
        """Start gateways again that gave up, as a service manager does; until cancelled."""
        while True:
            for gateway in self.gateways:
                if gateway.has_crashed:
                    gateway.start()
            await asyncio.sleep(SUPERVISION_S)


@asynccontextmanager
async def running_cluster(
    environment: Environment, gateways: int, speed: float, seed: int
) -> AsyncIterator[Cluster]:
    """A cluster that answers; killed at the end."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        )
        sandbox = sandbox_program(environment.folder, speed)
        sandbox.start()
        stack.callback(sandbox.kill)
        await sandbox.answers(session, "/_sandbox")
        relay = Relay(sandbox.port)
        await relay.start()
        stack.push_async_callback(relay.stop)
        receiver = Receiver(seed)
        await receiver.start()
        stack.push_async_callback(receiver.stop)
        programs = tuple(
            gateway_program(environment, number, relay.port, speed, receiver)
            for number in range(gateways)
        )
        for program in programs:
            program.start()
            stack.callback(program.kill)
        await asyncio.gather(*(program.answers(session, "/health") for program in programs))
        database = SharedDatabase(environment.database_url, environment.server)
        stack.push_async_callback(database.close)
        cluster = Cluster(environment, programs, sandbox, relay, receiver, database, session)
        supervising = asyncio.create_task(cluster.supervise())
        stack.callback(supervising.cancel)
        yield cluster


def config_in(folder: Path) -> Path:
    """A virtual model over a provider that is down, and two that are not."""
    file = folder / "reelgate.toml"
    if not file.exists():
        file.write_text(CONFIG)
    return file


def sandbox_program(folder: Path, speed: float) -> Program:
    """An upstream that survives its own stop."""
    command = ["sandbox", "--speed", str(speed), "--max-short-side-px", "64"]
    command += ["--data-dir", str(folder / "upstream")]
    return Program("sandbox", command, {}, folder / "sandbox.log")


def gateway_program(
    environment: Environment, number: int, relay_port: int, speed: float, receiver: Receiver
) -> Program:
    """One gateway; all share a database, a storage and an upstream."""
    env = {
        "REELGATE_DATABASE_URL": environment.database_url,
        "REELGATE_STORAGE_URL": str(environment.storage),
        "REELGATE_DATA_DIR": str(environment.storage.parent / f"gateway-{number}"),
        "REELGATE_LOG_LEVEL": "debug",
        "REELGATE_LOG_FORMAT": "json",
        "REELGATE_JOB_TIMEOUT_S": "600",
        "REELGATE_WEBHOOK_URL": receiver.url + ALL_EVENTS_PATH,
        "REELGATE_WEBHOOK_SECRET": receiver.secret,
        "REELGATE_WEBHOOK_ALLOW_PRIVATE": "true",
        "REELGATE_WEBHOOK_EVENTS": "video.in_progress,video.completed,video.failed",
        "REELGATE_SANDBOX_URL": f"http://127.0.0.1:{relay_port}",
        "REELGATE_SANDBOX_SPEED": str(speed),
        "REELGATE_CONFIG": str(config_in(environment.folder)),
    }
    return Program(
        f"gateway-{number}", ["serve"], env, environment.folder / f"gateway-{number}.log"
    )
