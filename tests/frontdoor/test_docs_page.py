"""`/docs` is a page that a browser renders without the internet."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import aiohttp
import pytest

from .checkout import run

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Every name but this machine's own leads nowhere: nothing from elsewhere can be what is shown.
OFFLINE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
async def test_a_browser_shows_every_operation_without_the_internet(
    gateway: str, tmp_path: Path
) -> None:
    # Chromium's own sandbox does not start for root.
    as_root = ("--no-sandbox",) if os.geteuid() == 0 else ()
    shown = await run(
        CHROMIUM or "",
        *QUIET,
        *as_root,
        OFFLINE,
        f"--user-data-dir={tmp_path / 'profile'}",
        "--virtual-time-budget=20000",
        "--dump-dom",
        f"{gateway}/docs",
        cwd=tmp_path,
    )
    assert shown.code == 0, shown.err
    operations = await operation_ids(gateway)
    assert "generate_imagine_v1_imagine_text_to_video_generations_post" in operations
    assert [each for each in operations if each not in shown.out] == []


async def operation_ids(gateway: str) -> list[str]:
    """Every operation that the OpenAPI document names."""
    async with aiohttp.ClientSession() as session, session.get(f"{gateway}/openapi.json") as told:
        paths = (await told.json())["paths"]
    return [operation["operationId"] for path in paths.values() for operation in path.values()]
