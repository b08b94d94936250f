"""A caller of the sandbox over real HTTP, for this folder's tests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from reelgate.sandbox import Sandbox, SandboxOptions

TINY = SandboxOptions(speed=10_000, max_short_side_px=90)
PARTS = {
    "style_id": "60503",
    "variation": "text_to_video",
    "aspect_ratio": "16:9",
    "count": "1",
    "duration": "5",
    "resolution": "720p",
    "org_id": "org",
    "is_enhance": "1",
    "metadata": '{"placeholderUuid": "place", "promptWithoutManipulation": "", "modeId": 0}',
}
GIVE_UP_S = 100.0
PAUSE_S = 0.02


@dataclass(frozen=True)
class Caller:
    sandbox: Sandbox
    session: aiohttp.ClientSession

    @property
    def url(self) -> str:
        return self.sandbox.url

    def post_submit(
        self, prompt: str, **parts: str
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        form = aiohttp.FormData(default_to_multipart=True)
        for name, value in {"prompt": prompt, **PARTS, **parts}.items():
            form.add_field(name, value)
        return self.session.post(f"{self.url}/v1/video/upload", data=form)

    async def submit(self, prompt: str, **parts: str) -> str:
        async with self.post_submit(prompt, **parts) as response:
            assert response.status == 200, await response.text()
            return str((await response.json())["id"])

    async def status(self, job_id: str) -> dict[str, Any]:
        async with self.session.get(f"{self.url}/v1/assets/{job_id}/status") as response:
            answer: dict[str, Any] = await response.json()
            return {"code": response.status, **answer}

    async def head(self, job_id: str) -> int:
        async with self.session.head(f"{self.url}/processed/{job_id}") as response:
            return response.status

    async def fetch(self, job_id: str, **headers: str) -> bytes:
        async with self.session.get(f"{self.url}/processed/{job_id}", headers=headers) as response:
            assert response.status in {200, 206}, response.status
            return await response.read()

    async def ready(self, job_id: str) -> str:
        async def is_ready() -> bool:
            return await self.head(job_id) == 200

        await until(is_ready)
        return job_id

    async def arm(self, fault: str, **more: object) -> int:
        body = {"fault": fault, **more}
        async with self.session.post(f"{self.url}/_sandbox/faults", json=body) as response:
            return response.status

    async def record(self, **wanted: str) -> dict[str, Any]:
        url = f"{self.url}/_sandbox/requests"
        async with self.session.get(url, params=wanted) as response:
            answer: dict[str, Any] = await response.json()
            return answer


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    deadline = time.monotonic() + GIVE_UP_S
    while not await condition():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(PAUSE_S)


@asynccontextmanager
async def calling(options: SandboxOptions = TINY, token: str = "any") -> AsyncIterator[Caller]:
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        Sandbox(options) as sandbox,
        aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=0)) as session,
    ):
        yield Caller(sandbox, session)
