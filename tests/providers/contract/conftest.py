"""Each registered provider, against its stand-in.

One stand-in serves all tests of a process: to start one and its rendering process takes longer than
a test. What a test does to the account it does to a stand-in of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
import pytest_asyncio

from reelgate.clock import SystemClock
from reelgate.domain.video import VideoRequest
from reelgate.net.client import HttpClient
from reelgate.providers.base import Failed, PollResult, Provider, Running
from reelgate.providers.registry import PROVIDERS
from reelgate.sandbox import Sandbox, SandboxOptions

SPEED = 2000.0
PATIENCE_S = 60.0
"""A machine with other work may take its time to render the first clip."""


@dataclass(frozen=True)
class Case:
    """A provider's adapter and the stand-in that it speaks to."""

    name: str
    provider: Provider
    sandbox: Sandbox
    earlier: int = 0
    """The jobs that the stand-in had before."""

    def request(self, faults: str = "") -> VideoRequest:
        """A request for its first model, with faults that the stand-in is told in the prompt."""
        return self.provider.models[0].request(prompt=f"a lighthouse {faults}".strip())

    async def end_of(self, provider_id: str) -> PollResult:
        """Poll until a job is over."""
        poller = self.provider.watch(provider_id)
        async with asyncio.timeout(PATIENCE_S):
            while isinstance(result := await poller.poll(), Running):
                pass
        return result

    async def failure_of(self, provider_id: str) -> Failed:
        """How a job failed, at once or if it stays so."""
        result = await self.end_of(provider_id)
        failed = getattr(result, "failed", result)
        assert isinstance(failed, Failed), result
        return failed

    def accepted(self) -> int:
        """How many submits the stand-in has accepted, each of which is paid for."""
        return len(self.sandbox.jobs) - self.earlier


VENDORS = [name for name in PROVIDERS if not name.startswith("imagine")]
"""Those whose stand-in has all the faults of `sandbox/vendor.py`; imagine.art's has its own."""


@pytest.fixture(params=PROVIDERS)
def name(request: pytest.FixtureRequest) -> str:
    """A registered provider's name."""
    found: str = request.param
    return found


@asynccontextmanager
async def a_sandbox() -> AsyncIterator[Sandbox]:
    """A quick stand-in for every vendor."""
    options = SandboxOptions(max_short_side_px=64, speed=SPEED, key_requests_per_minute=100_000_000)
    async with Sandbox(options) as running:
        yield running


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def http() -> AsyncIterator[HttpClient]:
    """The client of all tests of a process."""
    async with HttpClient() as client:
        yield client


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def shared() -> AsyncIterator[Sandbox]:
    """The stand-in of all tests of a process."""
    async with a_sandbox() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="package")
async def alone(name: str, http: HttpClient) -> AsyncIterator[Case]:
    """A provider and a stand-in of its own."""
    async with a_sandbox() as running:
        yield Case(name, stand_in(name, http, running), running)


@pytest.fixture
def case(name: str, http: HttpClient, shared: Sandbox) -> Case:
    return Case(name, stand_in(name, http, shared), shared, len(shared.jobs))


@pytest.fixture(params=VENDORS)
def vendor(request: pytest.FixtureRequest, http: HttpClient, shared: Sandbox) -> Case:
    name: str = request.param
    return Case(name, stand_in(name, http, shared), shared, len(shared.jobs))


def stand_in(name: str, http: HttpClient, sandbox: Sandbox) -> Provider:
    """The adapter against the stand-in, as the gateway builds it."""
    return PROVIDERS[name].build_stand_in(
        http,
        SystemClock(),
        sandbox_url=sandbox.url,
        speed=SPEED,
        name=f"{name}-sandbox",
        public_asset_url=None,
        settings=None,
    )
