"""Forms as browsers, curl and SDKs really send them."""

from __future__ import annotations

import io
import json
from pathlib import Path

import aiohttp

from tests.gateway import Reply, a_prompt
from tests.http_servers import replying, serving
from tests.images.pictures import MODEL, a_data_url, a_picture

from .jobs import NEVER, SHORT, VIDEOS, JobsGateway, a_jobs_gateway, is_refused

PNG = {"content_type": "image/png"}
OPTIONAL = (
    *("model", "seconds", "duration", "size", "aspect_ratio", "resolution", "style_id"),
    *("is_enhance", "metadata", "input_reference", "webhook_url"),
)


def a_form(*parts: tuple[str, str | bytes], **fields: str) -> aiohttp.FormData:
    form = aiohttp.FormData(default_to_multipart=True)
    for name, value in [*fields.items(), *parts]:
        form.add_field(name, io.BytesIO(value) if isinstance(value, bytes) else value)
    return form


def with_picture(
    prompt: str, *pictures: bytes, filename: str | None = "a.png", **fields: str
) -> aiohttp.FormData:
    form = a_form(prompt=prompt, model=MODEL, **fields)
    for picture in pictures:
        payload = aiohttp.BytesPayload(picture, headers={"Content-Type": "image/png"})
        if filename is not None:
            payload.set_content_disposition("form-data", name="input_reference", filename=filename)
        form.add_field("input_reference", payload)
    return form


def request_of(gateway: JobsGateway, prompt: str) -> dict[str, object]:
    (row,) = gateway.rows(prompt)
    request: dict[str, object] = json.loads(row["request"])
    return request


async def test_what_is_left_empty_is_as_if_left_out(gateway: JobsGateway) -> None:
    prompt, empty = a_prompt(NEVER), dict.fromkeys(OPTIONAL, "")
    form = a_form(prompt=prompt, **empty)
    # A browser sends a field for a file that nobody chose as a file without a name.
    form.add_field("input_reference", b"", filename="", content_type="application/octet-stream")
    reply = await gateway.submit_form(form)
    assert reply.status == 200, reply
    plain = a_prompt(NEVER)
    assert (await gateway.call("POST", VIDEOS, json={"prompt": plain})).status == 200
    left_out = request_of(gateway, plain)
    assert request_of(gateway, prompt) | {"prompt": plain} == left_out


async def test_an_empty_prompt_and_an_empty_unknown_field_are_refused(
    gateway: JobsGateway,
) -> None:
    no_prompt = await gateway.submit_form(a_form(prompt=""))
    assert is_refused(no_prompt, 422, "invalid_request", "prompt")
    unknown = await gateway.submit_form(a_form(prompt="a cat", colour=""))
    assert is_refused(unknown, 422, "invalid_request", "colour")


async def test_a_field_that_is_sent_twice_is_refused(gateway: JobsGateway) -> None:
    values = {"model": MODEL, "seconds": "5", "style_id": "7", "metadata": '{"a": "b"}'}
    for name in ("prompt", *values, "metadata[a]"):
        value = values.get(name, "a cat")
        others = {} if name == "prompt" else {"prompt": "a cat"}
        reply = await gateway.submit_form(a_form((name, value), (name, value), **others))
        assert is_refused(reply, 422, "invalid_request", name)


async def test_metadata_is_not_told_twice_in_two_spellings(gateway: JobsGateway) -> None:
    for parts in (
        [("metadata", '{"a": "b"}'), ("metadata[a]", "c")],
        [("metadata[a]", "c"), ("metadata", '{"b": "b"}')],
    ):
        reply = await gateway.submit_form(a_form(*parts, prompt="a cat"))
        assert reply.status == 422
        assert reply.body["error"]["param"].startswith("metadata")


async def test_metadata_that_is_no_object_of_strings_is_refused_by_name(
    gateway: JobsGateway,
) -> None:
    for text in ("nonsense", "{", "5", "[1]", '"a"', '{"a": 1}', '{"a": "b", "a": "c"}'):
        reply = await gateway.submit_form(a_form(prompt="a cat", metadata=text))
        assert reply.status in {400, 422}, text
        assert reply.body["error"]["param"] in {"metadata", "a"}, text


