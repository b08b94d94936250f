"""What reads foreign input, what it is fed with, and how it may refuse."""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Message

from reelgate.clock import SystemClock
from reelgate.domain.catalog import Catalog
from reelgate.domain.signed import about_of, until_of
from reelgate.errors import ReelgateError, UpstreamError
from reelgate.http.generations import parse_prefer
from reelgate.http.idempotency import max_age_s
from reelgate.http.keyless import origin_headers
from reelgate.http.proxies import TrustedProxies
from reelgate.http.request_form import BodyShape, read_video_body
from reelgate.http.request_shapes import RequestShapes
from reelgate.media.mp4 import is_mp4, probe
from reelgate.media.ranges import entity_tag, not_modified, wanted
from reelgate.net.client import HttpClient, HttpResponse
from reelgate.net.hosts import is_origin, networks_of, normal_origin, split_host
from reelgate.net.redact import redacted
from reelgate.net.secret_keys import decode_secrets
from reelgate.net.ssrf import check_url
from reelgate.providers.api import ApiProvider
from reelgate.providers.imagine import wire
from reelgate.providers.imagine.listing import read_list
from reelgate.providers.imagine.models import ROWS
from reelgate.providers.imagine.models_file import read_rows
from reelgate.providers.payload import payload_of
from reelgate.providers.registry import PROVIDERS
from reelgate.telemetry.traceparent import parse as parse_traceparent
from tests.media.movies import movie


@dataclass(frozen=True)
class Parser:
    """One parser, or a few of one kind of text.

    Attributes:
        inputs: what it is fed with.
        read: fails by whatever is not in `refuses`, or by an assertion about what it made.
        refuses: the errors by which it says that the input is wrong.
    """

    inputs: st.SearchStrategy[Any]
    read: Callable[[Any], object]
    refuses: tuple[type[Exception], ...] = ()


# What is fed

texts = st.text(max_size=40) | st.text(st.characters(exclude_categories=[]), max_size=12)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | texts
    | st.sampled_from([10**400, 2**63, "9" * 5000, "\x00", "\ud83c", "https://[", "data:,"])
)


def values_of(words: list[str]) -> st.SearchStrategy[Any]:
    """JSON values that hold these words, as names and as values."""
    names = st.sampled_from(words) | texts
    return st.recursive(
        scalars | st.sampled_from(words),
        lambda one: st.lists(one, max_size=3) | st.dictionaries(names, one, max_size=6),
        max_leaves=20,
    )


def headers_of(*marks: str) -> st.SearchStrategy[str]:
    """A header's text in Latin-1: any, or one that is strung together of these marks."""
    latin = st.text(st.characters(max_codepoint=0xFF, exclude_characters="\r\n\x00"), max_size=60)
    pieces = st.sampled_from(marks) | st.integers(0, 10**20).map(str) | latin
    return latin | st.lists(pieces, max_size=8).map("".join)


@st.composite
def spoiled(draw: st.DrawFn, whole: bytes) -> bytes:
    """These bytes with some changed, left out, doubled or put in."""
    content = bytearray(whole)
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(content)))
        stop = min(len(content), start + draw(st.integers(0, 64)))
        content[start:stop] = draw(st.binary(max_size=16)) * draw(st.integers(0, 4))
    return bytes(content)


# Requests

SHAPES = RequestShapes.of(
    Catalog([model for name, known in PROVIDERS.items() for model in known.models(name)])
)
BOUNDARY = "a-boundary"
FIELDS = sorted({*SHAPES.video.model.model_fields, *SHAPES.generation.model.model_fields})
loop = asyncio.new_event_loop()


def read_body(body: bytes, content_type: str) -> None:
    """Read a request's body as both addresses that make videos do."""
    for shape in (SHAPES.video, SHAPES.generation):
        loop.run_until_complete(read_as(shape, body, content_type))


async def read_as(shape: BodyShape[Any], body: bytes, content_type: str) -> None:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-type", content_type.encode("latin-1"))]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": headers}
    async with AsyncExitStack() as stack:
        try:
            await read_video_body(Request(scope, receive), stack, shape)
        except ReelgateError as error:
            if error.status >= 500:
                raise AssertionError from error


def as_json(value: object) -> bytes:
    try:
        return json.dumps(value).encode()
    except ValueError:
        return b"1" * 5000


@st.composite
def forms(draw: st.DrawFn) -> bytes:
    """A multipart form whose parts may be anything."""
    parts = []
    for _ in range(draw(st.integers(0, 5))):
        name = draw(st.sampled_from(FIELDS) | texts).encode("utf-8", "replace")
        file = draw(
            st.sampled_from([b"", b'; filename="a.png"', b"; filename*=UTF-8''%ff", b'; x="'])
        )
        kind = draw(
            st.sampled_from([b"", b"Content-Type: image/png\r\n", b"Content-Type: \xff\r\n"])
        )
        value = draw(st.binary(max_size=60) | st.sampled_from([b"{}", b"[1", b"5", b"true"]))
        head = b'Content-Disposition: form-data; name="' + name + b'"' + file + b"\r\n" + kind
        parts.append(b"--" + BOUNDARY.encode() + b"\r\n" + head + b"\r\n" + value + b"\r\n")
    whole = b"".join(parts) + b"--" + BOUNDARY.encode() + b"--\r\n"
    return draw(st.just(whole) | spoiled(whole))


FORM_TYPES = (
    f"multipart/form-data; boundary={BOUNDARY}",
    f'multipart/form-data; boundary="{BOUNDARY}"; charset=utf-16',
    f"multipart/form-data; boundary={BOUNDARY}; charset=\xff",
    "multipart/form-data; boundary=",
)

# Headers

EVERYBODY = TrustedProxies(networks_of(["0.0.0.0/0", "::/0"]))
ETAG = entity_tag("ab" * 32)


