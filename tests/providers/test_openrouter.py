"""What is particular to OpenRouter: its catalogue, its prices, its pictures."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from reelgate.domain.catalog import Model
from reelgate.domain.picture import Picture
from reelgate.domain.price import Money, Unit, price_of
from reelgate.domain.reference import Kind, Reference, Role
from reelgate.errors import InvalidRequest
from reelgate.net.client import HttpClient
from reelgate.providers.api import ApiAccount
from reelgate.providers.base import Ready
from reelgate.providers.openrouter.adapter import OpenRouter
from reelgate.providers.openrouter.models import rows_in, rows_with
from reelgate.sandbox import Sandbox, SandboxOptions

from .test_imagine_polls import until_over

DOCUMENTED = {"per-video-second": "0.50", "per-video-second-4k": "0.75"}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(24)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(SandboxOptions(max_short_side_px=64, speed=2000.0)) as running:
        yield running


@pytest.fixture
async def router(http: HttpClient, sandbox: Sandbox) -> OpenRouter:
    """OpenRouter with the catalogue of its stand-in."""
    account = ApiAccount("openrouter", f"{sandbox.url}/openrouter/api/v1", "k")
    provider = OpenRouter(http, account, ["mine/too"])
    provider.use_catalogue(await provider.fetch_catalogue())
    return provider


def model_of(skus: dict[str, str], **more: object) -> Model:
    """A model of a catalogue with these prices."""
    entry = {
        "id": "a/b",
        "supported_durations": [5],
        "supported_resolutions": ["720p", "4K"],
        "supported_frame_images": ["first_frame"],
        "generate_audio": True,
        "pricing_skus": skus,
        **more,
    }
    [row] = rows_in({"data": [entry]}, "official")
    return row.model("openrouter")


def cost(model: Model, *pictures: Role, **said: object) -> str | None:
    """What a request costs."""
    told = [Reference(Kind.IMAGE, role, f"kept:{role}", "d") for role in pictures]
    request, _ = model.read({"prompt": "a cat", **said}, told)
    price = price_of(model, request)
    return None if price is None else str(price)


async def test_the_catalogue_tells_the_models_their_fields_and_prices(router: OpenRouter) -> None:
    models = {model.id: model for model in router.models}
    assert list(models) == ["mine/too", "sandbox/reel-1", "sandbox/by-tokens"]
    reel = models["sandbox/reel-1"]
    assert (reel.aspect_ratios, reel.durations) == (("16:9", "9:16"), (4, 8))
    assert reel.resolutions == ("720p", "480p")
    assert {"audio", "input_reference", "last_frame", "input_references"} <= reel.rows.keys()
    assert "seed" not in reel.rows
    assert cost(reel) == "$0.40"
    assert cost(reel, audio=False, duration=8) == "$0.40"
    assert cost(reel, resolution="480p") == "$0.16"
    by_tokens = models["sandbox/by-tokens"]
    assert (by_tokens.durations, by_tokens.price) == ((), None)
    assert models["mine/too"].request(prompt="a cat", duration=7).duration == 7


async def test_a_video_tells_what_it_cost_and_its_file_wants_the_key(
    http: HttpClient, router: OpenRouter
) -> None:
    made = await router.submit(router.models[1].request(prompt="a cat"))
    assert made.cost is None
    assert await until_over(router.watch(made.provider_id)) == Ready(Money.of("0.25", Unit.USD))
    url = (await router.report(made.provider_id)).url
    assert (await http.request("GET", url, timeout_s=5)).status == 401
    async with router.open_asset(made.provider_id) as asset:
        assert b"".join([chunk async for chunk in asset.chunks])[4:8] == b"ftyp"


async def test_pictures_say_what_they_are_for(router: OpenRouter, sandbox: Sandbox) -> None:
    model = router.models[1]
    first = Reference(Kind.IMAGE, Role.FIRST_FRAME, "kept:1", "d1")
    last = Reference(Kind.IMAGE, Role.LAST_FRAME, "kept:2", "d2")
    shown = Reference(Kind.IMAGE, Role.REFERENCE, "kept:3", "d3")
    pictures = {each.url: Picture(PNG, "image/png") for each in (first, last, shown)}
    for told in ([first, last], [shown]):
        await router.submit(model.request(prompt="a cat", references=told), pictures=pictures)
    framed, guided = (job.details for job in sandbox.jobs)
    assert [each["frame_type"] for each in framed["frame_images"]] == ["first_frame", "last_frame"]
    assert guided["input_references"][0]["image_url"]["url"].startswith("data:image/png;base64,")
    with pytest.raises(InvalidRequest, match="input_reference"):
        model.request(prompt="a cat", references=[first, shown])


def test_the_address_to_push_to_and_the_sound_go_along() -> None:
    provider = OpenRouter(HttpClient(), ApiAccount("openrouter", "https://or.example/v1", "k"))
    call = provider.submit_call(
        provider.models[0].request(prompt="a cat", audio=False),
        marker="m",
        pictures={},
        push_url="https://gateway.example/push/1",
    )
    assert isinstance(call.json, dict)
    assert call.json["callback_url"] == "https://gateway.example/push/1"
    assert call.json["generate_audio"] is False


@pytest.mark.parametrize(
    ("skus", "said", "expected"),
    [
        (DOCUMENTED, {}, "$2.50"),
        (DOCUMENTED, {"resolution": "4K"}, "$3.75"),
        ({"cents_per_second_output": "12"}, {}, "$0.60"),
        ({"duration_seconds_720p": "0.1"}, {"resolution": "4K"}, None),
        ({"duration_seconds": "0.1", "minimum_cents_per_generation": "56"}, {}, None),
        ({"duration_seconds": "0.1", "video_tokens": "0.000007"}, {}, None),
        ({"duration_seconds": "NaN"}, {}, None),
        ({"duration_seconds": "-1"}, {}, None),
        ({"duration_seconds": "much"}, {}, None),
        ({"duration_seconds": "0.1", "cents_per_second_video_continuation": "9"}, {}, "$0.50"),
        ({"duration_seconds": "0.1", "reference_images": "0.04"}, {}, "$0.50"),
        ({}, {}, None),
    ],
)
def test_a_price_that_rows_cannot_tell_is_none(
    skus: dict[str, str], said: dict[str, object], expected: str | None
) -> None:
    assert cost(model_of(skus), **said) == expected


def test_a_price_that_counts_pictures_is_that_of_a_video_without_any() -> None:
    model = model_of({"duration_seconds": "0.1", "cents_per_image_input": "4"})
    assert cost(model, Role.FIRST_FRAME) is cost(model, Role.REFERENCE) is None
    modes = {"text_to_video_duration_seconds": "0.08", "image_to_video_duration_seconds": "0.1"}
    assert cost(model_of(modes)) == "$0.40"
    assert cost(model_of(modes), Role.FIRST_FRAME) == "$0.50"


def test_a_silent_model_costs_what_it_costs_without_sound() -> None:
    skus = {"duration_seconds_with_audio": "0.4", "duration_seconds_without_audio": "0.2"}
    assert cost(model_of(skus)) == "$2.00"
    assert cost(model_of(skus), audio=False) == "$1.00"
    # Whether one makes sound is not told: what it may cost at most.
    assert cost(model_of(skus, generate_audio=None)) == "$2.00"


@pytest.mark.parametrize(
    "told", [None, [], "x", {"data": 7}, {"data": [7, {}, {"id": "../x"}, {"id": None}]}]
)
def test_a_catalogue_that_makes_no_sense_leaves_our_own_models(told: object) -> None:
    rows = rows_with([], told)
    assert {row.id for row in rows} >= {"google/veo-3.1", "runway/gen-4.5"}
    assert all(row.price and row.price.certainty == "seen" for row in rows)


def test_odd_values_in_a_catalogue_are_left_out() -> None:
    odd = {
        "supported_durations": [0, 5, "6", 7.5, 1000, True, None],
        "supported_resolutions": ["720p", 4, None],
        "supported_aspect_ratios": "16:9",
        "created": "yesterday",
        "pricing_skus": ["0.4"],
    }
    model = model_of({}, **odd)
    assert (model.durations, model.resolutions, model.aspect_ratios) == ((5,), ("720p",), ())
