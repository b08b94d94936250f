"""Answers and forms on the wire, and the ways in which a fault spoils an answer."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, assert_never
from uuid import UUID

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from reelgate.sandbox.fault_rule import FaultRule
from reelgate.sandbox.faults import Effect, Operation
from reelgate.sandbox.recorder import Outcome

JSON_TYPE = "application/json"
HTML_PAGE = b"<!doctype html><html><head><title>imagine</title></head><body>Sign in</body></html>"
SLOW_STEP_S = 0.05
REDIRECTED = "redirected"
"""The query of an address that a redirect named."""
PARENT_REJECTED = "user does not have access to parent asset"

ID_NAMES = frozenset(
    {"id", "request_id", "task_id", "name", "data", "status_url", "response_url", "polling_url"}
)
"""What the vendors call a job's id in their answers, or what holds it."""

HTTP_BAD_REQUEST = 400
HTTP_FORBIDDEN = 403
HTTP_UNAVAILABLE = 503

FRONT_BODIES: Mapping[str, tuple[str, str]] = {
    "empty": ("text/plain", ""),
    "nginx": (
        "text/html",
        (
            "<html>\r\n<head><title>STATUS Service Temporarily Unavailable</title></head>\r\n"
            "<body>\r\n"
            "<center><h1>STATUS Service Temporarily Unavailable</h1></center>\r\n"
            "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
        ),
    ),
    "envoy": (
        "text/plain",
        (
            "upstream connect error or disconnect/reset before headers. reset reason: connection"
            " termination"
        ),
    ),
    "cloudflare": ("text/plain", "error code: 1015"),
    "haproxy": (
        "text/html",
        (
            "<html><body><h1>STATUS Service Unavailable</h1>\n"
            "No server is available to handle this request.\n</body></html>\n"
        ),
    ),
    "alb": (
        "text/html",
        (
            "<html>\r\n<head><title>STATUS Service Temporarily Unavailable</title></head>\r\n"
            "<body>\r\n"
            "<center><h1>STATUS Service Temporarily Unavailable</h1></center>\r\n</body>\r\n</html>"
        ),
    ),
    "gateway-json": (JSON_TYPE, '{"message": "Service Unavailable"}'),
    "kong": (JSON_TYPE, '{"message": "API rate limit exceeded", "request_id": "d1c7"}'),
}
"""By proxy, its media type and its words as it comes out of the box, `STATUS` for the status."""

HOLE = "@@"
ODD_PARTS: Mapping[str, tuple[str, bytes]] = {
    "cost-2-31": ("cost", b"2147483648"),
    "cost-2-63": ("cost", b"9223372036854775808"),
    "cost-5000-digits": ("cost", b"9" * 5000),
    "cost-negative": ("cost", b"-7"),
    "cost-fraction": ("cost", b"7.5"),
    "cost-text": ("cost", b'"seven"'),
    "cost-nan": ("cost", b"NaN"),
    "batch-surrogate": ("batchId", b'"half \\ud83d of a pair"'),
    "batch-nul": ("batchId", b'"a\\u0000b"'),
    "batch-long": ("batchId", b'"' + b"x" * 200_000 + b'"'),
    "batch-number": ("batchId", b"42"),
    "latin-1": ("note", b'"caf\xe9"'),
    "control-character": ("note", b'"two\nlines"'),
}
"""By name, the part of a submit's answer and its bytes as JSON."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is to be sent: a body in memory, or a file that is streamed with ranges."""

    body: bytes | Path
    status: int = 200
    content_type: str = JSON_TYPE
    headers: dict[str, str] = field(default_factory=dict)

    def bytes(self) -> bytes:
        return self.body.read_bytes() if isinstance(self.body, Path) else self.body


@dataclass(frozen=True, slots=True)
class Result:
    """An operation's answer, what became of it, and the id it made or was about."""

    answer: Answer
    outcome: Outcome = Outcome.ANSWERED
    id: str | None = None


Work = Callable[[], Answer]
"""Carries the operation out and returns its answer without a fault."""


def json_answer(value: object, status: int = 200) -> Answer:
    return Answer(json.dumps(value).encode(), status)


def error_answer(status: int, message: str, headers: dict[str, str] | None = None) -> Answer:
    body = {"status": "error", "code": status, "error": message, "message": message}
    return replace(json_answer(body, status), headers=headers or {})


InWords = Callable[[int, str, dict[str, str] | None], Answer]
"""An error, from its status, a sentence and headers."""


