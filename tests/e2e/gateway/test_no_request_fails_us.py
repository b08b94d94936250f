"""No request, however odd, is a mistake of ours: nothing is answered with a 5xx or not at all.

Written over plain sockets, because HTTP clients refuse to send most of this.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote_from_bytes, urlsplit

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.gateway import GENERATIONS, settings_values

from .processes import Program, start_gateway

pytestmark = pytest.mark.both_databases

VIDEOS = "/v1/videos"
cheaply = settings(
    max_examples=60,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@dataclass(frozen=True)
class Sent:
    """A request, byte for byte."""

    method: str
    path: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    def over_the_wire(self) -> bytes:
        marks = {"Host": "localhost", "Connection": "close"} | self.headers
        if self.body:
            marks["Content-Length"] = str(len(self.body))
        lines = [f"{self.method} {self.path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in marks.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body


@pytest.fixture
def program(tmp_path: Path, sandbox_url: str, database_kind: str) -> Iterator[Program]:
    assert database_kind
    running = start_gateway(
        settings_values(tmp_path, sandbox_url, log_level="error"), tmp_path / "log"
    )
    yield running
    running.terminate()
    assert running.ended() == 0


def answered(program: Program, sent: Sent) -> tuple[int, bytes]:
    """The status and body of the answer."""
    where = urlsplit(program.url)
    assert where.hostname is not None
    with socket.create_connection((where.hostname, where.port or 0), timeout=30) as line:
        line.sendall(sent.over_the_wire())
        answer = b"".join(iter(lambda: line.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), body


def is_well(program: Program, sent: Sent) -> None:
    status, body = answered(program, sent)
    assert status < 500, (sent, body)
    if status in {400, 415, 422}:
        assert b"Traceback" not in body
        assert len(body) < 25_000


NUMBERS = ("-1", "0", "2147483648", "9223372036854775808", "9" * 309, "9" * 5000, "1e400", "²", "٣")
ODD = ("\x00", "a\x00b", "\ud83c", "\udfff\ud83c", "\u2028", "x" * 3000, "'; --", "%00", *NUMBERS)
texts = st.sampled_from(ODD) | st.text(st.characters(exclude_categories=[]), max_size=12)
numbers = (
    st.integers() | st.floats() | st.sampled_from([2**31, 2**63, 10**400, -(2**63) - 1, 1e308])
)
scalars = st.none() | st.booleans() | numbers | texts
values = st.recursive(
    scalars,
    lambda one: st.lists(one, max_size=3) | st.dictionaries(texts, one, max_size=3),
    max_leaves=6,
)
FIELDS = (
    *("model", "seconds", "duration", "size", "aspect_ratio", "resolution", "style_id"),
    *("is_enhance", "input_reference", "metadata", "webhook_url", "unknown"),
)
references = texts | st.builds(
    lambda url: {"image_url": url}, texts.map(lambda text: f"data:{text}")
)
bodies = st.builds(
    lambda prompt, fields: {"prompt": prompt} | fields,
    st.just("a cat") | values,
    st.dictionaries(st.sampled_from(FIELDS), values | references, max_size=3),
)
ACCEPTED = {"prompt": "a cat"}
HEADERS = (
    *("Idempotency-Key", "x-stainless-retry-count", "Cache-Control", "Prefer", "Range", "If-Range"),
    *("If-None-Match", "Last-Event-ID", "Content-Encoding", "Accept", "Origin", "Content-Type"),
)
header_values = st.one_of(
    st.sampled_from(NUMBERS[:-1]).flatmap(
        lambda digits: st.sampled_from(
            [
                digits,
                f"max-age={digits}",
                f"wait={digits}",
                f"bytes={digits}-",
                f"bytes=-{digits}",
                f"4.{digits}",
                f'"{digits}"',
                f"multipart/form-data; boundary={digits[:60]}",
            ]
        )
    ),
    st.text(
        st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"),
        max_size=300,
    ),
)
headers = st.dictionaries(st.sampled_from(HEADERS), header_values, max_size=3)


def as_json(path: str, body: object, **more: str) -> Sent:
    marks = {"Content-Type": "application/json", "Prefer": "wait=0"} | more
    try:
        text = json.dumps(body)
    except ValueError:
        # Python does not write numbers of more than 4,300 digits; all others it does.
        text = json.dumps(str(body)[:100])
    return Sent("POST", path, text.encode(), marks)


def test_bodies(program: Program) -> None:
    @cheaply
    @given(st.sampled_from([VIDEOS, GENERATIONS, "/v1/kling-o3/generations"]), bodies)
    @example(VIDEOS, ACCEPTED | {"metadata": {"a\x00": "b\x00"}})
    @example(VIDEOS, {"prompt": "a\x00cat"})
    @example(
        VIDEOS,
        {
            "prompt": "a cat",
            "model": "kling-o3",
            "input_reference": {"image_url": "data:image/png;base64,\ud83c"},
        },
    )
    @example(VIDEOS, {"prompt": "a cat", "webhook_url": "https://a.io/\ud83c"})
    def well(path: str, body: dict[str, object]) -> None:
        is_well(program, as_json(path, body))

    well()


def test_raw_bodies(program: Program) -> None:
    content_types = st.sampled_from(
        [
            "application/json",
            "application/json; charset=latin-1",
            "text/plain",
            "a/b+json",
            "",
            "multipart/form-data",
            "multipart/form-data; boundary=b",
        ]
    ) | st.sampled_from(["undefined", "punycode", "idna", "utf-7", "hex", "\xff", "a" * 300]).map(
        lambda charset: f"multipart/form-data; boundary=b; charset={charset}"
    )
    pieces = st.sampled_from(
        [
            b"--b\r\n",
            b"--b--\r\n",
            b"\r\n\r\n",
            b'Content-Disposition: form-data; name="prompt"',
            b'Content-Disposition: form-data; name="\xff"; filename="\xff"',
            b"\xff\xfe",
            b"\r\n",
            b'{"prompt": ',
            b'"a"}',
            b"Content-Disposition: form-data; name*=utf-8''%ff",
            b"[" * 2000,
        ]
    ) | st.binary(max_size=20)

    @cheaply
    @given(content_types, st.lists(pieces, max_size=8).map(b"".join), headers)
    def well(content_type: str, body: bytes, more: dict[str, str]) -> None:
        marks = {"Content-Type": content_type} if content_type else {}
        is_well(program, Sent("POST", VIDEOS, body, more | marks))

    well()


def test_headers(program: Program) -> None:
    _, body = answered(program, as_json(VIDEOS, ACCEPTED))
    video = json.loads(body)["id"]
    gets = [f"{VIDEOS}/{video}", f"{VIDEOS}/{video}/content", VIDEOS]

    @cheaply
    @given(headers, st.sampled_from([VIDEOS, GENERATIONS, *gets]))
    @example({"x-stainless-retry-count": "9223372036854775808"}, VIDEOS)
    @example({"x-stainless-retry-count": "2147483648"}, VIDEOS)
    @example({"Cache-Control": "max-age=" + "9" * 309}, GENERATIONS)
    @example({"Idempotency-Key": "\xff\xfe"}, VIDEOS)
    @example({"Idempotency-Key": "x" * 20_000}, VIDEOS)
    @example({"Range": "bytes=" + "9" * 5000 + "-"}, gets[1])
    def well(more: dict[str, str], path: str) -> None:
        if path in gets[:2]:
            is_well(program, Sent("GET", path, headers=more))
        else:
            is_well(program, as_json(path, ACCEPTED, **{"Prefer": "wait=0"} | more))

    well()


def test_paths(program: Program) -> None:
    odd = st.sampled_from([b"\x00", b"\xed\xa0\x80", b"\xff", b"..", b"/", b"video_\x00"])
    names = (odd | st.binary(max_size=12)).map(quote_from_bytes)
    ends = st.sampled_from(["", "/", "/content", "/events", "/cancel", "/remix", "/generations"])
    queries = st.dictionaries(
        st.sampled_from(["after", "limit", "order", "status", "model", "variant"]),
        names | st.sampled_from(["9" * 400, "%ED%A0%80", "%00", "1e400"]),
        max_size=3,
    ).map(lambda query: "&".join(f"{name}={value}" for name, value in query.items()))
    methods = st.sampled_from(["GET", "HEAD", "DELETE", "POST", "PUT", "OPTIONS"])

    @cheaply
    @given(methods, st.sampled_from(["/v1/videos", "/v1/models", "/v1", ""]), names, ends, queries)
    @example("GET", "/v1/videos", "a%00", "", "")
    @example("GET", "/v1", "videos", "", "after=video_%00&model=%00")
    @example("GET", "/v1", "videos", "", "after=%ED%A0%80&model=%ED%A0%80")
    def well(method: str, root: str, name: str, end: str, query: str) -> None:
        is_well(program, Sent(method, f"{root}/{name}{end}?{query}"))

    well()
