"""Whoever has no key, or sends no request, costs the gateway little and keeps nobody waiting."""

from __future__ import annotations

import asyncio
import io
import json
import select
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.gateway import (
    GENERATIONS,
    SHORT,
    Gateway,
    a_prompt,
    callers,
    settings_values,
    soon,
    until,
)
from tests.service.test_api_keys import a_key

from .processes import Program, allow_many_connections, start_gateway

FEW_FILES = 256
FLOOD = 600
WELL_S = 10.0
"""Longer than a gateway that is well takes to answer, on a busy machine."""
MB = 1_000_000
POST = (
    f"POST {GENERATIONS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
).encode()


@asynccontextmanager
async def a_program(
    tmp_path: Path, sandbox_url: str, *, open_files: int | None = None, **settings: object
) -> AsyncIterator[tuple[Gateway, Program]]:
    """A gateway in a process of its own, with its callers."""
    allow_many_connections()
    values = settings_values(tmp_path, sandbox_url, **settings)
    log = tmp_path / "log"
    program = await asyncio.to_thread(start_gateway, values, log, open_files=open_files)
    async with callers() as session:
        yield Gateway(program.url, session, tmp_path, sandbox_url), program
    program.terminate()
    assert await asyncio.to_thread(program.ended) == 0


@contextmanager
def one_program(folder: Path, sandbox_url: str, **settings: object) -> Iterator[Program]:
    """A gateway for all tests that leave it as it was."""
    allow_many_connections()
    values = settings_values(folder, sandbox_url, **settings)
    program = start_gateway(values, folder / "log")
    yield program
    program.terminate()
    program.ended()


@pytest.fixture(scope="module")
def patient_program(
    tmp_path_factory: pytest.TempPathFactory, sandbox_url: str
) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("patient")
    with one_program(folder, sandbox_url, max_bodies_bytes=5 * MB) as program:
        yield program


@pytest.fixture(scope="module")
def impatient_program(
    tmp_path_factory: pytest.TempPathFactory, sandbox_url: str
) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("impatient")
    with one_program(folder, sandbox_url, header_timeout_s=0.3, body_timeout_s=0.3) as program:
        yield program


@pytest.fixture
async def patient(
    patient_program: Program, tmp_path: Path, sandbox_url: str
) -> AsyncIterator[Gateway]:
    """A gateway that anybody on this machine may use."""
    async with callers() as session:
        yield Gateway(patient_program.url, session, tmp_path, sandbox_url)


@pytest.fixture
async def impatient(
    impatient_program: Program, tmp_path: Path, sandbox_url: str
) -> AsyncIterator[Gateway]:
    """The same with short time-outs."""
    async with callers() as session:
        yield Gateway(impatient_program.url, session, tmp_path, sandbox_url)


def connect(gateway: Gateway, sent: bytes = b"") -> socket.socket:
    """A connection on which no more is sent than this."""
    url = urlsplit(gateway.url)
    connection = socket.create_connection((str(url.hostname), url.port or 80), timeout=WELL_S)
    if sent:
        connection.sendall(sent)
    return connection


@contextmanager
def flood(gateway: Gateway, count: int, sent: bytes = b"") -> Iterator[list[socket.socket]]:
    """Many connections on which no more is sent than this."""
    with ExitStack() as stack:
        yield [stack.enter_context(closing(connect(gateway, sent))) for _ in range(count)]


def answer_of(connection: socket.socket) -> tuple[int, bytes]:
    """The status and the rest of what comes until the connection is closed; 0 for nothing."""
    connection.settimeout(WELL_S)
    said = b""
    with suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            said += piece
    return int(said.split(b" ", 2)[1]) if said else 0, said


async def answered(gateway: Gateway, sent: bytes) -> tuple[int, bytes]:
    """What a request is answered, however wrong it is."""

    def ask() -> tuple[int, bytes]:
        with closing(connect(gateway)) as connection:
            # It may be refused before all of it is sent.
            with suppress(ConnectionError):
                connection.sendall(sent)
            return answer_of(connection)

    return await asyncio.to_thread(ask)


async def is_well(gateway: Gateway) -> None:
    """It answers at once."""
    began_s = time.monotonic()
    assert (await gateway.call("GET", "/health")).status == 200
    assert time.monotonic() - began_s < WELL_S


