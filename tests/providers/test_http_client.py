from __future__ import annotations

import socket
import ssl

import aiohttp
import pytest
from aiohttp import web
from aiohttp.client_reqrep import ConnectionKey

from reelgate.errors import AnswerLost, UpstreamBadResponse, UpstreamError, UpstreamUnavailable
from reelgate.net.client import MAX_ANSWER_BYTES, USER_AGENT, HttpClient, without_credentials
from reelgate.net.transport import transport_error
from reelgate.providers.assets import origin_of
from tests.http_servers import forever, replying, serving, serving_bytes
from tests.providers.imagine_account import StillClock

EMPTY_BRACKETS = "http://[]@"
"""An IndexError for the library that reads addresses."""


async def test_a_post_never_rides_a_connection_that_was_used_before(http: HttpClient) -> None:
    peers: list[object] = []

    async def note(request: web.BaseRequest) -> web.StreamResponse:
        peers.append(request.transport and request.transport.get_extra_info("peername"))
        return web.Response()

    async with serving(note) as url:
        for _ in range(3):
            await http.request("GET", url, timeout_s=5)
        for _ in range(3):
            await http.post_form(url, [("a", "b")], headers={}, timeout_s=5)
    polls, posts = peers[:3], peers[3:]
    assert len(set(polls)) == 1
    assert len(set(posts)) == 3
    assert not set(polls) & set(posts)


async def test_text_parts_have_neither_a_file_name_nor_a_type(http: HttpClient) -> None:
    bodies: list[bytes] = []

    async def note(request: web.BaseRequest) -> web.StreamResponse:
        assert request.headers["User-Agent"] == USER_AGENT
        assert request.content_type == "multipart/form-data"
        assert request.content_length is not None
        bodies.append(await request.read())
        return web.Response()

    async with serving(note) as url:
        await http.post_form(url, [("prompt", "Käse 🧀\n"), ("n", "1")], headers={}, timeout_s=5)
    assert b'form-data; name="prompt"\r\n\r\nK\xc3\xa4se \xf0\x9f\xa7\x80\n\r\n' in bodies[0]
    assert b"filename" not in bodies[0]
    assert b"Content-Type" not in bodies[0]


async def test_half_a_surrogate_pair_does_not_stop_a_submit(http: HttpClient) -> None:
    async with serving(replying(200)) as url:
        answer = await http.post_form(url, [("prompt", "a\ud83d")], headers={}, timeout_s=5)
    assert answer.ok


async def test_a_post_is_not_redirected(http: HttpClient) -> None:
    async with serving(replying(302, Location="/elsewhere")) as url:
        answer = await http.post_form(url, [("a", "b")], headers={}, timeout_s=5)
    assert answer.status == 302


async def test_no_more_than_a_megabyte_of_an_answer_is_read(http: HttpClient) -> None:
    async with serving(replying(200, "x" * (MAX_ANSWER_BYTES + 1000))) as url:
        answer = await http.request("GET", url, timeout_s=5)
    assert len(answer.body) == MAX_ANSWER_BYTES
    assert answer.json() is None


async def test_cookies_are_not_kept(http: HttpClient) -> None:
    seen: list[str | None] = []

    async def note(request: web.BaseRequest) -> web.StreamResponse:
        seen.append(request.headers.get("Cookie"))
        return web.Response(headers={"Set-Cookie": "session=1"})

    async with serving(note) as url:
        await http.request("GET", url, timeout_s=5)
        await http.request("GET", url, timeout_s=5)
    assert seen == [None, None]


async def test_an_answer_knows_when_it_came() -> None:
    async with HttpClient(clock=StillClock(7.0)) as http, serving(replying(204)) as url:
        assert (await http.request("GET", url, timeout_s=5)).received_at_s == 7.0


async def test_redirects_are_followed_up_to_the_limit(http: HttpClient) -> None:
    async def onward(request: web.BaseRequest) -> web.StreamResponse:
        hop = int(request.path.strip("/"))
        if hop == 3:
            return web.Response(text="here")
        return web.Response(status=302, headers={"Location": f"/{hop + 1}"})

    async with serving(onward) as url:
        answer = await http.request("GET", f"{url}/0", timeout_s=5, redirects=3)
        assert answer.text == "here"
        with pytest.raises(UpstreamBadResponse):
            await http.request("GET", f"{url}/0", timeout_s=5, redirects=2)


def test_no_header_that_may_hold_a_key_goes_to_another_host() -> None:
    harmless = {"Range": "bytes=0-11", "Accept-Encoding": "identity"}
    keys = {"Authorization": "Bearer k", "Cookie": "k", "x-goog-api-key": "k", "X-Api-Key": "k"}
    assert without_credentials({**keys, **harmless}) == harmless
    assert without_credentials(None) == {}


async def test_a_redirect_to_nowhere_makes_no_sense(http: HttpClient) -> None:
    for nowhere in ("ftp://example.com/", "http://[::1", EMPTY_BRACKETS):
        async with serving(replying(302, Location=nowhere)) as url:
            with pytest.raises(UpstreamBadResponse):
                await http.request("GET", url, timeout_s=5, redirects=3)


