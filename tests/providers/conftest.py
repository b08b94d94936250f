"""Fixtures of the provider tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from reelgate.net.client import HttpClient
from reelgate.providers.imagine.adapter import ImagineWeb
from reelgate.sandbox import Sandbox, SandboxOptions
from tests.providers.imagine_account import an_imagine


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    async with HttpClient() as client:
        yield client


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(SandboxOptions(max_short_side_px=64)) as running:
        yield running


@pytest.fixture
def imagine(http: HttpClient, sandbox: Sandbox) -> ImagineWeb:
    return an_imagine(http, sandbox.url)
