"""Bodies as they come over the wire: compressed, in another charset, or saying a thing twice."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import AsyncIterator, Callable

from tests.gateway import GENERATIONS, Gateway, Reply, a_prompt
from tests.http.jobs import NEVER, VIDEOS, is_refused

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "multipart/form-data; boundary=b"}


def a_form(**fields: str) -> bytes:
    parts = (
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    return "".join([*parts, "--b--\r\n"]).encode()


async def post(
    gateway: Gateway, body: bytes | AsyncIterator[bytes], path: str = VIDEOS, **headers: str
) -> Reply:
    return await gateway.call("POST", path, data=body, headers=JSON | headers)


PACKED: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
    ("gzip", gzip.compress),
    ("GZIP", gzip.compress),
    ("x-gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("identity", bytes),
    ("gzip", lambda body: gzip.compress(body[:9]) + gzip.compress(body[9:])),
)


async def test_a_compressed_body_is_read(gateway: Gateway) -> None:
    for coding, pack in PACKED:
        prompt, marks = a_prompt(NEVER), {"Content-Encoding": coding}
        body = pack(json.dumps({"prompt": prompt}).encode())
        form = pack(a_form(prompt=prompt))
        for reply in (
            await post(gateway, body, **marks),
            await gateway.call("POST", VIDEOS, data=form, headers=FORM | marks),
            await post(gateway, body, GENERATIONS, Prefer="respond-async", **marks),
        ):
            assert reply.status in {200, 202}, (coding, reply)
        assert len(gateway.rows(prompt)) == 3


async def test_a_compressed_body_comes_in_pieces(gateway: Gateway) -> None:
    prompt = a_prompt(NEVER)
    packed = gzip.compress(json.dumps({"prompt": prompt}).encode())

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(packed), 7):
            yield packed[start : start + 7]

    reply = await post(gateway, pieces(), **{"Content-Encoding": "gzip"})
    assert reply.body["prompt"] == prompt


async def test_a_body_that_unpacks_beyond_the_limit_is_refused(gateway: Gateway) -> None:
    packed = {"Content-Encoding": "gzip"}
    bomb = gzip.compress(b" " * 50_000_000)
    assert len(bomb) < 1_000_000
    for path in (VIDEOS, GENERATIONS):
        assert is_refused(await post(gateway, bomb, path, **packed), 413, "request_too_large")
    file = b'--b\r\nContent-Disposition: form-data; name="input_reference"; filename="a"\r\n\r\n'
    bomb = gzip.compress(file + bytes(50_000_000))
    reply = await gateway.call("POST", VIDEOS, data=bomb, headers=FORM | packed)
    assert is_refused(reply, 413, "request_too_large")


async def test_a_body_that_never_unpacks_to_anything_ends_too(gateway: Gateway) -> None:
    begun = zlib.compressobj()
    nothing = begun.compress(b"") + b"".join(begun.flush(zlib.Z_FULL_FLUSH) for _ in range(9))

    async def pieces() -> AsyncIterator[bytes]:
        yield nothing
        for _ in range(30):
            yield b"\x00\x00\x00\xff\xff" * 10_000

    reply = await post(gateway, pieces(), **{"Content-Encoding": "deflate"})
    assert is_refused(reply, 413, "request_too_large")


async def test_a_coding_that_nobody_reads_is_refused_by_name(gateway: Gateway) -> None:
    for coding in ("br", "zstd", "compress", "gzip, gzip", "x" * 500):
        reply = await post(gateway, b"packed", **{"Content-Encoding": coding})
        assert is_refused(reply, 415, "unsupported_media")
        assert coding[:30] in reply.body["detail"]
        assert "gzip" in reply.body["detail"]


async def test_a_body_that_is_not_so_coded_is_told_so(gateway: Gateway) -> None:
    plain = b'{"prompt": "a cat"}'
    for body in (plain, gzip.compress(plain)[:-9], b"\x1f\x8b"):
        reply = await post(gateway, body, **{"Content-Encoding": "gzip"})
        assert is_refused(reply, 400, "invalid_request")
        assert "Content-Encoding" in reply.body["detail"]


CAUSES = (
    ('{"prompt": "café"}'.encode("latin-1"), "0xe9 at position 15"),
    (b'{"prompt": "a cat", "style_id": NaN}', "NaN"),
    (b'{"prompt": "a cat", "style_id": -Infinity}', "Infinity"),
    (b'{"prompt": "a cat", "style_id": ' + b"9" * 5000 + b"}", "5000 digits"),
    (b"[" * 100_000, "nested"),
    (b'{"prompt": "a cat"', "delimiter"),
)


async def test_the_cause_is_told(gateway: Gateway) -> None:
    for path in (VIDEOS, GENERATIONS, f"{VIDEOS}/sync"):
        for body, cause in CAUSES:
            reply = await post(gateway, body, path)
            assert is_refused(reply, 400, "invalid_request")
            assert cause in reply.body["detail"]


async def test_a_form_without_a_boundary_is_told_so(gateway: Gateway) -> None:
    for content_type in ("multipart/form-data", "multipart/form-data; boundary="):
        headers = {"Content-Type": content_type}
        reply = await gateway.call("POST", VIDEOS, data=a_form(prompt="a cat"), headers=headers)
        assert is_refused(reply, 400, "invalid_request")
        assert "oundary" in reply.body["detail"]


async def test_a_form_that_is_not_in_its_charset_is_refused_by_the_field(gateway: Gateway) -> None:
    latin = a_form(prompt="a café").decode().encode("latin-1")
    reply = await gateway.call("POST", VIDEOS, data=latin, headers=FORM)
    assert is_refused(reply, 400, "invalid_request", "prompt")
    assert "0xe9 at position 5" in reply.body["detail"]
    told = {"Content-Type": f"{FORM['Content-Type']}; charset=iso-8859-1"}
    reply = await gateway.call("POST", VIDEOS, data=latin, headers=told)
    assert (reply.status, reply.body["prompt"]) == (200, "a café")


async def test_a_charset_that_is_none_is_refused_by_name(gateway: Gateway) -> None:
    for charset in ("undefined", "punycode", "idna", "unicode_escape", "utf-7", "rot13", "hex"):
        headers = {"Content-Type": f"multipart/form-data; boundary=b; charset={charset}"}
        reply = await gateway.call("POST", VIDEOS, data=a_form(prompt="a cät"), headers=headers)
        assert is_refused(reply, 415, "unsupported_media")
        assert charset in reply.body["detail"]


async def test_a_name_that_comes_twice_is_refused(gateway: Gateway) -> None:
    for path in (VIDEOS, GENERATIONS):
        reply = await post(gateway, b'{"prompt": "a cat", "duration": 5, "prompt": "a dog"}', path)
        assert is_refused(reply, 422, "invalid_request", "prompt")


async def test_a_deep_value_is_refused_as_what_it_is(gateway: Gateway) -> None:
    for depth in (50, 400, 800, 900, 950, 990):
        value = b"[" * depth + b"]" * depth
        for path in (VIDEOS, GENERATIONS):
            for name in (b"duration", b"metadata", b"unknown"):
                body = b'{"prompt": "a cat", "' + name + b'": ' + value + b"}"
                reply = await post(gateway, body, path)
                assert reply.status in {400, 422}
                assert len(reply.text) < 1500


async def test_no_answer_repeats_all_that_is_wrong(gateway: Gateway) -> None:
    body = json.dumps({f"{'x' * 100}{number}": 1 for number in range(8000)}).encode()
    reply = await post(gateway, body)
    assert reply.status == 422
    assert len(reply.text) < 20_000


async def test_whole_numbers_count_however_they_are_written(gateway: Gateway) -> None:
    for path in (VIDEOS, GENERATIONS):
        for duration, style_id in ((5, 7), (5.0, 7.0), ("5", "7"), ("5.0", "7.0")):
            prompt = a_prompt(NEVER)
            body = {"prompt": prompt, "duration": duration, "style_id": style_id}
            reply = await gateway.call("POST", path, json=body, headers={"Prefer": "respond-async"})
            assert reply.status in {200, 202}, reply
            (row,) = gateway.rows(prompt)
            request = json.loads(row["request"])
            assert (request["duration"], request["style_id"]) == (5, 7)
            assert type(request["duration"]) is type(request["style_id"]) is int


async def test_several_prefer_lines_are_one_list(gateway: Gateway) -> None:
    lines = [("Prefer", "wait=0"), ("Prefer", "respond-async")]
    body = {"prompt": a_prompt(NEVER)}
    url = gateway.url + GENERATIONS
    async with gateway.session.post(url, json=body, headers=lines) as response:
        assert response.status == 202
        assert response.headers["Preference-Applied"] == "respond-async, wait=0"


async def test_two_idempotency_keys_are_refused_and_never_one_of_them_dropped(
    gateway: Gateway,
) -> None:
    lines = [("Idempotency-Key", "order-1"), ("Idempotency-Key", "order-2")]
    url = gateway.url + VIDEOS
    async with gateway.session.post(url, json={"prompt": "a cat"}, headers=lines) as response:
        reply = Reply(response.status, response.headers, await response.text())
    assert is_refused(reply, 422, "invalid_request", "Idempotency-Key")
