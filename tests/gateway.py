"""What tests of a gateway share: gateways, callers, and the sandbox's own record."""

from __future__ import annotations

import asyncio
import base64
import io
import itertools
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict, Unpack

import aiohttp
from aiohttp import web
from multidict import CIMultiDictProxy

from reelgate.providers.imagine.settings import ImagineSettings
from reelgate.runtime.server import running
from reelgate.sandbox import SandboxOptions
from reelgate.settings import Settings
from tests.databases import databases

SPEED = 1000.0
TINY = SandboxOptions(speed=SPEED, max_short_side_px=64, listing="off")
"""Without a list of finished jobs what became of a lost submit stays unknown."""
GENERATIONS = "/v1/imagine-text-to-video/generations"
SHORT = {"duration": 5, "resolution": "720p"}
GIVE_UP_S = 100.0
PAUSE_S = 0.02

Json = Any
"""What a JSON body holds: the tests say what they expect of it."""

_numbers = itertools.count()


class Options(TypedDict, total=False):
    """What a call may be sent with."""

    json: Json
    data: bytes | io.IOBase | AsyncIterator[bytes]
    headers: dict[str, str] | None
    skip_auto_headers: list[str]


def an_account(sandbox_url: str, token: str, **own: object) -> ImagineSettings:
    """An account of imagine.art, with the sandbox in its place."""
    values = {
        "kind": "imagine",
        "token": token,
        "api_url": f"{sandbox_url}/v1",
        "asset_url": f"{sandbox_url}/processed",
        "auth_url": f"{sandbox_url}/auth",
        "parent_id": "folder-7",
        **own,
    }
    return ImagineSettings.model_validate(values)


def settings_values(data_dir: Path, sandbox_url: str = "", **more: object) -> dict[str, Any]:
    """A gateway's settings as plain data: quick, on a free port, in a folder of its own."""
    return {
        "_env_file": None,
        "data_dir": data_dir,
        "port": 0,
        "sandbox_url": sandbox_url,
        "sandbox_speed": SPEED,
        "shutdown_grace_s": 0.0,
        **({} if "database_url" in more else {"database_url": databases.url_of(data_dir)}),
        **more,
    }


def a_prompt(directives: str = "") -> str:
    """A prompt that no other test uses, so that the sandbox's record of it is this test's own."""
    return f"a cat, number {next(_numbers)} of {time.time_ns()} {directives}".strip()


