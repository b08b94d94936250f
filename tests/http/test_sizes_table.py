"""Which frame a size stands for, for every model there is; and the aliases of models."""

from __future__ import annotations

from pathlib import Path

import pytest

from reelgate.domain.catalog import Model
from reelgate.domain.sizes import frame_size, from_size, parse_ratio, short_side, sizes
from reelgate.providers.imagine.models import imagine_models
from tests.gateway import a_prompt

from .jobs import NEVER, VIDEOS, JobsGateway, a_jobs_gateway, is_refused

MODELS = imagine_models("sandbox")
WITH_SIZES = [model for model in MODELS if sizes(model.aspect_ratios, model.resolutions)]
OPENAIS_OWN = ("1280x720", "720x1280")
NOBODY_MAKES = ("1792x1024", "1024x1792")
"""Sizes of OpenAI's larger model."""


def frame_of(model: Model, size: str) -> tuple[str, str] | None:
    return from_size(size, model.aspect_ratios, model.resolutions)


@pytest.mark.parametrize("model", WITH_SIZES, ids=lambda model: model.id)
def test_every_size_of_a_model_maps_there_and_back(model: Model) -> None:
    known = sizes(model.aspect_ratios, model.resolutions)
    real = [ratio for ratio in model.aspect_ratios if parse_ratio(ratio)]
    assert len(known) == len(real) * len(model.resolutions)
    for size, (ratio, resolution) in known.items():
        assert frame_of(model, size) == (ratio, resolution)
        assert frame_size(ratio, resolution) == size
        wide, high = (int(side) for side in size.split("x"))
        assert min(wide, high) == short_side(resolution)
        assert wide % 2 == high % 2 == 0
        named = parse_ratio(ratio)
        assert named is not None
        assert wide / high == pytest.approx(named[0] / named[1], rel=0.005)


@pytest.mark.parametrize(
    ("size", "frame"),
    [
        ("1280x720", ("16:9", "720p")),
        ("720x1280", ("9:16", "720p")),
        ("1920x1080", ("16:9", "1080p")),
        ("1080x1920", ("9:16", "1080p")),
        ("1792x1024", None),
        ("1024x1792", None),
        ("960x720", ("4:3", "720p")),
        ("720x720", ("1:1", "720p")),
        ("1024x1024", None),
        ("1280 x 720", None),
        ("1280X720", None),
        ("0x0", None),
    ],
)
def test_the_first_model_s_sizes(size: str, frame: tuple[str, str] | None) -> None:
    assert frame_of(MODELS[0], size) == frame


@pytest.mark.parametrize("size", NOBODY_MAKES)
async def test_a_size_that_no_model_makes_is_refused_and_never_swapped_for_another(
    gateway: JobsGateway, size: str
) -> None:
    reply = await gateway.create(a_prompt(), size=size)
    assert is_refused(reply, 422, "invalid_request", "size")
    assert "1920x1080" in reply.body["detail"]


async def test_every_model_takes_its_sizes_and_refuses_another_with_the_list(
    gateway: JobsGateway,
) -> None:
    for model in MODELS:
        refused = await gateway.call(
            "POST",
            VIDEOS,
            json={"prompt": a_prompt(), "model": f"imagine/{model.id}", "size": "31x17"},
        )
        assert is_refused(refused, 422, "invalid_request", "size")
        [problem] = refused.body["errors"]
        known = sizes(model.aspect_ratios, model.resolutions)
        assert problem["allowed"] == list(known)
        if not known and model.aspect_ratios:
            assert model.aspect_ratios[0] in refused.body["detail"]
        for size in list(known)[-1:]:
            body = {"prompt": a_prompt(NEVER), "model": f"imagine/{model.id}", "size": size}
            reply = await gateway.call("POST", VIDEOS, json=body)
            assert reply.status == 200, reply
            assert reply.body["size"] == size


@pytest.mark.parametrize("size", OPENAIS_OWN)
async def test_openai_s_own_sizes_work_with_the_default_model(
    gateway: JobsGateway, size: str
) -> None:
    reply = await gateway.create(a_prompt(NEVER), size=size)
    assert reply.status == 200
    ratio, resolution = frame_of(MODELS[0], size) or ("", "")
    assert (reply.body["reelgate"]["aspect_ratio"], reply.body["reelgate"]["resolution"]) == (
        ratio,
        resolution,
    )


async def test_an_alias_is_a_model_by_another_name(tmp_path: Path, sandbox_url: str) -> None:
    aliases = "sora-2=veo-3.1, my-model = wan-2.6"
    async with a_jobs_gateway(tmp_path, sandbox_url, aliases=aliases) as gateway:
        listed = {m["id"]: m for m in (await gateway.call("GET", "/v1/models")).body["data"]}
        for alias, target in (("sora-2", "veo-3.1"), ("my-model", "wan-2.6")):
            assert listed[alias]["capabilities"] == listed[target]["capabilities"]
            one = await gateway.call("GET", f"/v1/models/{alias}")
            assert one.body == listed[alias]
            assert (listed[alias]["alias_of"], listed[target]["alias_of"]) == (target, None)
            body = {"prompt": a_prompt(NEVER), "model": alias}
            video = (await gateway.call("POST", VIDEOS, json=body)).body
            assert video["model"] == target
        assert "sora-2-pro" not in listed
        missing = await gateway.call("GET", "/v1/models/sora-2-pro")
        assert is_refused(missing, 404, "model_not_found", "model")


async def test_the_default_model_is_a_setting(tmp_path: Path, sandbox_url: str) -> None:
    async with a_jobs_gateway(tmp_path, sandbox_url, default_model="veo-3.1") as gateway:
        video = (await gateway.call("POST", VIDEOS, json={"prompt": a_prompt(NEVER)})).body
    assert (video["model"], video["seconds"]) == ("veo-3.1", "6")
