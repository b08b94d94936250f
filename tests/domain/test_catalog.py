"""What models take, and what they are called."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelgate.domain.catalog import Catalog, Model
from reelgate.domain.fields import MAX_PROMPT_CHARS, PROMPT
from reelgate.domain.video import Duration
from reelgate.errors import InvalidRequest, ModelNotFound
from reelgate.providers.imagine.models import imagine_models

MODELS = imagine_models("imagine")
SEED = MODELS[0]
BARE = Model(id="bare", provider="p", owned_by="o", created=0)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.id)
def test_a_model_takes_everything_that_it_declares(model: Model) -> None:
    for aspect_ratio in (None, *model.aspect_ratios):
        for duration in (None, *model.durations):
            for resolution in (None, *model.resolutions):
                request = model.request(
                    prompt="a cat",
                    aspect_ratio=aspect_ratio,
                    duration=duration,
                    resolution=resolution,
                )
                assert request.aspect_ratio == (aspect_ratio or model.default("aspect_ratio"))
                assert request.duration == (duration or model.default("duration"))
                assert request.resolution == (resolution or model.default("resolution"))


@given(
    model=st.sampled_from(MODELS),
    aspect_ratio=st.none() | st.sampled_from(["16:9", "3:2", "auto", ""]) | st.text(),
    duration=st.none() | st.integers() | st.just("auto"),
    resolution=st.none() | st.sampled_from(["720p", "4k", ""]) | st.text(),
)
def test_what_it_does_not_declare_is_refused_by_name(
    model: Model, aspect_ratio: str | None, duration: Duration | None, resolution: str | None
) -> None:
    wrong = {
        name
        for name, value, allowed in (
            ("aspect_ratio", aspect_ratio, model.aspect_ratios),
            ("duration", duration, model.durations),
            ("resolution", resolution, model.resolutions),
        )
        if value is not None and value not in allowed
    }
    with pytest.raises(InvalidRequest) if wrong else nullcontext() as refusal:
        model.request(
            prompt="a cat", aspect_ratio=aspect_ratio, duration=duration, resolution=resolution
        )
    if refusal is not None:
        assert {problem.param for problem in refusal.value.problems} == wrong
        assert all(problem.allowed is not None for problem in refusal.value.problems)


@pytest.mark.parametrize("prompt", ["", " ", "\n\t\r ", "\u3000\u00a0"])
def test_a_prompt_of_blanks_is_empty(prompt: str) -> None:
    with pytest.raises(InvalidRequest, match="empty"):
        SEED.request(prompt=prompt)


def test_a_prompt_is_measured_in_characters_not_in_bytes() -> None:
    assert SEED.request(prompt="🌭" * MAX_PROMPT_CHARS).prompt
    with pytest.raises(InvalidRequest, match="2001"):
        SEED.request(prompt="x" * (MAX_PROMPT_CHARS + 1))


def test_false_and_zero_are_values_and_not_gaps() -> None:
    request = SEED.request(prompt="a cat", is_enhance=False, style_id=0)
    assert request.options == {"is_enhance": False, "style_id": 0}


def test_a_model_that_takes_nothing_says_so() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        BARE.request(
            prompt="a cat",
            aspect_ratio="16:9",
            duration=5,
            resolution="720p",
            style_id=1,
            is_enhance=True,
        )
    assert [problem.allowed for problem in refusal.value.problems] == [()] * 5


def test_a_model_may_have_bounds_of_its_own_for_the_prompt() -> None:
    short = replace(PROMPT, maximum=10)
    own = Model(id="short", provider="p", owned_by="o", created=0, fields=(short,))
    with pytest.raises(InvalidRequest, match="1 to 10 characters"):
        own.request(prompt="x" * 11)
    catalog = Catalog([own])
    assert catalog.prompt() == short
    assert "prompt" not in {each.field.name for each in catalog.fields()}
    names = [each["name"] for each in own.capabilities()["fields"]]
    assert names == ["prompt", "max_price", "allow_unpriced"]


def test_a_model_is_found_by_its_id_and_by_its_alias() -> None:
    catalog = Catalog(MODELS, {"sora-2": SEED.id})
    assert catalog.find("sora-2") is catalog.find(SEED.id) is SEED
    assert catalog.models() == MODELS
    assert catalog.aliases() == {"sora-2": SEED.id}


def test_an_unknown_model_is_told_with_those_that_exist() -> None:
    with pytest.raises(ModelNotFound) as refusal:
        Catalog(MODELS, {"sora-2": SEED.id}).find("nobody")
    for name in ("nobody", "sora-2", *(model.id for model in MODELS)):
        assert name in refusal.value.message


def test_an_alias_of_nothing_is_refused_at_the_start() -> None:
    with pytest.raises(InvalidRequest, match="nobody"):
        Catalog(MODELS, {"sora-2": "nobody"})
