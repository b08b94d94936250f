"""The one HTTP client that all providers share, and what an upstream answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import version
from io import BytesIO
from types import TracebackType
from typing import Self

import aiohttp
from yarl import URL

from reelgate.clock import Clock, SystemClock
from reelgate.errors import UpstreamBadResponse
from reelgate.net.ssrf import public_socket, was_refused
from reelgate.net.transport import host_of, network_errors_are_ours, read_url

HTTP_OK = range(200, 300)
MOST_DIGITS = 40


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """One HTTP response; the header names are case-insensitive, the time is Unix time.

    Headers and body stay out of the repr: they can hold account data.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False, default=b"")
    received_at_s: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether the status says success (2xx)."""
        return self.status in HTTP_OK

    @property
    def content_type(self) -> str:
        """The media type in lower case, without parameters; empty when none was sent."""
        return media_type(self.headers.get("Content-Type", ""))

    @property
    def text(self) -> str:
        """The body as text; bytes that are not UTF-8 are replaced."""
        return self.body.decode("utf-8", errors="replace")

    def json(self) -> object:
        """The body's JSON value; None when it is not JSON, whatever the content type says.

        One odd value must not hide the others, among them perhaps the id of a job that is paid:
        bytes that are no text are replaced, and a number that nobody can mean is None.
        """
        try:
            text = self.body.decode(json.detect_encoding(self.body), errors="replace")
            return _DECODER.decode(text)
        except (ValueError, RecursionError):
            return None


def _integer(digits: str) -> int | None:
    """Python itself refuses to read integers of more than 4,300 digits."""
    return int(digits) if len(digits) <= MOST_DIGITS else None


# Control characters in texts are forbidden, and sent all the same.
_DECODER = json.JSONDecoder(strict=False, parse_int=_integer)


def media_type(content_type: str) -> str:
    """The bare media type of a Content-Type header, in lower case."""
    return content_type.partition(";")[0].strip().lower()


USER_AGENT = f"reelgate/{version('reelgate')}"
MAX_ANSWER_BYTES = 1_000_000
CHUNK_BYTES = 64 * 1024
DNS_CACHE_S = 300
# Most servers close an idle connection after 60 to 75 s, and polls come at most 15 s apart.
KEEP_ALIVE_S = 50.0
# A CDN in front of the files may send the reader on; more hops than that are a loop.
MAX_REDIRECTS = 3
REDIRECTS = frozenset({301, 302, 303, 307, 308})
NO_SECRETS = frozenset({"accept", "accept-encoding", "range", "if-range"})
"""Headers that another host may see, too."""
# The head of an answer must be there by then; a body may take its time.
OPEN_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Stream:
    """A response whose body is still on its way."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    chunks: AsyncIterator[bytes] = field(repr=False)

    @property
    def content_type(self) -> str:
        """The media type in lower case, without parameters; empty when none was sent."""
        return media_type(self.headers.get("Content-Type", ""))

    @property
    def is_compressed(self) -> bool:
        """Whether the body was compressed on its way: lengths and ranges count other bytes then."""
        return self.headers.get("Content-Encoding", "").strip().lower() not in {"", "identity"}


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file in a form: the part's name, the file's name, its media type and its bytes."""

    name: str
    file_name: str
    media_type: str
    content: bytes = field(repr=False)


class HttpClient:
    """One pool of connections, one TLS context and one DNS cache for everything we send.

    Every method tells network failures as `UpstreamError`s whose `surely_refused` is true only
    when no byte of the request can have reached the upstream.
    """

    def __init__(
        self,
        *,
        max_connections: int = 1000,
        connect_timeout_s: float = 10.0,
        stall_timeout_s: float = 30.0,
        clock: Clock | None = None,
    ) -> None:
        self._max_connections = max_connections
        self._connect_timeout_s = connect_timeout_s
        # While it streams an answer may take its time, but each read must bring something.
        self._streaming = aiohttp.ClientTimeout(
            connect=connect_timeout_s, sock_read=stall_timeout_s
        )
        self._clock = clock or SystemClock()

    async def __aenter__(self) -> Self:
        self._reusing = self._session(force_close=False)
        # A server may close an idle connection just as a submit goes out on it, and then nobody
        # could tell whether it was accepted: a submit always gets a connection of its own.
        self._fresh = self._session(force_close=True)
        # Where an answer sends the reader was named by a stranger.
        self._guarded = self._session(force_close=False, socket_factory=public_socket)
        return self

    def observed(self, own: aiohttp.TraceConfig, told: aiohttp.TraceConfig) -> HttpClient:
        """The same connections, with every request reported.

        Args:
            own: hears of requests to the address that was asked for.
            told: hears of those to where answers lead.
        """
        observed = copy(self)
        observed._reusing = sharing(self._reusing, own)  # noqa: SLF001 - of its own class
        observed._fresh = sharing(self._fresh, own)  # noqa: SLF001
        observed._guarded = sharing(self._guarded, told)  # noqa: SLF001
        return observed

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._reusing.close()
        await self._fresh.close()
        await self._guarded.close()

    async def post_form(
        self,
        url: str,
        parts: Sequence[tuple[str, str]],
        *,
        headers: Mapping[str, str],
        timeout_s: float,
        file: FilePart | None = None,
    ) -> HttpResponse:
        """Post text parts, and perhaps a file, as `multipart/form-data` on its own connection.

        Redirects are not followed: nobody could tell whether the first server acted on the post.

        Raises:
            UpstreamError: no answer came.
        """
        form = form_of(parts, file)
        with network_errors_are_ours(url):
            # In one piece: sent by itself the form is three writes for each part.
            async with self._fresh.post(
                url,
                data=BytesIO(await form.as_bytes()),
                headers={**headers, "Content-Type": form.content_type},
                timeout=aiohttp.ClientTimeout(timeout_s, connect=self._connect_timeout_s),
                allow_redirects=False,
            ) as response:
                return await self._read(response)

    async def post(
        self, url: str, body: bytes, *, headers: Mapping[str, str], timeout_s: float
    ) -> HttpResponse:
        """Post a body on its own connection, once: what it spends must not be sent again.

        Raises:
            UpstreamError: no answer came.
        """
        with network_errors_are_ours(url):
            async with self._fresh.post(
                url,
                data=body,
                headers=headers,
                timeout=aiohttp.ClientTimeout(timeout_s, connect=self._connect_timeout_s),
                allow_redirects=False,
            ) as response:
                return await self._read(response)

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout_s: float,
        redirects: int = 0,
    ) -> HttpResponse:
        """Send a request without a body that may safely be sent twice, such as GET or HEAD.

        aiohttp itself sends it once more when the connection breaks before an answer.

        Raises:
            UpstreamError: no answer came.
        """
        with network_errors_are_ours(url):
            async with asyncio.timeout(timeout_s):
                timeout = aiohttp.ClientTimeout(timeout_s)
                async with await self._follow(method, url, headers, timeout, redirects) as response:
                    return await self._read(response)

    @asynccontextmanager
    async def stream(
        self, url: str, *, headers: Mapping[str, str] | None = None, is_told: bool = False
    ) -> AsyncIterator[Stream]:
        """GET something large: it may take its time, but each read must bring something.

        `is_told`: a stranger named the address, so that it must be a public one.

        Raises:
            UpstreamError: no answer came. Reading `chunks` raises `AnswerLost` when it breaks off.
        """
        with network_errors_are_ours(url):
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                response = await self._follow(
                    "GET", url, headers, self._streaming, MAX_REDIRECTS, is_told=is_told
                )
        chunks = _chunks(response, url)
        try:
            yield Stream(response.status, response.headers, chunks)
        finally:
            await chunks.aclose()
            response.close()

    async def _follow(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own
        redirects: int,
        *,
        is_told: bool = False,
    ) -> aiohttp.ClientResponse:
        """Send a request, and go where its answer points: elsewhere only to public addresses.

        aiohttp would follow redirects itself, but into the network that the gateway stands in, too.
        """
        session, target = self._guarded if is_told else self._reusing, read_url(url)
        for hops_left in range(redirects, -1, -1):
            try:
                response = await session.request(
                    method, target, headers=headers, timeout=timeout, allow_redirects=False
                )
            except aiohttp.ClientConnectorError as error:
                if session is self._guarded and was_refused(error):
                    raise points_inside(url) from None
                raise
            location = response.headers.get("Location")
            if response.status not in REDIRECTS or not location or not redirects:
                return response
            response.close()
            if not hops_left:
                break
            target = next_address(response.url, location, url)
            if target.origin() != read_url(url).origin():
                session = self._guarded
                headers = without_credentials(headers)
        message = f"{host_of(url)} sends the reader on more than {redirects} times."
        raise UpstreamBadResponse(message)

    def _session(
        self, *, force_close: bool, socket_factory: aiohttp.SocketFactoryType | None = None
    ) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            socket_factory=socket_factory,
            limit=self._max_connections,
            ttl_dns_cache=DNS_CACHE_S,
            force_close=force_close,
            keepalive_timeout=None if force_close else KEEP_ALIVE_S,
        )
        return aiohttp.ClientSession(
            connector=connector,
            headers={"User-Agent": USER_AGENT},
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def _read(self, response: aiohttp.ClientResponse) -> HttpResponse:
        body = bytearray()
        while chunk := await response.content.readany():
            body += chunk
            if len(body) > MAX_ANSWER_BYTES:
                response.close()
                break
        return HttpResponse(
            response.status,
            response.headers,
            bytes(body[:MAX_ANSWER_BYTES]),
            self._clock.now(),
        )


def sharing(session: aiohttp.ClientSession, observer: aiohttp.TraceConfig) -> aiohttp.ClientSession:
    """A session on another's connections, which the other closes."""
    return aiohttp.ClientSession(
        connector=session.connector,
        connector_owner=False,
        headers=session.headers,
        cookie_jar=session.cookie_jar,
        trace_configs=[observer],
    )


