"""A field that one model takes is one row: nothing else knows of it, and it works everywhere."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from typer.testing import CliRunner

from reelgate.cli.app import command_app
from reelgate.cli.commands.generate import with_request_options
from reelgate.cli.exits import Refused
from reelgate.domain.fields import Field, FieldType
from reelgate.providers.imagine import models
from tests.gateway import Reply, a_prompt, submitted_parts
from tests.http.jobs import JobsGateway, a_jobs_gateway, is_refused

MODEL = "veo-3.1"
VIDEOS = "/v1/videos"
NEVER = "[[never]]"
FIELDS = (
    Field(
        name="is_loud",
        type=FieldType.BOOLEAN,
        help="Make a sound.",
        default=False,
        wire="with_sound",
    ),
    Field(name="luck", type=FieldType.INTEGER, help="Of luck.", minimum=0, maximum=9, wire="s"),
    Field(name="strength", type=FieldType.NUMBER, minimum=0, maximum=1, wire="strength"),
    Field(name="mood", type=FieldType.TEXT, allowed=("calm", "wild"), default="calm", wire="mood"),
    Field(name="without", type=FieldType.TEXT, maximum=20, wire="negative"),
)


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = [replace(row, own=FIELDS) if row.id == MODEL else row for row in models.ROWS]
    monkeypatch.setattr(models, "ROWS", tuple(changed))


@pytest.fixture
async def gateway(
    rows: None,  # noqa: ARG001 - before the gateway
    tmp_path: Path,
    sandbox_url: str,
) -> AsyncIterator[JobsGateway]:
    async with a_jobs_gateway(tmp_path, sandbox_url) as running:
        yield running


SAID = {"is_loud": True, "luck": 7, "strength": 0.5, "mood": "wild", "without": "rain"}
SENT = {"with_sound": "1", "s": "7", "strength": "0.5", "mood": "wild", "negative": "rain"}
AS_TEXT = {"is_loud": "true", "luck": "7.0", "strength": "0.50", "mood": "wild", "without": "rain"}


def request_of(gateway: JobsGateway, prompt: str) -> dict[str, object]:
    [row] = gateway.rows(prompt)
    request: dict[str, object] = json.loads(row["request"])
    return request


async def ask(gateway: JobsGateway, prompt: str, **fields: object) -> Reply:
    body = {"model": MODEL, "prompt": prompt} | fields
    return await gateway.call("POST", VIDEOS, json=body)


async def test_it_is_read_from_json_and_from_forms(gateway: JobsGateway) -> None:
    by_json, by_form, blocking = a_prompt(NEVER), a_prompt(NEVER), a_prompt("[[ready after=0]]")
    assert (await ask(gateway, by_json, **SAID)).status == 200
    form = aiohttp.FormData(
        {"model": MODEL, "prompt": by_form} | AS_TEXT, default_to_multipart=True
    )
    assert (await gateway.submit_form(form)).status == 200
    path = f"/v1/{MODEL}/generations"
    assert (await gateway.call("POST", path, json={"prompt": blocking} | SAID)).status == 200
    for prompt in (by_json, by_form, blocking):
        assert SAID.items() <= request_of(gateway, prompt).items()


@pytest.mark.usefixtures("rows")
async def test_it_is_sent_to_the_upstream_by_its_name_there(tmp_path: Path) -> None:
    sent = await submitted_parts(tmp_path / "said", {"prompt": "a cat"} | SAID, MODEL)
    assert SENT.items() <= sent.items()
    quiet = {"prompt": "a cat", "is_loud": False, "mood": "calm"}
    sent = await submitted_parts(tmp_path / "unsaid", quiet, MODEL)
    assert not SENT.keys() & sent.keys()


async def test_what_says_nothing_new_is_the_same_request_as_one_without_it(
    gateway: JobsGateway,
) -> None:
    prompt = a_prompt(NEVER)
    plain = await ask(gateway, prompt)
    assert not SAID.keys() & request_of(gateway, prompt).keys()
    same = {"is_loud": False, "mood": "calm", "luck": None}
    [before] = gateway.rows(prompt)
    said = a_prompt(NEVER)
    assert (await ask(gateway, said, **same)).status == plain.status == 200
    assert request_of(gateway, said) | {"prompt": prompt} == json.loads(before["request"])
    louder = await ask(gateway, prompt, is_loud=True)
    assert louder.body["id"] != plain.body["id"]
    assert len({row["fingerprint"] for row in gateway.rows(prompt)}) == 2


WRONG: tuple[tuple[str, object, str], ...] = (
    ("is_loud", "true", "true, false"),
    ("is_loud", 1, "true, false"),
    ("luck", 10, "a whole number from 0 to 9"),
    ("luck", True, "a whole number from 0 to 9"),
    ("luck", "seven", "a whole number from 0 to 9"),
    ("strength", 1.5, "a number from 0 to 1"),
    ("strength", "much", "a number from 0 to 1"),
    ("mood", "loud", "calm, wild"),
    ("without", "x" * 21, "up to 20 characters"),
    ("without", 5, "up to 20 characters"),
    ("without", "\ud83c", "surrogate"),
)


async def test_a_wrong_value_is_refused_with_its_name_and_what_is_allowed(
    gateway: JobsGateway,
) -> None:
    for name, value, allowed in WRONG:
        reply = await ask(gateway, a_prompt(NEVER), **{name: value})
        assert is_refused(reply, 422, "invalid_request", name), (name, value)
        assert name in reply.body["detail"]
        assert allowed in reply.body["detail"]
    other = await gateway.create(a_prompt(NEVER), luck=7)
    assert is_refused(other, 422, "invalid_request", "luck")
    assert "takes no luck" in other.body["detail"]
    assert (await gateway.call("GET", VIDEOS)).body["data"] == []


async def test_it_is_told_in_the_document_and_in_the_models_capabilities(
    gateway: JobsGateway,
) -> None:
    document = (await gateway.call("GET", "/openapi.json")).body
    body = document["paths"][VIDEOS]["post"]["requestBody"]["content"]
    for properties in (
        document["components"]["schemas"]["VideoCreate"]["properties"],
        document["components"]["schemas"]["GenerationRequest"]["properties"],
        body["multipart/form-data"]["schema"]["properties"],
    ):
        assert SAID.keys() <= properties.keys()
    told = document["components"]["schemas"]["GenerationRequest"]["properties"]
    assert told["mood"]["description"] == f"{MODEL}: `calm` (default), `wild`."
    listed = {
        model["id"]: {row["name"]: row for row in model["capabilities"]["fields"]}
        for model in (await gateway.call("GET", "/v1/models")).body["data"]
    }
    assert listed[MODEL]["luck"] == {
        "name": "luck",
        "type": "integer",
        "min": 0,
        "max": 9,
        "default": None,
        "help": "Of luck.",
    }
    assert listed[MODEL]["is_loud"]["default"] is False
    assert [name for name, rows in listed.items() if SAID.keys() & rows.keys()] == [MODEL]


async def test_it_is_an_option_of_the_command_line(gateway: JobsGateway, tmp_path: Path) -> None:
    app = command_app()
    app.command()(with_request_options())
    prompt = a_prompt("[[ready after=0]]")
    options = ["--loud", "--luck", "7", "--strength", "0.5", "--mood", "wild", "--without", "rain"]
    told = ["--model", MODEL, "--server", gateway.url, "--output", str(tmp_path / "a.mp4")]
    result = await asyncio.to_thread(CliRunner().invoke, app, [prompt, *told, *options])
    assert result.exit_code == 0, result.output
    assert SAID.items() <= request_of(gateway, prompt).items()
    refusal = (await ask(gateway, a_prompt(NEVER), is_loud=1, luck=10)).body
    assert str(Refused(422, refusal)).splitlines()[0].startswith("--loud/--no-loud: ")
