"""A client of the gateway's public HTTP API (`/v1/videos`), and the videos it reads."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp

from reelgate.cli.exits import CliError, ExitCode, Refused, Unreachable
from reelgate.retrying import Failed, retry
from reelgate.version import VERSION

COMPLETED = "completed"
FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RemoteVideo:
    """What the command line reads of a video object; `raw` is all of it.

    Attributes:
        progress: percent, 0 to 100.
        eta_s: the time left in seconds, None where nobody can say.
        error_code: why it failed, None otherwise.
    """

    id: str
    status: str
    progress: int
    eta_s: float | None
    error_code: str | None
    error_message: str
    raw: Mapping[str, Any]

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in {COMPLETED, FAILED}

    def text(self, key: str) -> str:
        """One of the object's plain fields, empty where it has none."""
        value = self.raw.get(key)
        return "" if value is None else str(value)

    @property
    def ours(self) -> Mapping[str, Any]:
        """What Reelgate adds to the shape; empty for another server's."""
        value = self.raw.get("reelgate")
        return value if isinstance(value, dict) else {}

    @property
    def frame(self) -> str:
        """Its picture in words, as `1280x720, 5 s`."""
        seconds = self.text("seconds")
        parts = [self.text("size"), f"{seconds} s" if seconds else ""]
        return ", ".join(part for part in parts if part)


def read_video(body: Mapping[str, Any]) -> RemoteVideo:
    """Read a video object.

    Raises:
        KeyError: it lacks its id or status.
        TypeError, ValueError: one of its fields is of another type.
    """
    error = body.get("error") or {}
    eta_s = (body.get("reelgate") or {}).get("eta_s")
    return RemoteVideo(
        id=str(body["id"]),
        status=str(body["status"]),
        progress=int(body.get("progress") or 0),
        eta_s=None if eta_s is None else float(eta_s),
        error_code=str(error.get("code") or "upstream_failed") if error else None,
        error_message=str(error.get("message") or "") if error else "",
        raw=body,
    )


TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10.0, sock_read=60.0)
CREATE_TRIES = 3
CREATE_PAUSE_S = 0.5
LOOPBACK_POLL_S = 0.5
REMOTE_POLL_S = 2.0
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def create_pause_s(failed: Failed) -> float | None:
    """How long to wait before a video is asked for again."""
    may_help = isinstance(failed.error, Unreachable) and failed.failures < CREATE_TRIES
    return CREATE_PAUSE_S if may_help else None