def form_of(parts: Sequence[tuple[str, str]], file: FilePart | None) -> aiohttp.MultipartWriter:
    """A `multipart/form-data` body as a browser writes it (RFC 7578).

    Text parts have no file name and no content type of their own.
    """
    writer = aiohttp.MultipartWriter("form-data")
    for name, value in parts:
        # Half a surrogate pair has no UTF-8; a submit must not fall over because of it.
        text = aiohttp.BytesPayload(value.encode("utf-8", errors="replace"))
        text.headers.clear()
        text.headers["Content-Disposition"] = disposition_of(name)
        writer.append_payload(text)
    if file is not None:
        part = writer.append(BytesIO(file.content))
        part.headers.clear()
        part.set_content_disposition("form-data", name=file.name, filename=file.file_name)
        part.headers["Content-Type"] = file.media_type
    return writer


@lru_cache(maxsize=256)
def disposition_of(name: str) -> str:
    """A text part's header: a form has the same names each time, and this is slow."""
    part = aiohttp.BytesPayload(b"")
    part.set_content_disposition("form-data", name=name)
    return part.headers["Content-Disposition"]


def next_address(here: URL, location: str, first_url: str) -> URL:
    """Where a redirect leads.

    Raises:
        UpstreamBadResponse: to nothing that can be asked.
    """
    try:
        there: URL | None = here.join(read_url(location))
    except ValueError:
        there = None
    if there is None or there.scheme not in {"http", "https"} or not there.raw_host:
        message = f"{host_of(first_url)} redirects to what is no address."
        raise UpstreamBadResponse(message)
    return there.with_fragment(None)


def points_inside(url: str) -> UpstreamBadResponse:
    """The answer sends the reader to where strangers must not send it."""
    message = (
        f"{host_of(url)} lies in, or redirects into, a private or reserved network, which this"
        " gateway does not call."
    )
    return UpstreamBadResponse(message)


def without_credentials(headers: Mapping[str, str] | None) -> Mapping[str, str]:
    """What may be sent to another host than the one that was asked.

    Vendors carry their keys in headers of any name (`x-goog-api-key`), so that only what is known
    to be none goes along.
    """
    return {name: value for name, value in (headers or {}).items() if name.lower() in NO_SECRETS}


async def _chunks(response: aiohttp.ClientResponse, url: str) -> AsyncGenerator[bytes, None]:
    source = response.content.iter_chunked(CHUNK_BYTES)
    while True:
        # Only the read is guarded: what the reader does with a chunk may fail in its own way.
        with network_errors_are_ours(url):
            chunk = await anext(source, b"")
        if not chunk:
            return
        yield chunk