async def test_idle_connections_neither_silence_it_nor_cost_a_paid_video(
    tmp_path: Path, sandbox_url: str
) -> None:
    async with a_program(tmp_path, sandbox_url, open_files=FEW_FILES) as (gateway, _):
        prompts = [a_prompt() for _ in range(20)]
        waiting = [asyncio.create_task(gateway.generate(prompt)) for prompt in prompts]
        with flood(gateway, FLOOD):
            await is_well(gateway)
            replies = [await gateway.generate(a_prompt()), *await asyncio.gather(*waiting)]
    assert {(reply.status, reply.body["status"]) for reply in replies} == {(200, "COMPLETED")}


async def test_callers_who_wait_are_kept_when_strangers_crowd_in(
    tmp_path: Path, sandbox_url: str
) -> None:
    settings = {"max_connections": 16, "wait_limit_s": 60}
    async with a_program(tmp_path, sandbox_url, **settings) as (gateway, _):
        prompts = [a_prompt("[[ready after=2]]") for _ in range(15)]
        waiting = [asyncio.create_task(gateway.generate(prompt)) for prompt in prompts]
        await soon(lambda: all(gateway.rows(prompt) for prompt in prompts))
        with flood(gateway, 100, POST):
            await is_well(gateway)
            replies = await asyncio.gather(*waiting)
    assert {reply.body["status"] for reply in replies} == {"COMPLETED"}


async def test_a_caller_for_whom_there_is_no_room_is_told_so(
    tmp_path: Path, sandbox_url: str
) -> None:
    async with a_program(tmp_path, sandbox_url, max_connections=3) as (gateway, _):
        prompts = [a_prompt("[[ready after=600]]") for _ in range(3)]
        waiting = [asyncio.create_task(gateway.generate(prompt)) for prompt in prompts]
        await soon(lambda: all(gateway.rows(prompt) for prompt in prompts))
        reply = await gateway.call("GET", "/v1/models")
        assert (reply.status, reply.code) == (503, "overloaded")
        assert int(reply.headers["Retry-After"]) > 0
        await is_well(gateway)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await soon(lambda: {row["caller"] for p in prompts for row in gateway.rows(p)} == {"gone"})
        await is_well(gateway)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"", 0),
        (b"GET /health HT", 408),
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ", 408),
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\nGET /health HTTP/1.1\r\nX-S", 200),
    ],
    ids=["nothing", "a line", "a header", "a second request"],
)
async def test_an_unfinished_head_is_not_waited_for_for_long(
    impatient: Gateway, sent: bytes, status: int
) -> None:
    assert (await answered(impatient, sent))[0] == status


async def test_a_head_that_trickles_in_is_not_waited_for_either(impatient: Gateway) -> None:
    url = urlsplit(impatient.url)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(b"GET /health HTTP/1.1\r\nX-Slow: ")
    reading = asyncio.create_task(reader.read(12))
    async with asyncio.timeout(WELL_S):
        while not reading.done():
            writer.write(b"a")
            await asyncio.wait([reading], timeout=0.05)
    assert await reading == b"HTTP/1.1 408"
    writer.close()


def headers(*lines: str) -> bytes:
    return "\r\n".join(("GET /v1/models HTTP/1.1", "Host: localhost", *lines, "", "")).encode()


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (headers("X-Long: " + "a" * 40_000), 431, "headers_too_large"),
        (headers("X-Endless: ")[:-4] + b"a" * 10 * MB, 431, "headers_too_large"),
        (headers(*(f"X-{number}: a" for number in range(200))), 431, "headers_too_large"),
        (headers(*(f"X-{number}: {'a' * 400}" for number in range(90))), 431, "headers_too_large"),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414, "uri_too_long"),
        (b"GET /v1/models?" + b"a" * 10 * MB, 414, "uri_too_long"),
        (b"\r\n" * 5 * MB, 431, "headers_too_large"),
        (b"a" * 10 * MB, 400, "invalid_request"),
        (b"GET /v1/mod els HTTP/1.1\r\n\r\n", 400, "invalid_request"),
    ],
    ids=["long", "endless", "many", "large", "url", "endless url", "lines", "garbage", "blank"],
)
async def test_a_head_without_measure_is_refused(
    patient: Gateway, sent: bytes, status: int, code: str
) -> None:
    found, said = await answered(patient, sent)
    assert found == status, said
    head, _, body = said.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    assert json.loads(body)["error"]["code"] == code
    await is_well(patient)


