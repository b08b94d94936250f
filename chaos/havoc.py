"""What is done to the cluster, in an order that a seed fixes."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from chaos.programs import Program
from chaos.relay import Relay
from chaos.takeover import Death

PAUSE_LONGER_THAN_HEARTBEAT_S = 14.0
DOWN_S = (0.0, 2.0)


class Havoc:
    """Breaks one thing after the other until it has killed as often as it was asked to."""

    def __init__(
        self,
        gateways: Sequence[Program],
        sandbox: Program,
        relay: Relay,
        break_database: Callable[[], Awaitable[None]] | None,
        dice: random.Random,
    ) -> None:
        """`break_database` ends every connection to it; None where nobody can."""
        self._gateways = gateways
        self._sandbox = sandbox
        self._relay = relay
        self._break_database = break_database
        self._dice = dice
        self._busy: set[str] = set()
        self._pauses: set[asyncio.Task[None]] = set()
        self.did: Counter[str] = Counter()
        self.deaths: list[Death] = []

    async def run(self, kills: int, every_s: float) -> None:
        """Kill gateways this often, and do everything else in between."""
        while self.did["gateway killed"] < kills:
            await asyncio.sleep(self._dice.expovariate(1 / every_s))
            await self._strike()
        await asyncio.gather(*self._pauses)

    async def _strike(self) -> None:
        draw = self._dice.random()
        if draw < 0.62:
            await self._kill_gateway()
        elif draw < 0.70 and len(self._gateways) > 1:
            self._pause_gateway()
        elif draw < 0.78 and self._break_database is not None:
            await self._break_database()
            self.did["database connections ended"] += 1
        elif draw < 0.84:
            await self._kill_sandbox()
        elif draw < 0.92:
            self._relay.cut()
            self.did["upstream connections reset"] += 1
        else:
            await self._slow_network()

    async def _kill_gateway(self) -> None:
        gateway = self._idle_gateway()
        if gateway is None:
            return
        gateway.kill()
        self.deaths.append(Death(time.time(), gateway.name))
        self.did["gateway killed"] += 1
        await asyncio.sleep(self._dice.uniform(*DOWN_S))
        gateway.start()

    def _pause_gateway(self) -> None:
        gateway = self._idle_gateway()
        if gateway is not None:
            self._pauses.add(asyncio.create_task(self._hold(gateway)))
            self.did["gateway paused"] += 1

    async def _hold(self, gateway: Program) -> None:
        self._busy.add(gateway.name)
        gateway.pause()
        await asyncio.sleep(PAUSE_LONGER_THAN_HEARTBEAT_S)
        gateway.resume()
        self._busy.discard(gateway.name)

    async def _kill_sandbox(self) -> None:
        self._sandbox.kill()
        self.did["upstream killed"] += 1
        await asyncio.sleep(self._dice.uniform(*DOWN_S))
        self._sandbox.start()

    async def _slow_network(self) -> None:
        self._relay.delay_s = self._dice.uniform(0.2, 1.0)
        self.did["network slowed"] += 1
        await asyncio.sleep(self._dice.uniform(1.0, 3.0))
        self._relay.delay_s = 0.0

    def _idle_gateway(self) -> Program | None:
        idle = [gateway for gateway in self._gateways if gateway.name not in self._busy]
        return self._dice.choice(idle) if idle else None