def read_forwarded(header: str) -> None:
    for name in (b"forwarded", b"x-forwarded-for"):
        headers = [(name, header.encode("latin-1"))]
        client = EVERYBODY.client_of(
            {"type": "http", "client": ("10.0.0.1", 1), "headers": headers}
        )
        ip_address(client)
        origin_headers({"type": "http", "headers": [*headers, (b"origin", headers[0][1])]})


def read_range(given: tuple[str, str, int]) -> None:
    header, other, size = given
    not_modified(other, ETAG)
    found = wanted(header, size, etag=ETAG, if_range=other or None)
    assert found is None or 0 <= found.start < found.stop <= size


def read_header(header: str) -> None:
    parse_prefer(header)
    parse_traceparent(header)
    split_host(header)
    if is_origin(header):
        normal_origin(header)
    assert redacted(header) is not None
    max_age_s(header)


def read_signed(text: str) -> None:
    about_of(text)
    assert until_of(text, purpose="share", secret=b"secret", now=0.0) is None


# Files


FOLDER = tempfile.TemporaryDirectory(prefix="reelgate-fuzz-")
SCRATCH = Path(FOLDER.name) / "input"
"""Each input is written to it in turn."""


def read_movie(content: bytes) -> None:
    is_mp4(content[:12])
    SCRATCH.write_bytes(content)
    probe(SCRATCH, 1.0)


def read_toml(text: str) -> None:
    SCRATCH.write_bytes(text.encode("utf-8", "surrogatepass"))
    read_rows(SCRATCH, ROWS)


TOML = (
    "[models.x]\n",
    "style_id = 1\n",
    "[",
    "]",
    "=",
    '"',
    "'''",
    "1e400",
    "\n",
    "models",
    ".",
    "#",
)

# Upstreams


def words_in(source: str) -> list[str]:
    """The words that a piece of code looks for, so that what is made up comes close to it."""
    found = {
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return sorted(word for word in found if re.fullmatch(r"[\w.-]{1,40}", word)) or ["id"]


def adapters() -> Iterator[ApiProvider]:
    """Each provider at an API, which no request is sent to."""
    for name, known in PROVIDERS.items():
        provider = known.build_stand_in(
            HttpClient(),
            SystemClock(),
            sandbox_url="http://127.0.0.1:1",
            speed=1.0,
            name=name,
            public_asset_url=None,
            settings=None,
        )
        if isinstance(provider, ApiProvider):
            yield provider


def read_answer(adapter: ApiProvider, given: tuple[int, object]) -> None:
    response = HttpResponse(given[0], {}, as_json(given[1]))
    assert isinstance(adapter.refusal(response), UpstreamError)
    payload = payload_of(response)
    report = adapter.read_report(payload)
    assert isinstance(report.url, str)
    adapter.failed(report)
    adapter.id_of(payload)
    adapter.cost_in(payload)
    adapter.read_cancel(response)


def read_imagine(given: tuple[int, object]) -> None:
    response = HttpResponse(given[0], {}, as_json(given[1]))
    assert isinstance(wire.submit_refusal(response), UpstreamError)
    wire.read_report(response)
    for read in (wire.read_submission, wire.read_upload, partial(read_list, asset_url="https://a")):
        try:
            read(response)
        except UpstreamError:
            continue


def answers(*kinds: object) -> st.SearchStrategy[tuple[int, Any]]:
    source = "".join(inspect.getsource(sys.modules[str(kind)]) + "\n" for kind in kinds)
    statuses = st.sampled_from(
        [200, 201, 202, 204, 301, 400, 401, 402, 404, 409, 422, 429, 500, 503]
    )
    return st.tuples(statuses, values_of(words_in(source)))


PARSERS = {
    "json": Parser(
        st.binary(max_size=80) | values_of(FIELDS).map(as_json),
        partial(read_body, content_type="application/json"),
    ),
    "form": Parser(
        st.tuples(forms(), st.sampled_from(FORM_TYPES)), lambda given: read_body(*given)
    ),
    "range": Parser(
        st.tuples(
            headers_of("bytes", "=", "-", ",", " "),
            headers_of(ETAG, "W/", "*", ","),
            st.integers(1, 10**12),
        ),
        read_range,
        (ReelgateError,),
    ),
    "forwarded": Parser(
        headers_of("for=", '"', ";", ",", "[", "]", ":", "by=", "unknown", "_x", "::1", "1.2.3.4"),
        read_forwarded,
    ),
    "header": Parser(
        headers_of(
            "wait=", "respond-async", "max-age=", ",", ";", '"', "00-", "-", "http://", ":", "["
        ),
        read_header,
        (ReelgateError,),
    ),
    "signed": Parser(headers_of(".", "~", "-", "_", "A"), read_signed),
    "webhook secret": Parser(
        headers_of("whsec_", " ", "=", "AAAA").map(str), decode_secrets, (ValueError,)
    ),
    "address": Parser(
        headers_of(
            "http://", "https://", "@", "127.1", "[::", "]", ":", "/", "#", "%", "0x7f.", "。"
        ),
        partial(check_url, param="webhook_url"),
        (ReelgateError,),
    ),
    "mp4": Parser(spoiled(movie()), read_movie, (ReelgateError,)),
    "toml": Parser(
        texts | st.lists(st.sampled_from(TOML) | texts, max_size=12).map("".join),
        read_toml,
        (ValueError,),
    ),
    "imagine": Parser(
        answers("reelgate.providers.imagine.wire", "reelgate.providers.imagine.listing"),
        read_imagine,
    ),
} | {
    adapter.name: Parser(
        answers(type(adapter).__module__), partial(read_answer, adapter), (UpstreamError,)
    )
    for adapter in adapters()
}
