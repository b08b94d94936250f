"""Injects the planned faults into the cluster."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from chaos.cluster import Cluster
from chaos.disk import Disk, replace_with_file, restore
from chaos.faults import Fault
from chaos.logs import Stop, read_logs
from chaos.programs import Program

PAUSE_LONGER_THAN_HEARTBEAT_S = 14.0
DOWN_S = (0.0, 2.0)
FULL_S = (1.0, 3.0)
STORAGE_FULL_S = (3.0, 6.0)
STORAGE_AWAY_S = (5.0, 20.0)
DOWNLOADS_FAIL_S = (10.0, 40.0)
ONCE_MORE_S = (0.5, 0.5)
NOT_MET_S = 15.0
SLOW_S = (1.0, 3.0)
DELAY_S = (0.2, 1.0)
TICK_S = 0.05

DOWNLOAD_FAULTS: tuple[dict[str, object], ...] = (
    {"operation": "download", "fault": "503"},
    {"operation": "download", "fault": "503", "retry-after": 5},
    {"operation": "download", "fault": "500"},
    {"operation": "download", "fault": "404"},
    {"operation": "download", "fault": "429", "retry-after": 2},
    {"operation": "download", "fault": "cut-off"},
    {"operation": "download", "fault": "html"},
    {"operation": "download", "fault": "reset-before"},
    {"operation": "head", "fault": "405"},
)


def possible_in(cluster: Cluster) -> set[Fault]:
    """The faults possible here, which depends on the machine and on the database."""
    environment = cluster.environment
    known = {
        Fault.PAUSE_GATEWAY: len(cluster.gateways) > 1,
        Fault.END_CONNECTIONS: cluster.database.is_postgres,
        Fault.CRASH_DATABASE: environment.server is not None,
        Fault.FILL_DATABASE: environment.server is not None
        and environment.database_disk is not None,
        Fault.FILL_STORAGE: environment.storage_disk is not None,
    }
    return {fault for fault in Fault if known.get(fault, True)}


class FaultInjector:
    """Injects one fault after the other; some last beside the next."""

    def __init__(
        self, cluster: Cluster, faults: Sequence[Fault], every_s: float, rng: random.Random
    ) -> None:
        """`every_s`: the mean time between two faults."""
        self._cluster = cluster
        self._blows = faults
        self._every_s = every_s
        self._rng = rng
        self._paused: set[str] = set()
        self._background: set[asyncio.Task[None]] = set()
        self._started = 0
        self._progressed = asyncio.Event()
        self._storage_is_away = False
        self.did: Counter[Fault] = Counter()
        self.stops: list[Stop] = []

    async def run(self) -> None:
        for fault in self._blows:
            self._started += 1
            self._progressed.set()
            await asyncio.sleep(self._rng.expovariate(1 / self._every_s))
            await self._actions[fault]()
            self.did[fault] += 1
        await asyncio.gather(*self._background)

    async def reached(self, share: float) -> None:
        """Wait until this share of the faults, from 0 to 1, has been injected or is about to be."""
        while self._started < share * len(self._blows):
            self._progressed.clear()
            await self._progressed.wait()

    @property
    def _actions(self) -> dict[Fault, Callable[[], Awaitable[None]]]:
        return {
            Fault.KILL_GATEWAY: self._kill_gateway,
            Fault.PAUSE_GATEWAY: self._pause_gateway,
            Fault.END_CONNECTIONS: self._cluster.database.end_connections,
            Fault.CRASH_DATABASE: self._cluster.database.crash,
            Fault.FILL_DATABASE: self._fill_database,
            Fault.FILL_STORAGE: self._fill_storage,
            Fault.REPLACE_STORAGE: self._replace_storage,
            Fault.FAIL_DOWNLOADS: self._fail_downloads,
            Fault.KILL_UPSTREAM: self._kill_upstream,
            Fault.RESET_UPSTREAM: self._reset_upstream,
            Fault.SLOW_NETWORK: self._slow_network,
        }

    async def _kill_gateway(self) -> None:
        gateway = await self._some_gateway()
        gateway.kill()
        self.stops.append(Stop(time.time(), gateway.name))
        await asyncio.sleep(self._rng.uniform(*DOWN_S))
        gateway.start()

    async def _pause_gateway(self) -> None:
        gateway = await self._some_gateway()
        self._paused.add(gateway.name)
        gateway.pause()
        self._background.add(asyncio.create_task(self._resume(gateway)))

    async def _resume(self, gateway: Program) -> None:
        await asyncio.sleep(PAUSE_LONGER_THAN_HEARTBEAT_S)
        gateway.resume()
        self._paused.discard(gateway.name)

    async def _fill_storage(self) -> None:
        disk = self._cluster.environment.storage_disk
        if disk is not None:
            self._background.add(asyncio.create_task(self._fill_for_a_while(disk)))

    async def _fill_for_a_while(self, disk: Disk) -> None:
        """Until a video's file has met it, as the gateways' logs tell."""
        gives_up_s = time.monotonic() + NOT_MET_S
        met = await self._times_met()
        await self._hold_full(disk, STORAGE_FULL_S)
        while time.monotonic() < gives_up_s and await self._times_met() == met:
            await self._hold_full(disk, ONCE_MORE_S)
        disk.free()

    async def _times_met(self) -> int:
        logged = await asyncio.to_thread(read_logs, self._cluster.environment.folder)
        return logged.full_disks

    async def _replace_storage(self) -> None:
        if not self._storage_is_away:
            self._storage_is_away = True
            self._background.add(asyncio.create_task(self._keep_storage_away()))

    async def _keep_storage_away(self) -> None:
        storage = self._cluster.environment.storage
        await asyncio.to_thread(replace_with_file, storage)
        await asyncio.sleep(self._rng.uniform(*STORAGE_AWAY_S))
        await asyncio.to_thread(restore, storage)
        self._storage_is_away = False

    async def _fail_downloads(self) -> None:
        """Whatever is downloaded fails for a while, counted from the first that does."""
        for_s = self._rng.uniform(*DOWNLOADS_FAIL_S)
        fault = {"for": for_s, **self._rng.choice(DOWNLOAD_FAULTS)}
        url = f"{self._cluster.sandbox.url}/_sandbox/faults"
        async with self._cluster.session.post(url, json=fault) as response:
            response.raise_for_status()

    async def _fill_database(self) -> None:
        """First its statements fail, and then its log: the server itself does not survive that."""
        disk = self._cluster.environment.database_disk
        if disk is not None:
            await self._hold_full(disk, FULL_S)
            await self._cluster.database.fill_wal()
            await self._hold_full(disk, FULL_S)
            disk.free()
            await self._cluster.database.restart()

    async def _hold_full(self, disk: Disk, for_s: tuple[float, float]) -> None:
        """Fill it again and again: what others delete meanwhile makes room."""
        until_s = time.monotonic() + self._rng.uniform(*for_s)
        while time.monotonic() < until_s:
            disk.fill()
            await asyncio.sleep(TICK_S)

    async def _kill_upstream(self) -> None:
        """Who connects to it meanwhile is refused, as by any host whose server is down."""
        cluster = self._cluster
        cluster.sandbox.kill()
        await cluster.relay.stop()
        await asyncio.sleep(self._rng.uniform(*DOWN_S))
        cluster.sandbox.start()
        await cluster.sandbox.answers(cluster.session, "/_sandbox")
        await cluster.relay.start()

    async def _reset_upstream(self) -> None:
        self._cluster.relay.cut()

    async def _slow_network(self) -> None:
        self._cluster.relay.delay_s = self._rng.uniform(*DELAY_S)
        await asyncio.sleep(self._rng.uniform(*SLOW_S))
        self._cluster.relay.delay_s = 0.0

    async def _some_gateway(self) -> Program:
        """One that is not paused; waits for one."""
        while True:
            gateways = self._cluster.gateways
            awake = [gateway for gateway in gateways if gateway.name not in self._paused]
            if awake:
                return self._rng.choice(awake)
            await asyncio.sleep(TICK_S)