class ShieldedFileResponse(web.FileResponse):
    """A file that is closed also where the caller leaves while a thread opens it."""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Start the response, as aiohttp has it; a handler that is cancelled leaves it to end."""
        return await asyncio.shield(super().prepare(request))


async def send(request: web.Request, answer: Answer) -> web.StreamResponse:
    """The response without a fault."""
    if isinstance(answer.body, Path):
        headers = {**answer.headers, "Content-Type": answer.content_type}
        return ShieldedFileResponse(answer.body, headers=headers)
    body = answer.body
    if request.method == "HEAD":
        length = {"Content-Length": str(len(body))}
        return web.Response(
            status=answer.status,
            content_type=answer.content_type,
            headers={**answer.headers, **length},
        )
    return web.Response(
        body=body,
        status=answer.status,
        content_type=answer.content_type,
        headers=answer.headers,
    )


async def send_faulty(
    request: web.Request, rule: FaultRule, work: Work, in_words: InWords = error_answer
) -> web.StreamResponse:
    """Answer a request with a fault; `work` is called where the fault lets it be carried out.

    `in_words`: an error in the words of the provider that is asked.
    """
    match rule.fault.effect:
        case (
            Effect.ERROR
            | Effect.HTML
            | Effect.NO_ID
            | Effect.NO_BATCH
            | Effect.ARRAY
            | Effect.ODD
            | Effect.FRONT
        ):
            return await send(request, _replacement(rule, work, in_words))
        case Effect.RESET_BEFORE | Effect.RESET_AFTER:
            if rule.fault.effect is Effect.RESET_AFTER:
                work()
            return _reset(request)
        case Effect.CUT_OFF:
            return await _cut_off(request, work())
        case Effect.LATE:
            answer = work()
            await asyncio.sleep(rule.number("after") or 0)
            return await send(request, answer)
        case Effect.SLOW_BYTES:
            return await _trickle(request, work(), rule.number("rate") or 1)
        case Effect.GZIP | Effect.OCTET_STREAM | Effect.REDIRECT:
            return await send(request, _served_oddly(request, rule, work))
        case (
            Effect.NEVER
            | Effect.FAIL
            | Effect.ENDS
            | Effect.SAYS
            | Effect.READY
            | Effect.CARD
            | Effect.MOVED
            | Effect.NOT_READY_403
            | Effect.MODERATED
            | Effect.EXPIRES
            | Effect.FORGOTTEN
            | Effect.ROTATES
        ):
            raise ValueError(f"{rule} shapes a job, not an answer")
        case unreachable:
            assert_never(unreachable)


def _replacement(rule: FaultRule, work: Work, in_words: InWords) -> Answer:
    """The whole answer that a fault puts in place of the one without a fault."""
    if rule.fault.effect is Effect.HTML:
        return Answer(HTML_PAGE, content_type="text/html")
    if rule.fault.effect is Effect.ODD:
        return _odd(work(), rule.text("value"))
    if rule.fault.effect not in {Effect.ERROR, Effect.FRONT}:
        return _rewrite(work(), rule.fault.effect)
    if rule.number("accepted"):
        work()
    return _front(rule) if rule.fault.effect is Effect.FRONT else _error(rule, in_words)


def _front(rule: FaultRule) -> Answer:
    """What a proxy says when it has no answer of the provider's to pass on."""
    status = int(rule.number("status") or HTTP_UNAVAILABLE)
    content_type, words = FRONT_BODIES[rule.text("by")]
    body = words.replace("STATUS", str(status)).encode()
    return Answer(body, status, content_type, _retry_after(rule))


def _odd(answer: Answer, value: str) -> Answer:
    """Put an odd value into the answer to an accepted submit; leave an error alone."""
    if answer.status >= HTTP_BAD_REQUEST:
        return answer
    body: dict[str, Any] = json.loads(answer.bytes())
    key, raw = _odd_part(value, body["id"])
    text = json.dumps({**body, key: HOLE}).encode()
    return replace(answer, body=text.replace(json.dumps(HOLE).encode(), raw))


def _odd_part(value: str, job_id: str) -> tuple[str, bytes]:
    """Which part of the answer is odd, and its bytes as JSON."""
    match value:
        case "id-number":
            return "id", str(UUID(job_id).int).encode()
        case "id-long":
            return "id", f'"{job_id}{"-0123456789" * 20}"'.encode()
        case _:
            return ODD_PARTS[value]


def _error(rule: FaultRule, in_words: InWords) -> Answer:
    parent = rule.operation is Operation.SUBMIT and rule.fault.status == HTTP_FORBIDDEN
    message = PARENT_REJECTED if parent else rule.fault.meaning.split(",", maxsplit=1)[0]
    return in_words(rule.fault.status, message, _retry_after(rule))


def _retry_after(rule: FaultRule) -> dict[str, str]:
    seconds = rule.number("retry-after")
    return {} if seconds is None else {"Retry-After": f"{seconds:g}"}


