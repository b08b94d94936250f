"""What is particular to `/v1/videos` servers: how they take a body, and what they call things."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from pydantic import ValidationError

from reelgate.domain.picture import Picture
from reelgate.domain.reference import Kind, Reference, Role
from reelgate.domain.video import VideoRequest
from reelgate.errors import UpstreamError, UpstreamUnauthorized
from reelgate.net.client import HttpClient
from reelgate.providers.api import ApiAccount
from reelgate.providers.base import Failed, Match, Ready, Running
from reelgate.providers.registry import registered_models
from reelgate.providers.videos_api.adapter import PROVIDER, Body, Videos
from reelgate.sandbox import Sandbox, SandboxOptions
from reelgate.sandbox.jobs import Job
from reelgate.sandbox.recorder import Outcome
from tests.http_servers import replying, serving

from .contract.test_answers import with_odd_parts
from .test_imagine_polls import until_over

PNG = b"\x89PNG\r\n\x1a\n" + bytes(24)
NAMED = "videos"


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(SandboxOptions(max_short_side_px=64, speed=2000.0)) as running:
        yield running


def videos(
    http: HttpClient,
    sandbox: Sandbox,
    dialect: str = "",
    *,
    key: str = "k",
    body: Body = Body.AUTO,
    named: tuple[str, ...] = (),
) -> Videos:
    base_url = f"{sandbox.url}/videos{dialect}/v1"
    return Videos(http, ApiAccount(NAMED, base_url, key), named, body)


def a_request(provider: Videos, prompt: str = "a cat") -> VideoRequest:
    return provider.models[-1].request(prompt=prompt)


def jobs_of(sandbox: Sandbox) -> list[Job]:
    return list(sandbox.jobs)


def submits(sandbox: Sandbox) -> list[Outcome]:
    return [each.outcome for each in sandbox.recorder if each.operation == "submit"]


@pytest.mark.parametrize("dialect", ["", "/forms", "/wrapped"])
async def test_a_video_is_made_in_every_dialect(
    http: HttpClient, sandbox: Sandbox, dialect: str
) -> None:
    provider = videos(http, sandbox, dialect)
    request = provider.models[0].request(
        prompt="a cat", aspect_ratio="9:16", resolution="720p", duration=7, seed=3
    )
    made = await provider.submit(request, marker="marker-1")
    assert isinstance(await until_over(provider.watch(made.provider_id)), Ready)
    async with provider.open_asset(made.provider_id) as asset:
        assert (b"".join([chunk async for chunk in asset.chunks]))[4:8] == b"ftyp"
    [job] = jobs_of(sandbox)
    told = {"seconds": "7", "size": "720x1280", "idempotency_key": "marker-1"}
    assert job.details.items() >= told.items()


async def test_a_server_that_refuses_json_is_sent_forms_from_then_on(
    http: HttpClient, sandbox: Sandbox
) -> None:
    provider = videos(http, sandbox, "/forms")
    for _ in range(2):
        await provider.submit(a_request(provider))
    assert submits(sandbox) == [Outcome.REFUSED, Outcome.ACCEPTED, Outcome.ACCEPTED]
    assert {job.details["body"] for job in jobs_of(sandbox)} == {"multipart/form-data"}


async def test_what_is_no_refusal_of_json_is_not_sent_again(
    http: HttpClient, sandbox: Sandbox
) -> None:
    provider = videos(http, sandbox)
    for fault in ("[[400]]", "[[moderated at=submit]]", "[[500]]", "[[reset-before]]"):
        with pytest.raises(UpstreamError):
            await provider.submit(a_request(provider, fault))
    assert len(submits(sandbox)) == 4


async def test_the_body_that_is_set_is_the_one_that_is_sent(
    http: HttpClient, sandbox: Sandbox
) -> None:
    json_only = videos(http, sandbox, "/forms", body=Body.JSON)
    with pytest.raises(UpstreamError) as refused:
        await json_only.submit(a_request(json_only))
    assert refused.value.surely_refused
    form_only = videos(http, sandbox, body=Body.MULTIPART)
    await form_only.submit(a_request(form_only))
    assert [job.details["body"] for job in jobs_of(sandbox)] == ["multipart/form-data"]


@pytest.mark.parametrize(
    ("body", "told"),
    [(Body.AUTO, "image/png"), (Body.JSON, '{"image_url": "data:image/png;base64,')],
)
async def test_a_picture_goes_along_as_a_file_or_in_the_json(
    http: HttpClient, sandbox: Sandbox, body: Body, told: str
) -> None:
    provider = videos(http, sandbox, body=body)
    picture = Reference(Kind.IMAGE, Role.FIRST_FRAME, "kept:1", "digest")
    request = provider.models[-1].request(prompt="a cat", references=[picture])
    await provider.submit(request, pictures={"kept:1": Picture(PNG, "image/png")})
    [job] = jobs_of(sandbox)
    assert job.details["picture"].startswith(told)


async def test_words_that_gateways_pass_on_are_understood(
    http: HttpClient, sandbox: Sandbox
) -> None:
    provider = videos(http, sandbox)
    for word in ("processing", "unknown", "NOT_START", "IN_PROGRESS"):
        made = await provider.submit(a_request(provider, f"[[never]][[says as={word}]]"))
        assert isinstance(await provider.watch(made.provider_id).poll(), Running), word
    for word in ("EXPIRED", "FAILURE"):
        made = await provider.submit(a_request(provider, f"[[ends as={word} after=0]]"))
        result = await until_over(provider.watch(made.provider_id))
        assert isinstance(getattr(result, "failed", result), Failed), word
    for word in ("succeeded", "SUCCESS"):
        report = provider.read_report({"id": "video_1", "status": word})
        assert report.url.endswith("/videos/v1/videos/video_1/content")


async def test_a_server_may_want_no_key(http: HttpClient, sandbox: Sandbox) -> None:
    provider = videos(http, sandbox, key="")
    with pytest.raises(UpstreamUnauthorized, match="REELGATE_PROVIDERS__VIDEOS__KEY"):
        await provider.submit(a_request(provider))
    # It was asked all the same: whether a key is wanted, the server says.
    assert submits(sandbox) == [Outcome.REFUSED]


async def test_the_servers_own_list_of_models_is_used(http: HttpClient, sandbox: Sandbox) -> None:
    provider = videos(http, sandbox)
    provider.use_catalogue(await provider.fetch_catalogue())
    assert [model.id for model in provider.models] == [NAMED, "wan-2.2", "hunyuan-video"]
    await provider.submit(provider.models[1].request(prompt="a cat"))
    [job] = jobs_of(sandbox)
    assert job.details["model"] == "wan-2.2"
    named = videos(http, sandbox, named=("mine",))
    named.use_catalogue(await named.fetch_catalogue())
    assert [model.id for model in named.models] == [NAMED, "mine"]


@pytest.mark.parametrize(
    "told",
    [
        None,
        [],
        {"data": "no"},
        {"data": [{"id": "../x"}, {"id": 7}, "x", {"object": "model"}]},
        {"data": [{"id": "a", "capabilities": {"fields": [{"name": "x", "type": "no"}, 3]}}]},
        {"data": [{"id": "a", "capabilities": {"price": {"unit": "gold", "rates": [{}]}}}]},
        {"data": [{"id": "a", "capabilities": {"fields": [{"name": "model", "type": "string"}]}}]},
    ],
)
def test_a_list_that_makes_no_sense_takes_no_model_away(told: object) -> None:
    provider = Videos(HttpClient(), ApiAccount(NAMED, "http://gpu/v1", ""))
    provider.use_catalogue(told)
    assert provider.models[0].id == NAMED
    assert provider.models[0].request(prompt="a cat").model == NAMED


def test_every_model_of_another_reelgate_is_taken_over_as_it_is() -> None:
    provider = Videos(HttpClient(), ApiAccount(NAMED, "http://gateway/v1", ""))
    models = {f"{model.provider}/{model.id}": model for model in registered_models()}
    data = [{"id": name, "capabilities": model.capabilities()} for name, model in models.items()]
    provider.use_catalogue(json.loads(json.dumps({"data": data})))
    taken = {model.id: model for model in provider.models}
    for name, model in models.items():
        told = taken[name].capabilities()
        there = json.loads(json.dumps(model.capabilities()))
        for what in ("fields", "rules", "price", "input_reference", "max_prompt_chars"):
            assert told[what] == there[what], (name, what)


def test_no_part_of_such_a_list_breaks_the_start() -> None:
    provider = Videos(HttpClient(), ApiAccount(NAMED, "http://gateway/v1", ""))
    model = {"id": "a", "alias_of": None, "capabilities": registered_models()[0].capabilities()}
    for changed in with_odd_parts(json.loads(json.dumps({"data": [model]}))):
        provider.use_catalogue(changed)
        assert provider.models


async def test_a_lost_submit_is_told_from_others_of_its_model(
    http: HttpClient, sandbox: Sandbox
) -> None:
    provider = videos(http, sandbox, named=("wan-2.2", "hunyuan-video"))
    wan, hunyuan = (model.request(prompt="a cat") for model in provider.models[1:])
    since = sandbox.provider.clock.now()
    await provider.submit(wan)
    await provider.submit(hunyuan)
    found = await provider.reconcile(wan, since)
    by_model = {job.details["model"]: job.id for job in jobs_of(sandbox)}
    assert [each.submission.provider_id for each in found] == [by_model["wan-2.2"]]
    assert found[0].match is Match.LIKENESS
    assert await provider.reconcile(wan, since + 1000) == []


@pytest.mark.parametrize(
    ("address", "base"),
    [
        ("http://gpu:8091", "http://gpu:8091/v1"),
        ("http://gpu:8091/", "http://gpu:8091/v1"),
        ("http://gpu:8091/v1", "http://gpu:8091/v1"),
        ("https://gateway.example/openai", "https://gateway.example/openai"),
    ],
)
def test_an_address_alone_is_an_account(address: str, base: str) -> None:
    settings = PROVIDER.settings.model_validate({"_env_file": None, "api_url": address})
    assert settings.is_configured
    assert settings.address == base


def test_a_setting_that_makes_no_sense_is_refused_by_name() -> None:
    for wrong in ({"api_url": "gpu:8091"}, {"body": "xml"}, {"more_models": "a b"}):
        with pytest.raises(ValidationError, match=next(iter(wrong))):
            PROVIDER.settings.model_validate({"_env_file": None, **wrong})
    assert not PROVIDER.settings.model_validate({"_env_file": None}).is_configured


@pytest.mark.parametrize("role", [Role.EDIT, Role.EXTEND])
@pytest.mark.parametrize("status", [404, 405])
async def test_a_server_without_the_routes_has_surely_refused(
    http: HttpClient, role: Role, status: int
) -> None:
    async with serving(replying(status, "Not Found", Content_Type="text/plain")) as url:
        provider = Videos(http, ApiAccount(NAMED, f"{url}/v1", "k"), (), Body.AUTO)
        made = Reference(Kind.VIDEO, role, "own:video_1")
        said = {"prompt": "a dog", "duration": 8} if role is Role.EXTEND else {"prompt": "a dog"}
        request, _ = provider.models[0].read(said, (made,))
        with pytest.raises(UpstreamError, match=str(status)) as refused:
            await provider.submit(request, marker="marker-1")
    assert refused.value.surely_refused
