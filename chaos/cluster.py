"""The cluster that is broken: gateways on one database, a sandbox, and a network between them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url

from chaos.audit import Row
from chaos.programs import Program
from chaos.relay import Relay
from reelgate.store.database import Database, open_database

AT_ONCE = 16
READS = 3


@dataclass(frozen=True, slots=True)
class Cluster:
    """Everything that runs, and a look behind it."""

    gateways: tuple[Program, ...]
    sandbox: Program
    relay: Relay
    database: Database
    session: aiohttp.ClientSession
    is_postgres: bool

    async def rows(self) -> list[Row]:
        """Every video in the database."""

        def read(connection: Connection) -> list[Row]:
            found = connection.execute(text("SELECT * FROM videos"))
            return [Row.of(dict(row)) for row in found.mappings()]

        return await self.database.read(read)

    async def end_connections(self) -> None:
        """Break every connection to the Postgres server, as a failover does."""

        def change(connection: Connection) -> None:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )

        await self.database.read(change)

    async def accepted(self) -> list[dict[str, str]]:
        """The upstream's own record of accepted jobs."""
        async with self.session.get(f"{self.sandbox.url}/_sandbox/jobs") as response:
            answer = await response.json()
        return [{"prompt": job["prompt"], "id": job["id"]} for job in answer["data"]]

    async def upstream_sha256(self, rows: list[Row]) -> dict[str, str]:
        """The digest of each completed video's file, as the upstream serves it."""
        ids = [row.provider_id for row in rows if row.state == "completed" and row.provider_id]
        gate = asyncio.Semaphore(AT_ONCE)
        digests = await asyncio.gather(*(self._digest(provider_id, gate) for provider_id in ids))
        return dict(zip(ids, digests, strict=True))

    async def _digest(self, provider_id: str, gate: asyncio.Semaphore) -> str:
        """Read it more than once where need be: the upstream still cuts some files off once."""
        async with gate:
            for _ in range(READS - 1):
                try:
                    return await self._read(provider_id)
                except aiohttp.ClientPayloadError:
                    continue
            return await self._read(provider_id)

    async def _read(self, provider_id: str) -> str:
        async with self.session.get(f"{self.sandbox.url}/processed/{provider_id}") as response:
            response.raise_for_status()
            return hashlib.sha256(await response.read()).hexdigest()


@asynccontextmanager
async def running_cluster(
    folder: Path, database_url: str, gateways: int, speed: float
) -> AsyncIterator[Cluster]:
    """A cluster that answers; killed at the end."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        )
        sandbox = sandbox_program(folder, speed)
        sandbox.start()
        stack.callback(sandbox.kill)
        await sandbox.answers(session, "/_sandbox")
        relay = Relay(sandbox.port)
        await relay.start()
        stack.push_async_callback(relay.stop)
        programs = tuple(
            gateway_program(folder, number, relay.port, database_url) for number in range(gateways)
        )
        for program in programs:
            program.start()
            stack.callback(program.kill)
        await asyncio.gather(*(program.answers(session, "/health") for program in programs))
        database = open_database(database_url)
        stack.push_async_callback(database.close)
        is_postgres = make_url(database_url).get_backend_name() == "postgresql"
        yield Cluster(programs, sandbox, relay, database, session, is_postgres)


def sandbox_program(folder: Path, speed: float) -> Program:
    """An upstream that survives its own death."""
    command = ["sandbox", "--speed", str(speed), "--max-short-side-px", "64"]
    command += ["--data-dir", str(folder / "upstream")]
    return Program("sandbox", command, {}, folder / "sandbox.log")


def gateway_program(folder: Path, number: int, relay_port: int, database_url: str) -> Program:
    """One gateway; all share a database, a storage and an upstream account."""
    upstream = f"http://127.0.0.1:{relay_port}"
    env = {
        "REELGATE_DATABASE_URL": database_url,
        "REELGATE_STORAGE_URL": str(folder / "videos"),
        "REELGATE_DATA_DIR": str(folder / f"gateway-{number}"),
        "REELGATE_LOG_LEVEL": "debug",
        "REELGATE_LOG_FORMAT": "json",
        "REELGATE_JOB_TIMEOUT_S": "600",
        "IMAGINE_TOKEN": "chaos",
        "IMAGINE_ORG_ID": "chaos",
        "IMAGINE_API_URL": f"{upstream}/v1",
        "IMAGINE_ASSET_URL": f"{upstream}/processed",
        "IMAGINE_AUTH_URL": f"{upstream}/auth",
        "IMAGINE_TEAM_URL": f"{upstream}/team",
    }
    return Program(f"gateway-{number}", ["serve"], env, folder / f"gateway-{number}.log")
