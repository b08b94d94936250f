"""The key-based API, against a stand-in that speaks its wire."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from reelgate.clock import SystemClock
from reelgate.domain.picture import Picture
from reelgate.domain.reference import Kind, Reference, Role
from reelgate.domain.video import VideoRequest
from reelgate.errors import (
    InsufficientCredits,
    InvalidRequest,
    ModerationBlocked,
    ProxyAnswered,
    RateLimited,
    UpstreamBadResponse,
    UpstreamError,
    UpstreamUnauthorized,
    UpstreamUnavailable,
)
from reelgate.limits.rate import CountedClient, LocalRates, RequestLimit
from reelgate.net.client import HttpClient
from reelgate.providers.api import ApiAccount
from reelgate.providers.base import Failed, PollResult, Ready
from reelgate.providers.imagine_key.adapter import ImagineKey, generation_of
from reelgate.providers.imagine_key.models import ROWS, Row, key_models, rows_with
from reelgate.sandbox import Sandbox, SandboxOptions
from tests.http_servers import replying, serving

from .test_imagine_polls import until_over

PNG_START = b"\x89PNG\r\n\x1a\n"
KEY = "vk-not-a-real-key"
MODELS = {model.id: model for model in key_models("imagine_key")}


def a_key(
    http: HttpClient, url: str, key: str = KEY, *, rows: tuple[Row, ...] = ROWS
) -> ImagineKey:
    return ImagineKey(http, ApiAccount("imagine_key", url, key), rows)


def a_request(prompt: str = "a cat", model: str = "kling-1.0-pro") -> VideoRequest:
    return MODELS[model].request(prompt=prompt)


@asynccontextmanager
async def a_stand_in(**options: object) -> AsyncIterator[Sandbox]:
    fast = {"max_short_side_px": 64, "speed": 2000.0, **options}
    async with Sandbox(SandboxOptions(**fast)) as sandbox:  # type: ignore[arg-type]
        yield sandbox


async def end_of(key: ImagineKey, provider_id: str) -> PollResult:
    return await until_over(key.watch(provider_id))


@pytest.mark.parametrize("old_path", [False, True])
@pytest.mark.parametrize("lists", [False, True])
async def test_a_video_is_made_and_read(http: HttpClient, *, old_path: bool, lists: bool) -> None:
    many = 10_000_000
    async with a_stand_in(
        key_old_status=old_path, key_url_lists=lists, key_requests_per_minute=many
    ) as sandbox:
        key = a_key(http, f"{sandbox.url}/v2")
        made = await key.submit(a_request())
        assert await end_of(key, made.provider_id) == Ready()
        async with key.open_asset(made.provider_id) as asset:
            content = b"".join([chunk async for chunk in asset.chunks])
        assert content[4:8] == b"ftyp"
        assert asset.content_type == "video/mp4"


async def test_a_job_that_fails_is_told(http: HttpClient) -> None:
    async with a_stand_in(key_requests_per_minute=10_000_000) as sandbox:
        key = a_key(http, f"{sandbox.url}/v2")
        made = await key.submit(a_request("a cat [[fail]]"))
        assert isinstance(await end_of(key, made.provider_id), Failed)


async def test_a_picture_goes_along_with_the_submit(http: HttpClient) -> None:
    """What makes videos of pictures needs one, and what makes them of words takes none."""
    kept = Reference(Kind.IMAGE, Role.FIRST_FRAME, "kept:a.png")
    pictures = {kept.url: Picture(PNG_START, "image/png")}
    async with a_stand_in(key_requests_per_minute=10_000_000) as sandbox:
        key = a_key(http, f"{sandbox.url}/v2")
        for model in ("kling-1.0-pro", "veo2-image-to-video"):
            request = MODELS[model].request(prompt="a cat", references=(kept,))
            await key.submit(request, pictures=pictures)
        await key.submit(a_request("a dog"))
        variations = [job.variation for job in sandbox.jobs]
    assert variations == ["image_to_video", "image_to_video", "text_to_video"]
    with pytest.raises(InvalidRequest, match="needs input_reference"):
        MODELS["veo2-image-to-video"].request(prompt="a cat")
    with pytest.raises(InvalidRequest, match="takes no input_reference"):
        MODELS["fast-svd-text-to-video"].request(prompt="a cat", references=(kept,))
    assert not key.uploads


async def test_the_catalogues_suffix_is_not_part_of_the_style(http: HttpClient) -> None:
    async with a_stand_in() as sandbox:
        key = a_key(http, f"{sandbox.url}/v2", rows=rows_with(["new-model"]))
        assert {model.id for model in key.models} == {*MODELS, "new-model"}
        assert (await key.submit(a_request(model="fast-svd-text-to-video"))).provider_id


async def test_the_stand_ins_own_refusals_are_understood(http: HttpClient) -> None:
    async with a_stand_in(token=KEY, credits=0) as sandbox:
        base = f"{sandbox.url}/v2"
        with pytest.raises(InsufficientCredits):
            await a_key(http, base).submit(a_request())
        for wrong in ("expired", "another"):
            with pytest.raises(UpstreamUnauthorized, match="IMAGINE_API_KEY") as caught:
                await a_key(http, base, wrong).submit(a_request())
            assert caught.value.surely_refused


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        (1000, 400, UpstreamUnauthorized),
        (1001, 401, UpstreamUnauthorized),
        (1002, 406, UpstreamUnauthorized),
        (1003, 400, UpstreamError),
        (1006, 401, UpstreamUnauthorized),
        (1100, 400, UpstreamError),
        (1101, 402, InsufficientCredits),
        (1200, 503, UpstreamUnavailable),
        (1201, 503, UpstreamUnavailable),
        (1202, 429, RateLimited),
        (1101, 200, InsufficientCredits),
    ],
)
async def test_each_code_of_the_table_has_its_meaning(
    http: HttpClient, code: int, status: int, kind: type[UpstreamError]
) -> None:
    body = f'{{"status": "error", "code": {code}, "error": "no", "message": "no {KEY}"}}'
    async with serving(replying(status, body, Content_Type="application/json")) as url:
        with pytest.raises(UpstreamError) as caught:
            await a_key(http, url).submit(a_request())
    assert type(caught.value) is kind
    assert caught.value.surely_refused
    assert KEY not in f"{caught.value.message} {caught.value.upstream}"


async def test_what_is_no_word_of_the_vendors_proves_nothing(http: HttpClient) -> None:
    async with serving(replying(503, "busy")) as url:
        with pytest.raises(ProxyAnswered):
            await a_key(http, url).submit(a_request())
    async with serving(replying(200, "{}")) as url:
        with pytest.raises(UpstreamBadResponse) as caught:
            await a_key(http, url).submit(a_request())
    assert not caught.value.surely_refused


async def test_moderation_is_told_with_its_reason(http: HttpClient) -> None:
    body = '{"status": "error", "video": {"status": "failed", "message": "moderation refused it"}}'
    async with serving(replying(200, body)) as url:
        result = await a_key(http, url).watch("id-1").poll()
    assert isinstance(result, Failed)
    assert result.code == ModerationBlocked.code
    assert "moderation refused it" in result.message


async def test_an_address_inside_is_not_fetched(http: HttpClient) -> None:
    async with serving(replying(200, "secret")) as inside:
        body = f'{{"status": "success", "video": {{"url": {{"generation": "{inside}/x"}}}}}}'
        async with serving(replying(200, body)) as url:
            with pytest.raises(UpstreamBadResponse, match="private or reserved"):
                async with a_key(http, url).open_asset("id-1"):
                    pass


@pytest.mark.parametrize("odd", [None, 5, {}, {"generation": []}, {"generation": [None]}])
def test_an_odd_address_is_none(odd: object) -> None:
    assert generation_of(odd) == ""


async def test_no_more_than_the_limit_is_ever_sent(http: HttpClient) -> None:
    rates, limit = LocalRates(SystemClock()), RequestLimit.of_upstream(50)
    counted = CountedClient(http, lambda: rates.take("imagine_key", limit))
    async with a_stand_in(speed=1.0) as sandbox:
        key = a_key(counted, f"{sandbox.url}/v2")
        refused: list[RateLimited] = []
        for _ in range(60):
            try:
                await key.watch("nothing").poll()
            except RateLimited as error:
                refused.append(error)
        asked = [entry for entry in sandbox.recorder if entry.operation == "status"]
    assert 0 < len(asked) <= 50
    assert refused
    assert all(error.surely_refused and error.retry_after_s for error in refused)
    # At most this many in any minute.
    assert (60 + limit.burst_s) / limit.gap_s <= 50