async def test_metadata_may_have_any_name(gateway: JobsGateway) -> None:
    form = a_form(("metadata[order-id]", "1"), ("metadata[x.y]", "2"), prompt=a_prompt(NEVER))
    reply = await gateway.submit_form(form)
    assert reply.body["metadata"] == {"order-id": "1", "x.y": "2"}


SPELLED = {"true": True, "True": True, "1": True, "false": False, "False": False, "0": False}


async def test_a_truth_value_may_be_spelled_as_languages_do(gateway: JobsGateway) -> None:
    for text, value in SPELLED.items():
        prompt = a_prompt(NEVER)
        assert (await gateway.submit_form(a_form(prompt=prompt, is_enhance=text))).status == 200
        assert request_of(gateway, prompt)["is_enhance"] is value


REFUSED: tuple[tuple[str, str, list[object]], ...] = (
    ("is_enhance", "maybe", [True, False]),
    ("is_enhance", "2", [True, False]),
    ("seconds", "five", [5, 6, 12]),
    ("duration", "7", [5, 6, 12]),
    ("aspect_ratio", "3:2", ["16:9", "9:16", "4:3", "1:1"]),
)


async def test_a_refusal_lists_what_is_allowed(gateway: JobsGateway) -> None:
    for name, value, allowed in REFUSED:
        reply = await gateway.submit_form(a_form(prompt="a cat", **{name: value}))
        assert is_refused(reply, 422, "invalid_request", name)
        assert reply.body["errors"][0]["allowed"] == allowed
        assert str(allowed[0]).lower() in reply.body["detail"]


async def test_numbers_are_digits_in_text_or_whole_floats(gateway: JobsGateway) -> None:
    for seconds in ("5", "5.0"):
        prompt = a_prompt(NEVER)
        form = a_form(prompt=prompt, seconds=seconds, style_id="7.0")
        assert (await gateway.submit_form(form)).status == 200
        request = request_of(gateway, prompt)
        assert (request["duration"], request["style_id"]) == (5, 7)


async def test_a_picture_may_be_an_address_a_data_url_or_a_part_without_a_filename(
    tmp_path: Path, sandbox_url: str
) -> None:
    picture = a_picture()
    async with (
        a_jobs_gateway(tmp_path, sandbox_url, reference_allow_private=True) as gateway,
        serving(replying(200, picture, **{"Content-Type": "image/png"})) as host,
    ):
        forms = {
            "address": {"input_reference": f"{host}/a.png"},
            "data": {"input_reference": a_data_url(picture)},
            "object": {"input_reference": json.dumps({"image_url": f"{host}/a.png"})},
            "entry": {"input_reference[image_url]": f"{host}/a.png"},
        }
        for name, fields in forms.items():
            reply = await gateway.submit_form(a_form(prompt=a_prompt(NEVER), model=MODEL, **fields))
            assert reply.status == 200, (name, reply)
        for media_type in ("image/png", "image/jpeg", "image/webp"):
            prompt = a_prompt(NEVER)
            body = with_picture(prompt, a_picture(media_type), filename=None)
            reply = await gateway.submit_form(body)
            assert reply.status == 200, (media_type, reply)


async def test_a_reference_that_is_no_picture_is_refused_by_name(gateway: JobsGateway) -> None:
    for text in ("cat.png", "{", "[1]", '{"image_url": 5}', "data:", "data:,x", "ftp://a.io/b"):
        form = a_form(prompt="a cat", model=MODEL, input_reference=text)
        reply = await gateway.submit_form(form)
        assert is_refused(reply, 422, "invalid_request", "input_reference")


async def test_two_pictures_are_never_one(gateway: JobsGateway) -> None:
    two = with_picture("a cat", a_picture(colour=1), a_picture(colour=2))
    assert is_refused(await gateway.submit_form(two), 422, "invalid_request", "input_reference")
    beside = with_picture("a cat", a_picture(), **{"input_reference[image_url]": "https://a.io/b"})
    assert is_refused(await gateway.submit_form(beside), 422, "invalid_request", "input_reference")


async def test_a_remix_is_not_read_from_a_form(gateway: JobsGateway) -> None:
    video = await gateway.created(a_prompt(NEVER), **SHORT)
    url = f"{gateway.url}{VIDEOS}/{video['id']}/remix"
    async with gateway.session.post(url, data=a_form(prompt="a dog")) as response:
        reply = Reply(response.status, response.headers, await response.text())
    assert is_refused(reply, 415, "unsupported_media")
