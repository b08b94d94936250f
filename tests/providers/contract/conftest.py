"""Each registered provider, against its stand-in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

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
        return len(self.sandbox.jobs)


VENDORS = [name for name in PROVIDERS if not name.startswith("imagine")]
"""Those whose stand-in has all the faults of `sandbox/vendor.py`; imagine.art's has its own."""


@pytest.fixture(params=PROVIDERS)
def name(request: pytest.FixtureRequest) -> str:
    """A registered provider's name."""
    found: str = request.param
    return found


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rendered clips, so that each is rendered once for all vendors whose videos look alike."""
    return tmp_path_factory.mktemp("clips")


@pytest.fixture
async def sandbox(clips: Path, tmp_path: Path) -> AsyncIterator[Sandbox]:
    (tmp_path / "clips").symlink_to(clips)
    options = SandboxOptions(
        max_short_side_px=64,
        speed=SPEED,
        key_requests_per_minute=100_000_000,
        data_dir=tmp_path,
    )
    async with Sandbox(options) as running:
        yield running


@pytest.fixture
def case(name: str, http: HttpClient, sandbox: Sandbox) -> Case:
    return Case(name, stand_in(name, http, sandbox), sandbox)


@pytest.fixture(params=VENDORS)
def vendor(request: pytest.FixtureRequest, http: HttpClient, sandbox: Sandbox) -> Case:
    return Case(request.param, stand_in(request.param, http, sandbox), sandbox)


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
