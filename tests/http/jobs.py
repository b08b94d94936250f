"""What the jobs API's tests are made of: a gateway, asked by the job shape."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from reelgate.provider_settings import ProviderSettings
from reelgate.providers.registry import PROVIDERS
from reelgate.runtime.server import running
from reelgate.settings import Settings
from tests.gateway import Gateway, Reply, a_prompt, callers, settings_values, until

VIDEOS = "/v1/videos"
SHORT = {"seconds": "5", "size": "1280x720"}
PROBLEM = "application/problem+json"
READY_AT_ONCE = "[[ready after=0]]"
NEVER = "[[never]]"


def without_credentials(*names: str) -> dict[str, ProviderSettings]:
    """An account of each of these providers, which its stand-in plays."""
    return {name: PROVIDERS[name].settings.model_validate({"_env_file": None}) for name in names}


@dataclass(frozen=True)
class JobsGateway(Gateway):
    """A gateway whose callers speak the job shape."""

    async def create(
        self, prompt: str, *, headers: dict[str, str] | None = None, **fields: object
    ) -> Reply:
        """Ask for a short video."""
        body = {"prompt": prompt, **SHORT, **fields}
        return await self.call("POST", VIDEOS, json=body, headers=headers)

    async def submit_form(self, form: aiohttp.FormData) -> Reply:
        """Ask for a video with a form."""
        async with self.session.post(self.url + VIDEOS, data=form) as response:
            return Reply(response.status, response.headers, await response.text())

    async def created(self, prompt: str, **fields: object) -> dict[str, Any]:
        """The object of a new video."""
        reply = await self.create(prompt, headers=None, **fields)
        assert reply.status == 200, reply
        return dict(reply.body)

    async def show(self, video_id: str) -> dict[str, Any]:
        """The object as it is now."""
        reply = await self.call("GET", f"{VIDEOS}/{video_id}")
        assert reply.status == 200, reply
        return dict(reply.body)

    async def reached(self, video_id: str, *statuses: str) -> dict[str, Any]:
        """The object once it has one of these statuses."""
        found: dict[str, Any] = {}

        async def has_status() -> bool:
            found.update(await self.show(video_id))
            return found["status"] in statuses

        await until(has_status)
        return found

    async def finished(self, prompt: str = "", **fields: object) -> dict[str, Any]:
        """The object of a video made and completed just now."""
        video = await self.created(prompt or a_prompt(READY_AT_ONCE), **fields)
        video = await self.reached(video["id"], "completed", "failed")
        assert video["status"] == "completed", video["error"]
        return video


@asynccontextmanager
async def a_jobs_gateway(
    data_dir: Path, sandbox_url: str = "", **settings: object
) -> AsyncIterator[JobsGateway]:
    """A gateway in this event loop."""
    values = settings_values(data_dir, sandbox_url, **settings)
    async with running(Settings.model_validate(values)) as url, callers() as session:
        yield JobsGateway(url, session, data_dir, sandbox_url)


def is_refused(reply: Reply, status: int, code: str, param: str | None = None) -> bool:
    """Whether an answer is this error, in the one shape of all errors."""
    body = reply.body
    assert reply.headers["Content-Type"] == PROBLEM, reply
    assert body["detail"] == body["error"]["message"]
    seen = (reply.status, body["status"], reply.code, body["error"]["param"])
    assert seen == (status, status, code, param), reply.text
    return True