class Client:
    """One gateway, over one connection pool."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.url = url
        self.is_sandbox = False
        """Whether the gateway has said that its videos are the sandbox's."""
        self._session = session

    @property
    def poll_s(self) -> float:
        """How often to poll a video: more often on this machine."""
        return LOOPBACK_POLL_S if is_loopback(self.url) else REMOTE_POLL_S

    async def create(self, request: Mapping[str, Any], idempotency_key: str) -> RemoteVideo:
        """Ask for a video. The key makes it safe to ask again when the answer got lost."""
        headers = {"Idempotency-Key": idempotency_key}
        return await retry(
            lambda: self._video("POST", "/v1/videos", json=request, headers=headers), create_pause_s
        )

    async def change(
        self,
        operation: str,
        request: Mapping[str, Any],
        file: Path | None,
        idempotency_key: str,
    ) -> RemoteVideo:
        """Ask for a video that is made of another one.

        Args:
            operation: `edits` or `extensions`.
            request: its fields; values that are text where a file goes along.
            file: the other video, unless the request names it.
            idempotency_key: see `create`.

        Raises:
            OSError: the file cannot be read.
        """
        path, headers = f"/v1/videos/{operation}", {"Idempotency-Key": idempotency_key}

        async def send() -> RemoteVideo:
            if file is None:
                return await self._video("POST", path, json=request, headers=headers)
            with file.open("rb") as content:
                form = aiohttp.FormData(request)
                form.add_field("video", content, filename=file.name)
                return await self._video("POST", path, data=form, headers=headers)

        return await retry(send, create_pause_s)

    async def find(self, video_id: str) -> RemoteVideo:
        return await self._video("GET", path_of(video_id))

    async def page(self, query: Mapping[str, str]) -> dict[str, Any]:
        """One page of the list, as the gateway sends it."""
        return await self._json("GET", "/v1/videos", params=query)

    async def estimate(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """What a video would cost and take; nothing is made."""
        return await self._json("POST", "/v1/videos/estimate", json=request)

    async def usage(self, query: Mapping[str, str]) -> dict[str, Any]:
        """What videos have cost."""
        return await self._json("GET", "/v1/usage", params=query)

    async def usage_csv(self, query: Mapping[str, str]) -> str:
        """The same as CSV."""
        params = {**query, "format": "csv"}
        async with self._response("GET", "/v1/usage", params=params) as response:
            await check(response)
            return await response.text()

    async def cancel(self, video_id: str) -> RemoteVideo:
        """Stop a video; one that is over stays as it is."""
        return await self._video("POST", f"{path_of(video_id)}/cancel")

    async def reconcile(self, video_id: str) -> RemoteVideo:
        """Look whether a failed video was made after all."""
        return await self._video("POST", f"{path_of(video_id)}/reconcile")

    async def delete(self, video_id: str) -> dict[str, Any]:
        return await self._json("DELETE", path_of(video_id))

    @asynccontextmanager
    async def content(self, video_id: str, offset: int) -> AsyncIterator[aiohttp.ClientResponse]:
        """The video's bytes from an offset on: 200, 206 or, at or beyond the end, 416."""
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        async with self._response(
            "GET", f"{path_of(video_id)}/content", headers=headers
        ) as response:
            if response.status != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                await check(response)
            yield response

    @asynccontextmanager
    async def message(
        self, message: Mapping[str, Any], headers: Mapping[str, str]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer to a message of the Model Context Protocol."""
        async with self._response("POST", "/mcp", json=message, headers=headers) as response:
            yield response

    async def _video(self, method: str, path: str, **more: Any) -> RemoteVideo:  # noqa: ANN401 - aiohttp's own arguments
        body = await self._json(method, path, **more)
        try:
            return read_video(body)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise not_a_gateway(self.url) from error

    async def _json(self, method: str, path: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - likewise
        async with self._response(method, path, **more) as response:
            await check(response)
            body = await decoded(response)
        if not isinstance(body, dict):
            raise not_a_gateway(self.url)
        return body

    @asynccontextmanager
    async def _response(
        self,
        method: str,
        path: str,
        **more: Any,  # noqa: ANN401 - likewise
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        try:
            async with self._session.request(method, f"{self.url}{path}", **more) as response:
                self.is_sandbox = response.headers.get("Reelgate-Sandbox") == "true"
                yield response
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            raise Unreachable(unreachable(self.url, error)) from error


@asynccontextmanager
async def connect(url: str, api_key: str | None) -> AsyncIterator[Client]:
    """A client of the gateway at `url`, such as `http://localhost:8000`.

    Raises:
        CliError: that is no address.
    """
    base = base_of(url)
    headers = {"User-Agent": f"reelgate/{VERSION}"}
    if api_key:
        headers["Authorization"] = f"Bearer {api_key}"
    # A proxy from the environment is for far-away gateways, not for one on this machine.
    async with aiohttp.ClientSession(
        headers=headers, timeout=TIMEOUT, trust_env=not is_loopback(base)
    ) as session:
        yield Client(session, base)


def base_of(url: str) -> str:
    """The gateway's address without what people paste along with it.

    Raises:
        CliError: it is no http(s) address.
    """
    with_scheme = url if "://" in url else f"http://{url}"
    try:
        parts = urlsplit(with_scheme)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        message = f"--server {url!r} is not an address: write it like http://localhost:8000"
        raise CliError(message, ExitCode.USAGE)
    return with_scheme.rstrip("/").removesuffix("/v1")


def is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in LOOPBACK


def path_of(video_id: str) -> str:
    return f"/v1/videos/{quote(video_id, safe='')}"


async def check(response: aiohttp.ClientResponse) -> None:
    if response.status >= HTTPStatus.BAD_REQUEST:
        raise Refused(response.status, await decoded(response), response.headers.get("Retry-After"))


async def decoded(response: aiohttp.ClientResponse) -> object:
    """The JSON body, None when it is none."""
    try:
        return json.loads(await response.read())
    except ValueError:
        return None


def unreachable(url: str, error: Exception) -> str:
    """What to tell somebody whose gateway does not answer."""
    reason = str(error) or type(error).__name__
    return f"cannot reach the gateway at {url}: {reason}\nIs `reelgate serve` running there?"


def not_a_gateway(url: str) -> CliError:
    """Something answers there, but not as a gateway does."""
    message = f"what answers at {url} is not a Reelgate gateway: check --server / REELGATE_SERVER"
    return CliError(message, ExitCode.GATEWAY, code="not_a_gateway")
