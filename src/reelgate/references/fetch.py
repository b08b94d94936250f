"""Fetching a picture from the address that a caller named."""

from __future__ import annotations

from http import HTTPStatus

import aiohttp

from reelgate.errors import InvalidRequest
from reelgate.netguard import check_url
from reelgate.outbound import was_refused
from reelgate.picture import MAX_PICTURE_BYTES, PARAM, Picture, read_picture, unusable

FETCH_TIMEOUT_S = 20.0
CHUNK_BYTES = 64 * 1024
REDIRECTS = range(300, 400)


class PictureFetcher:
    """Fetches pictures; a server that sends anything else learns nothing and gets nothing."""

    def __init__(self, session: aiohttp.ClientSession, *, allow_private: bool) -> None:
        """`session` is one of `reelgate.outbound`, which keeps out of private networks."""
        self._session = session
        self._allow_private = allow_private

    async def fetch(self, url: str) -> Picture:
        """The picture at an http or https address.

        Raises:
            InvalidRequest: there is none to be had there; redirects are not followed.
        """
        target = check_url(url, param=PARAM, allow_private=self._allow_private)
        try:
            async with self._session.get(target, allow_redirects=False) as response:
                check_head(response)
                return read_picture(await read(response))
        except (aiohttp.ClientError, OSError) as error:
            raise unusable(told(error)) from error


def check_head(response: aiohttp.ClientResponse) -> None:
    """Refuse an answer by its head.

    Raises:
        InvalidRequest: it is no success, or too long.
    """
    if response.status in REDIRECTS:
        raise unusable(
            f"redirects (HTTP {response.status}): send the address at which the picture itself is"
        )
    if response.status != HTTPStatus.OK:
        raise unusable(f"cannot be fetched: its server answered HTTP {response.status}")
    if (response.content_length or 0) > MAX_PICTURE_BYTES:
        raise too_long()


async def read(response: aiohttp.ClientResponse) -> bytes:
    """The body, as far as it is allowed to go.

    Raises:
        InvalidRequest: it goes on beyond that.
    """
    body = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK_BYTES):
        body += chunk
        if len(body) > MAX_PICTURE_BYTES:
            raise too_long()
    return bytes(body)


def too_long() -> InvalidRequest:
    """A file that is larger than a picture may be."""
    return unusable(f"points at a file larger than the {MAX_PICTURE_BYTES} bytes allowed")


def told(error: Exception) -> str:
    """What became of the fetch, without what the network said in detail."""
    if was_refused(error):
        return "points into a private or reserved network, which this gateway does not call"
    if isinstance(error, TimeoutError):
        return f"cannot be fetched: its server took longer than {FETCH_TIMEOUT_S:.0f} s"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "cannot be fetched: its host's name could not be resolved"
    return "cannot be fetched: the connection to its server failed"