def a_token(**claims: object) -> str:
    """A JWT as imagine.art's, with a signature that nobody checks."""
    parts = ({"alg": "HS256", "typ": "JWT"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts]
    return ".".join([*(part.rstrip("=") for part in encoded), "c2lnbmF0dXJlLW9mLW5vYm9keQ"])


@dataclass(frozen=True)
class Reply:
    """An answer, read to its end."""

    status: int
    headers: CIMultiDictProxy[str]
    text: str

    @property
    def body(self) -> Json:
        return json.loads(self.text)

    @property
    def code(self) -> str:
        """The error's code."""
        return str(self.body["error"]["code"])

    @property
    def video(self) -> str:
        """The job behind a blocking answer."""
        return self.headers["Reelgate-Video-Id"]

    @property
    def attached(self) -> bool:
        """Whether the answer is that of a job which existed before."""
        return self.headers.get("Reelgate-Attached") == "true"


@dataclass(frozen=True)
class Gateway:
    """A gateway's callers, and what the sandbox behind it saw."""

    url: str
    session: aiohttp.ClientSession
    data_dir: Path
    sandbox_url: str

    async def call(self, method: str, path: str, **options: Unpack[Options]) -> Reply:
        async with self.session.request(method, self.url + path, **options) as response:
            return Reply(response.status, response.headers, await response.text())

    async def generate(
        self, prompt: str, *, headers: dict[str, str] | None = None, **fields: object
    ) -> Reply:
        """Ask for a short video and wait for the answer."""
        body = {"prompt": prompt, **SHORT, **fields}
        return await self.call("POST", GENERATIONS, json=body, headers=headers)

    async def hang_up_on(self, prompt: str, once: Callable[[], Awaitable[bool]]) -> None:
        """Ask for a video, wait for a condition, and break the connection.

        Returns once the gateway knows that it is broken.
        """
        asking = asyncio.create_task(self.generate(prompt))
        await until(once)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await soon(lambda: [row["caller"] for row in self.rows(prompt)] == ["gone"])

    def rows(self, prompt: str) -> list[dict[str, Any]]:
        """The jobs of this prompt as they stand in the gateway's database."""
        return [row for row in read_rows(self.data_dir) if row["prompt"] == prompt]

    async def submits(self, prompt: str) -> list[dict[str, Any]]:
        """The submits of this prompt, as the sandbox recorded them."""
        rows: list[dict[str, Any]] = await self._control(
            "requests", operation="submit", prompt=prompt
        )
        return rows

    async def accepted(self, prompt: str) -> list[dict[str, Any]]:
        """The jobs that the sandbox accepted for this prompt: what was paid for."""
        rows: list[dict[str, Any]] = await self._control("jobs", prompt=prompt)
        return rows

    async def requests(self) -> list[dict[str, Any]]:
        """Every request the sandbox saw, but for the models that a start asks for."""
        rows: list[dict[str, Any]] = await self._control("requests")
        return [row for row in rows if not row["path"].endswith("/models")]

    async def was_submitted(self, prompt: str) -> bool:
        return bool(await self.submits(prompt))

    async def was_accepted(self, prompt: str) -> bool:
        return bool(await self.accepted(prompt))

    async def _control(self, what: str, **wanted: str) -> Json:
        url = f"{self.sandbox_url}/_sandbox/{what}"
        async with self.session.get(url, params=wanted) as response:
            assert response.status == 200, await response.text()
            return (await response.json())["data"]


def read_rows(data_dir: Path) -> list[dict[str, Any]]:
    """Every job in a gateway's database, oldest first, whether or not the gateway runs."""
    rows = databases.rows_of(data_dir)
    return [row | {"prompt": json.loads(row["request"])["prompt"]} for row in rows]


@asynccontextmanager
async def callers(timeout_s: float = GIVE_UP_S) -> AsyncIterator[aiohttp.ClientSession]:
    """A client that may open any number of connections."""
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=timeout_s)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        yield session


@asynccontextmanager
async def a_gateway(
    data_dir: Path, sandbox_url: str = "", **settings: object
) -> AsyncIterator[Gateway]:
    """A gateway in this event loop."""
    values = settings_values(data_dir, sandbox_url, **settings)
    async with running(Settings.model_validate(values)) as url, callers() as session:
        yield Gateway(url, session, data_dir, sandbox_url)


async def submitted_parts(
    folder: Path, body: dict[str, object], model: str = "imagine-text-to-video"
) -> dict[str, str]:
    """Let a gateway submit to a server that keeps the form it was sent; its parts by name."""
    forms: list[dict[str, str]] = []

    async def keep(request: web.Request) -> web.Response:
        form = await request.post()
        assert len(form) == len(set(form)), "a part was sent twice"
        forms.append({name: value for name, value in form.items() if isinstance(value, str)})
        assert len(forms[0]) == len(form), "a part was sent as a file"
        return web.json_response({"message": "no"}, status=402)

    app = web.Application()
    app.router.add_post("/v1/video/upload", keep)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        upstream = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with a_gateway(folder, upstream) as gateway:
            reply = await gateway.call("POST", f"/v1/{model}/generations", json=body)
            assert reply.code == "insufficient_credits"
    finally:
        await runner.cleanup()
    [form] = forms
    return form


async def until(
    condition: Callable[[], Awaitable[bool]],
    *,
    give_up_s: float = GIVE_UP_S,
    pause_s: float = PAUSE_S,
) -> None:
    """Wait for a condition; `pause_s` is longer where to ask costs more."""
    deadline = time.monotonic() + give_up_s
    while not await condition():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(pause_s)


async def soon(condition: Callable[[], bool], *, give_up_s: float = GIVE_UP_S) -> None:
    """Wait for a condition that asks nobody."""

    async def asked() -> bool:
        return condition()

    await until(asked, give_up_s=give_up_s)