def _rewrite(answer: Answer, effect: Effect) -> Answer:
    """Drop a field from a successful answer or wrap it in an array; leave an error alone."""
    if answer.status >= HTTP_BAD_REQUEST:
        return answer
    value: dict[str, Any] = json.loads(answer.bytes())
    dropped = {Effect.NO_ID: ID_NAMES, Effect.NO_BATCH: {"batchId"}}.get(effect, set())
    kept = {key: part for key, part in value.items() if key not in dropped}
    return json_answer([kept] if effect is Effect.ARRAY else kept, answer.status)


async def _start(request: web.Request, answer: Answer, size_bytes: int) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_type = answer.content_type
    response.content_length = size_bytes
    await response.prepare(request)
    return response


async def _cut_off(request: web.Request, answer: Answer) -> web.StreamResponse:
    body = await asyncio.to_thread(answer.bytes)
    response = await _start(request, answer, len(body))
    if request.method != "HEAD":
        await response.write(body[: len(body) // 2])
        if request.transport is not None:
            request.transport.close()
    return response


async def _trickle(request: web.Request, answer: Answer, rate_bytes_s: float) -> web.StreamResponse:
    body = await asyncio.to_thread(answer.bytes)
    response = await _start(request, answer, len(body))
    step = max(1, int(rate_bytes_s * SLOW_STEP_S))
    for start in range(0, len(body) if request.method != "HEAD" else 0, step):
        await response.write(body[start : start + step])
        await asyncio.sleep(SLOW_STEP_S)
    return response


def _served_oddly(request: web.Request, rule: FaultRule, work: Work) -> Answer:
    """Return a finished video in a way that a reader must be ready for."""
    if rule.fault.effect is Effect.REDIRECT:
        # This machine under another name, which does not redirect again.
        host = "127.0.0.1" if request.url.host == "localhost" else "localhost"
        inside = request.url.with_host(host).with_query(REDIRECTED)
        return Answer(b"", 302, headers={"Location": str(inside)})
    answer = work()
    if rule.fault.effect is Effect.OCTET_STREAM:
        return replace(answer, content_type="application/octet-stream")
    headers = {**answer.headers, "Content-Encoding": "gzip"}
    return replace(answer, body=gzip.compress(answer.bytes(), 1), headers=headers)


def _reset(request: web.Request) -> web.StreamResponse:
    """Send a TCP reset: without lingering, an abort would be an orderly end of the stream."""
    transport = request.transport
    if transport is not None:
        connection: socket.socket = transport.get_extra_info("socket")
        with socket.fromfd(connection.fileno(), connection.family, connection.type) as same:
            same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response()


_BOUNDARY = re.compile(r'boundary=(?:"([^"]{1,70})"|([^;\s]{1,70}))', re.IGNORECASE)
_NAME = re.compile(r'[;\s]name="((?:[^"\\]|\\.)*)"', re.IGNORECASE)
_FILENAME = re.compile(r"[;\s]filename\*?=", re.IGNORECASE)


class BadFormError(ValueError):
    """The body is not a form."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a form."""

    name: str
    body: bytes
    content_type: str
    is_file: bool


def read_parts(content_type: str, body: bytes) -> list[Part]:
    """Split a body into its parts.

    Raises:
        BadFormError: If it is no complete `multipart/form-data`.
    """
    found = _BOUNDARY.search(content_type)
    if not content_type.lower().startswith("multipart/form-data") or found is None:
        raise BadFormError("the body must be multipart/form-data with a boundary")
    delimiter = b"\r\n--" + (found[1] or found[2]).encode()
    _, *sections = (b"\r\n" + body).split(delimiter)
    if not sections or not sections[-1].startswith(b"--"):
        raise BadFormError("the form has no end")
    return [_read_part(section) for section in sections[:-1]]


def texts(parts: list[Part]) -> dict[str, list[str]]:
    """The values of the text parts by name, in order.

    Raises:
        BadFormError: If a part is a file or is not UTF-8.
    """
    values: dict[str, list[str]] = {}
    for part in parts:
        if part.is_file:
            raise BadFormError(f"{part.name} must be a text part without a filename")
        try:
            values.setdefault(part.name, []).append(part.body.decode())
        except UnicodeDecodeError as exc:
            raise BadFormError(f"{part.name} must be UTF-8") from exc
    return values


def _read_part(section: bytes) -> Part:
    head, blank, body = section.partition(b"\r\n\r\n")
    if not blank:
        raise BadFormError("a part has no end of headers")
    headers = _headers(head.decode("utf-8", "replace"))
    disposition = headers.get("content-disposition", "")
    name = _NAME.search(disposition)
    if name is None:
        raise BadFormError("a part has no name")
    return Part(
        name=name[1],
        body=body,
        content_type=headers.get("content-type", "text/plain"),
        is_file=_FILENAME.search(disposition) is not None,
    )


def _headers(head: str) -> dict[str, str]:
    lines = (line.partition(":") for line in head.split("\r\n"))
    return {name.strip().lower(): value.strip() for name, _, value in lines}
