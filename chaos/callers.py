"""Callers: they ask, disconnect, retry at another gateway, and record the answers."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import aiohttp

IMAGINE = "imagine-text-to-video"
BEST = "best"
"""A virtual model whose first target is down and whose second often answers for another."""
MODELS = {
    IMAGINE: 10,
    "fal-ai/veo3.1": 2,
    "veo-3.1-generate-preview": 2,
    "gen4.5": 2,
    "MiniMax-H3": 2,
    BEST: 2,
}
"""The models that are asked for, of five providers and of one that is none, and their shares."""
SHORT = {"duration": 5, "resolution": "720p"}
RETRY_S = 0.5
UPSTREAM_FAULTS = (
    "[[429 times=1]]",
    "[[429 retry-after=1 times=2]]",
    "[[503 times=1]]",
    "[[500]]",
    "[[500 accepted=1]]",
    "[[reset-before]]",
    "[[reset-after]]",
    "[[cut-off]]",
    "[[no-id]]",
    "[[late after=3]]",
    "[[fail after=1]]",
    "[[status-503 times=2]]",
    "[[status-404]]",
    "[[asset-cut-off times=1]]",
    "[[html]]",
    "[[download-503 for=20 retry-after=3]]",
    "[[download-404 for=20]]",
    "[[download-cut-off for=15]]",
    "[[head-405]]",
    "[[odd value=cost-2-31]]",
    "[[odd value=cost-2-63]]",
    "[[odd value=batch-surrogate]]",
    "[[odd value=batch-nul]]",
)
"""Faults of the upstream that some prompts ask for."""
OF_ANY_VENDOR = (
    "[[429 times=1]]",
    "[[429 retry-after=1 times=2]]",
    "[[front status=503 by=nginx]]",
    "[[front status=429 by=kong]]",
    "[[500 accepted=1]]",
    "[[reset-before]]",
    "[[reset-after]]",
    "[[cut-off]]",
    "[[no-id]]",
    "[[late after=3]]",
    "[[fail after=1]]",
    "[[moderated at=job]]",
    "[[status-503 times=2]]",
    "[[download-503 for=20 retry-after=3]]",
)
"""Those that the stand-ins for other vendors have as well."""


class RequestStyle(Enum):
    """How a caller asks."""

    KEYED = "keyed"  # blocking, with an Idempotency-Key: however often, it is one request
    JOB = "job"  # a job, with an Idempotency-Key, polled at any gateway
    BARE = "bare"  # blocking, without any key: each time it asks anew it may be a new request


@dataclass(slots=True)
class CallerRequest:
    """One video that a caller wants, and what came of it.

    `webhook_path` is the path of the caller's own webhook, `unreadable` what was no JSON.
    """

    prompt: str
    style: RequestStyle
    asks: int = 0
    webhook_path: str | None = None
    unreadable: list[str] = field(default_factory=list)
    known_ids: set[str] = field(default_factory=set)
    outcome: str | None = None
    final_id: str | None = None
    model: str = IMAGINE


def random_requests(count: int, rng: random.Random) -> list[CallerRequest]:
    """This many requests, one in five of them for a fault at the upstream.

    Every second job brings a webhook of its own.
    """
    styles = (
        RequestStyle.KEYED,
        RequestStyle.KEYED,
        RequestStyle.JOB,
        RequestStyle.JOB,
        RequestStyle.BARE,
    )
    made = []
    for number in range(count):
        [model] = rng.choices([*MODELS], [*MODELS.values()])
        faults = UPSTREAM_FAULTS if model == IMAGINE else OF_ANY_VENDOR
        fault = rng.choice(faults) if rng.random() < 0.2 else ""
        style = rng.choice(styles)
        wants_webhook = style is RequestStyle.JOB and rng.random() < 0.5
        webhook_path = f"/own/{number}" if wants_webhook else None
        made.append(
            CallerRequest(
                f"chaos {number} {fault}".strip(),
                style,
                webhook_path=webhook_path,
                model=model,
            )
        )
    return made


class Caller:
    """Sends one request until it has an outcome, whatever happens to the gateways."""

    def __init__(
        self,
        request: CallerRequest,
        urls: Sequence[str],
        receiver_url: str,
        session: aiohttp.ClientSession,
        seed: int,
    ) -> None:
        self._request = request
        self._urls = urls
        self._receiver_url = receiver_url
        self._session = session
        self._rng = random.Random(seed)

    async def run(self) -> None:
        while self._request.outcome is None:
            try:
                async with asyncio.timeout(self._patience_s()):
                    if self._request.style is RequestStyle.JOB:
                        await self._follow(await self._create())
                    else:
                        await self._block()
            except (aiohttp.ClientError, OSError, TimeoutError):
                await asyncio.sleep(RETRY_S)

    def _patience_s(self) -> float:
        """Some disconnect early; all have a timeout."""
        return self._rng.uniform(0.2, 4.0) if self._rng.random() < 0.3 else 60.0

    async def _block(self) -> None:
        self._request.asks += 1
        shape = SHORT if self._request.model == IMAGINE else {}
        path = f"/v1/{self._request.model}/generations"
        body = {"prompt": self._request.prompt, **shape}
        async with self._session.post(self._url(path), json=body, headers=self._key()) as response:
            self._learn_id(response.headers.get("Reelgate-Video-Id"))
            answer = await self._read(response)
            if response.status == 200 and answer["status"] == "COMPLETED":
                self._done("completed", response.headers["Reelgate-Video-Id"])
            elif response.status >= 400 and "Reelgate-Video-Id" in response.headers:
                self._done(answer["error"]["code"], response.headers["Reelgate-Video-Id"])
            else:
                await asyncio.sleep(RETRY_S)

    async def _create(self) -> str:
        self._request.asks += 1
        body = {"prompt": self._request.prompt, "model": self._request.model}
        if self._request.model == IMAGINE:
            body |= {"seconds": "5", "size": "1280x720"}
        if self._request.webhook_path is not None:
            body["webhook_url"] = self._receiver_url + self._request.webhook_path
        async with self._session.post(
            self._url("/v1/videos"), json=body, headers=self._key()
        ) as response:
            answer = await self._read(response)
            if response.status != 200:
                message = f"create answered {response.status}"
                raise aiohttp.ClientError(message)
            self._learn_id(answer["id"])
            return str(answer["id"])

    async def _follow(self, video_id: str) -> None:
        while self._request.outcome is None:
            async with self._session.get(self._url(f"/v1/videos/{video_id}")) as response:
                answer = await self._read(response)
                if response.status == 200:
                    self._take(answer)
                elif response.status == 404:
                    self._done("forgotten", video_id)
            await asyncio.sleep(RETRY_S)

    async def _read(self, response: aiohttp.ClientResponse) -> dict[str, Any]:
        text = await response.text()
        try:
            answer: dict[str, Any] = json.loads(text)
        except ValueError as error:
            self._request.unreadable.append(f"{response.status} {text[:80]!r}")
            raise aiohttp.ClientError from error
        return answer

    def _take(self, video: dict[str, Any]) -> None:
        if video["status"] == "completed":
            self._done("completed", video["id"])
        elif video["status"] == "failed":
            self._done(video["error"]["code"], video["id"])

    def _learn_id(self, video_id: str | None) -> None:
        if video_id is not None:
            self._request.known_ids.add(video_id)

    def _done(self, outcome: str, video_id: str) -> None:
        self._request.outcome = outcome
        self._request.final_id = video_id

    def _url(self, path: str) -> str:
        return self._rng.choice(self._urls) + path

    def _key(self) -> dict[str, str]:
        return (
            {}
            if self._request.style is RequestStyle.BARE
            else {"Idempotency-Key": self._request.prompt}
        )
