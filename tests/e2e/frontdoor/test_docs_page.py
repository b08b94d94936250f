"""`/docs` is a page that a browser renders without the internet."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest

from tests.chromium import AS_ROOT, CHROMIUM, QUIET

from .checkout import run

# Every name but this machine's own leads nowhere: nothing from elsewhere can be what is shown.
OFFLINE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"


@pytest.mark.asyncio(loop_scope="package")
@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
async def test_a_browser_shows_every_operation_without_the_internet(
    gateway: str, tmp_path: Path
) -> None:
    shown = await run(
        CHROMIUM or "",
        *QUIET,
        *AS_ROOT,
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