@pytest.mark.parametrize("told", ["http://[::1", EMPTY_BRACKETS])
async def test_an_address_that_is_none_is_told_as_one(http: HttpClient, told: str) -> None:
    with pytest.raises(UpstreamError, match="not a valid URL"):
        await http.request("GET", told, timeout_s=5)
    with pytest.raises(UpstreamError, match="not a valid URL"):
        async with http.stream(told, is_told=True):
            pass
    assert origin_of(told) == ""


def a_closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def post_to(http: HttpClient, url: str, timeout_s: float = 5) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        await http.post_form(url, [("a", "b")], headers={}, timeout_s=timeout_s)
    assert caught.value.__cause__ is not None
    assert caught.value.message.endswith(".")
    return caught.value


async def test_a_refused_connection_surely_sent_nothing(http: HttpClient) -> None:
    error = await post_to(http, f"http://127.0.0.1:{a_closed_port()}/")
    assert type(error) is UpstreamUnavailable
    assert error.surely_refused


async def test_an_unknown_host_surely_got_nothing(http: HttpClient) -> None:
    error = await post_to(http, "http://nowhere.invalid/")
    assert type(error) is UpstreamUnavailable
    assert "nowhere.invalid" in error.message


async def test_a_failed_tls_handshake_surely_sent_nothing(http: HttpClient) -> None:
    async with serving(replying(200)) as url:
        error = await post_to(http, url.replace("http://", "https://"))
    assert type(error) is UpstreamUnavailable
    assert "TLS" in error.message


async def test_a_connect_timeout_surely_sent_nothing() -> None:
    # A listener that accepts nobody, with its queue full: the handshake cannot end.
    with socket.socket() as listener, socket.socket() as filler, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for each in (filler, second):
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
        async with HttpClient(connect_timeout_s=0.2) as http:
            error = await post_to(http, f"http://127.0.0.1:{listener.getsockname()[1]}/", 20)
    assert type(error) is UpstreamUnavailable
    assert "took too long" in error.message


async def test_silence_after_the_request_leaves_the_outcome_open(http: HttpClient) -> None:
    async def hang(request: web.BaseRequest) -> web.StreamResponse:
        await request.read()
        await forever()
        return web.Response()

    async with serving(hang) as url:
        error = await post_to(http, url, 0.3)
    assert type(error) is AnswerLost
    assert not error.surely_refused


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"HTTP/1.1 200 O",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    ],
)
async def test_an_answer_that_breaks_off_leaves_the_outcome_open(
    http: HttpClient, raw: bytes
) -> None:
    async with serving_bytes(raw) as url:
        error = await post_to(http, url)
    assert type(error) is AnswerLost


async def test_an_answer_that_is_not_http_leaves_the_outcome_open(http: HttpClient) -> None:
    async with serving_bytes(b"SSH-2.0-OpenSSH_9.6\r\n\r\n") as url:
        error = await post_to(http, url)
    assert type(error) is UpstreamBadResponse
    assert not error.surely_refused


@pytest.mark.parametrize("url", ["http://", "ftp://example.com/", "http://[::1", "no address"])
async def test_an_address_that_is_none_is_our_own_error(http: HttpClient, url: str) -> None:
    error = await post_to(http, url)
    assert type(error) is UpstreamError
    assert not error.temporary


async def test_a_large_body_streams_and_tells_when_it_breaks_off(http: HttpClient) -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345"
    async with serving_bytes(raw) as url, http.stream(url) as stream:
        assert await anext(stream.chunks) == b"12345"
        with pytest.raises(AnswerLost):
            await anext(stream.chunks)


async def test_a_stream_that_stalls_is_given_up() -> None:
    async def stall(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "10"})
        await response.prepare(request)
        await response.write(b"12345")
        await forever()
        return response

    async with (
        HttpClient(stall_timeout_s=0.2) as http,
        serving(stall) as url,
        http.stream(url) as stream,
    ):
        assert await anext(stream.chunks) == b"12345"
        with pytest.raises(AnswerLost):
            await anext(stream.chunks)


async def test_what_the_reader_of_a_stream_does_wrong_stays_its_own(http: HttpClient) -> None:
    async def read_onto_a_full_disk(url: str) -> None:
        async with http.stream(url) as stream:
            async for _ in stream.chunks:
                raise OSError("disk full")

    async with serving(replying(200, "video")) as url:
        with pytest.raises(OSError, match="disk full"):
            await read_onto_a_full_disk(url)


def test_a_certificate_that_is_not_trusted_surely_got_nothing() -> None:
    key = ConnectionKey("h", 443, True, True, None, None, None)
    cause = ssl.SSLCertVerificationError("self-signed certificate")
    error = transport_error(aiohttp.ClientConnectorCertificateError(key, cause), "h")
    assert type(error) is UpstreamUnavailable


@pytest.mark.parametrize(
    "exc",
    [
        aiohttp.ServerDisconnectedError(),
        aiohttp.ClientPayloadError("cut"),
        aiohttp.ClientOSError(104, "reset"),
        aiohttp.ClientConnectionResetError("closing"),
        aiohttp.SocketTimeoutError("slow"),
        TimeoutError(),
        ConnectionResetError(),
        BrokenPipeError(),
    ],
)
def test_every_failure_after_the_connection_stands_leaves_the_outcome_open(exc: Exception) -> None:
    assert type(transport_error(exc, "h")) is AnswerLost