async def test_heads_without_end_take_little_memory(
    patient: Gateway, patient_program: Program
) -> None:
    gateway, program = patient, patient_program
    before = program.rss_bytes
    endless = headers("X-Endless: ")[:-4] + b"a" * 30_000
    with flood(gateway, 1500, endless):
        await is_well(gateway)
        assert program.rss_bytes - before < 40 * MB


async def test_what_follows_a_body_takes_little_memory(
    patient: Gateway, patient_program: Program
) -> None:
    gateway, program = patient, patient_program
    before = program.rss_bytes
    chunked = POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-Trailer: " + b"a" * 60 * MB
    await answered(gateway, chunked)
    assert program.rss_bytes - before < 30 * MB


async def test_nobody_without_a_key_has_a_body_read(tmp_path: Path, sandbox_url: str) -> None:
    await a_key(tmp_path, "somebody")
    async with a_program(tmp_path, sandbox_url) as (gateway, program):
        before = program.rss_bytes
        unfinished = POST + b"Content-Length: 900000\r\n\r\n" + b" " * 800_000
        with flood(gateway, 100, unfinished) as connections:
            for connection in connections:
                assert connection.recv(12) == b"HTTP/1.1 401"
            await is_well(gateway)
            assert program.rss_bytes - before < 30 * MB
        # It is told so although it goes on sending, and may ask again on the same connection.
        with closing(connect(gateway, unfinished)) as connection:
            connection.sendall(b" " * 100_000 + headers("Connection: close"))
            assert answer_of(connection)[1].count(b"HTTP/1.1 401") == 2
        picture = io.BytesIO(b"a" * 20 * MB)
        reply = await gateway.call("POST", "/v1/videos", data=picture)
        assert (reply.status, reply.code) == (401, "invalid_api_key")


async def test_bodies_share_one_budget(patient: Gateway, patient_program: Program) -> None:
    before = patient_program.rss_bytes
    unfinished = POST + b"Content-Length: 900000\r\n\r\n" + b" " * 800_000
    with flood(patient, 100, unfinished) as connections:
        await is_well(patient)
        await until(partial(most_are_answered, connections))
        said = select.select(connections, [], [], 0)[0][0].recv(4096)
        assert said.startswith(b"HTTP/1.1 503")
        assert b"retry-after:" in said.lower()
        assert patient_program.rss_bytes - before < 60 * MB
    # Once the others are gone there is room again.
    await until(partial(makes_a_video, patient))


async def most_are_answered(connections: list[socket.socket]) -> bool:
    return len(select.select(connections, [], [], 0)[0]) > 0.9 * len(connections)


async def makes_a_video(gateway: Gateway) -> bool:
    reply = await gateway.generate(a_prompt())
    return reply.status == 200 and reply.body["status"] == "COMPLETED"


async def test_a_body_that_does_not_come_is_not_waited_for(impatient: Gateway) -> None:
    for begun in (b"", b'{"prompt": "a c'):
        with closing(connect(impatient, POST + b"Content-Length: 90\r\n\r\n" + begun)) as caller:
            assert caller.recv(12) == b"HTTP/1.1 408"


async def test_a_body_that_is_cut_off_makes_no_job(tmp_path: Path, sandbox_url: str) -> None:
    async with a_program(tmp_path, sandbox_url) as (gateway, _):
        prompt = a_prompt()
        body = json.dumps({"prompt": prompt, **SHORT}).encode()
        with closing(connect(gateway, POST + b"Content-Length: 5000\r\n\r\n" + body)):
            pass
        await is_well(gateway)
        assert not gateway.rows(prompt)


async def test_it_may_open_as_many_files_as_it_is_allowed_and_says_so(
    tmp_path: Path, sandbox_url: str
) -> None:
    async with a_program(tmp_path, sandbox_url, open_files=FEW_FILES):
        pass
    log = (tmp_path / "log").read_text()
    assert f"limit={FEW_FILES}" in log.replace("\x1b[0m", "")
