"""A browser for all tests of this process, and gateways whose playground it shows.

Playwright belongs to one event loop: all of these tests share that of the session.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from tests.chromium import CHROMIUM
from tests.gateway import Gateway, a_gateway

TIMEOUT_MS = 30_000
expect.set_options(timeout=TIMEOUT_MS)
NO_SANDBOX = "--no-sandbox"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[NO_SANDBOX])
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(TIMEOUT_MS)
    yield context
    await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(context: BrowserContext) -> AsyncIterator[Page]:
    """A tab; whatever its scripts throw fails the test."""
    page = await context.new_page()
    thrown: list[str] = []
    page.on("pageerror", lambda error: thrown.append(str(error)))
    page.on(
        "console",
        lambda message: thrown.append(message.text) if "Policy" in message.text else None,
    )
    yield page
    assert thrown == []


@pytest_asyncio.fixture(loop_scope="session")
async def gateway(tmp_path: Path, sandbox_url: str) -> AsyncIterator[Gateway]:
    async with a_gateway(tmp_path, sandbox_url) as running:
        yield running
