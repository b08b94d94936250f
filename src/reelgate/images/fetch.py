"""Fetches a reference from the URL that a caller sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus

import aiohttp

from reelgate.domain.picture import MAX_PICTURE_BYTES, Picture, read_picture, unusable
from reelgate.domain.reference import Kind
from reelgate.errors import InvalidRequest
from reelgate.net.ssrf import check_url, was_refused

Read = Callable[[], Awaitable[Picture]]
"""Gets a picture into memory."""
FETCH_TIMEOUT_S = 20.0
"""Limit for the response to begin, and again for its body."""
CHUNK_BYTES = 64 * 1024
REDIRECTS = range(300, 400)


class PictureFetcher:
    """Fetches pictures, videos and sounds, and nothing else, into memory."""

    def __init__(self, session: aiohttp.ClientSession, *, allow_private: bool) -> None:
        """`session` is one of `reelgate.net.ssrf`, which keeps out of private networks."""
        self._session = session
        self._allow_private = allow_private

    @asynccontextmanager
    async def opened(self, url: str, param: str, kind: Kind) -> AsyncIterator[Read]:
        """A function that reads the file at an http or https URL, once its server answers.

        Args:
            url: where it is.
            param: the field that holds the address, for errors.
            kind: what it is to be.

        Raises:
            InvalidRequest: there is no such file; redirects are not followed.
        """
        target = check_url(url, param=param, allow_private=self._allow_private)
        async with fetch_errors(param), asyncio.timeout(FETCH_TIMEOUT_S):
            response = await self._session.get(target, allow_redirects=False)
        async with response:
            check_head(response, param)
            yield partial(read_in_time, response, param, kind)


@asynccontextmanager
async def fetch_errors(param: str) -> AsyncIterator[None]:
    """Turn network errors of the block into errors about the field.

    Raises:
        InvalidRequest: instead of aiohttp's errors and the system's.
    """
    try:
        yield
    except (aiohttp.ClientError, OSError) as error:
        raise unusable(reason_for(error), param) from error


async def read_in_time(response: aiohttp.ClientResponse, param: str, kind: Kind) -> Picture:
    async with fetch_errors(param), asyncio.timeout(FETCH_TIMEOUT_S):
        return read_picture(await read(response, param), param, kind)


def check_head(response: aiohttp.ClientResponse, param: str) -> None:
    """Refuse a response by its status and headers.

    Raises:
        InvalidRequest: it is no success, or too long.
    """
    if response.status in REDIRECTS:
        raise unusable(
            f"redirects (HTTP {response.status}): send the address at which the file itself is",
            param,
        )
    if response.status != HTTPStatus.OK:
        raise unusable(f"cannot be fetched: its server answered HTTP {response.status}", param)
    if (response.content_length or 0) > MAX_PICTURE_BYTES:
        raise too_long(param)


async def read(response: aiohttp.ClientResponse, param: str) -> bytes:
    """The body, up to the size a reference may have.

    Raises:
        InvalidRequest: it is longer.
    """
    body = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK_BYTES):
        body += chunk
        if len(body) > MAX_PICTURE_BYTES:
            raise too_long(param)
    return bytes(body)


def too_long(param: str) -> InvalidRequest:
    return unusable(f"points at a file larger than the {MAX_PICTURE_BYTES} bytes allowed", param)


def reason_for(error: Exception) -> str:
    """Why a fetch failed, without the details of the network."""
    if was_refused(error):
        return "points into a private or reserved network, which this gateway does not call"
    if isinstance(error, TimeoutError):
        return f"cannot be fetched: its server took longer than {FETCH_TIMEOUT_S:.0f} s"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "cannot be fetched: its host's name could not be resolved"
    return "cannot be fetched: the connection to its server failed"
