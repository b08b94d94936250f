"""What a model takes of a request: references by kind and role, rules, and what is left out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reelgate.domain.catalog import Model
from reelgate.domain.fields import (
    ASPECT_RATIO,
    AUDIO,
    DURATION,
    FIRST_FRAME,
    LAST_FRAME,
    NEGATIVE_PROMPT,
    RESOLUTION,
    SEED,
    Medium,
    references,
)
from reelgate.domain.reading import Rule
from reelgate.domain.reference import Kind, Reference, Role
from reelgate.domain.video import VideoRequest
from reelgate.errors import InvalidRequest

MODEL = Model(
    id="able",
    provider="p",
    owned_by="o",
    created=0,
    fields=(
        replace(ASPECT_RATIO, allowed=("16:9", "1:1", "adaptive"), default="16:9"),
        replace(DURATION, allowed=(4, 8), default=4),
        replace(RESOLUTION, allowed=("720p", "1080p"), default="720p"),
        SEED,
        FIRST_FRAME,
        LAST_FRAME,
        references(Medium(Kind.IMAGE, 2), Medium(Kind.VIDEO, 1, least=1), most=2),
    ),
    rules=(
        Rule(field="input_reference", other="aspect_ratio", only=("adaptive",)),
        Rule(field="resolution", values=("1080p",), other="duration", only=(8,)),
        Rule(field="input_references", other="input_reference"),
    ),
)
FIRST = Reference(Kind.IMAGE, Role.FIRST_FRAME, "first")
LAST = Reference(Kind.IMAGE, Role.LAST_FRAME, "last")
PICTURES = tuple(Reference(Kind.IMAGE, Role.REFERENCE, f"picture {n}") for n in range(3))
VIDEO = Reference(Kind.VIDEO, Role.REFERENCE, "video")
SOUND = Reference(Kind.AUDIO, Role.REFERENCE, "sound")


def read(
    *told: Reference, strict: bool = True, model: Model = MODEL, **said: object
) -> tuple[VideoRequest, dict[str, str]]:
    """The request, and what is said of each field that was left out."""
    request, left_out = model.read({"prompt": "a cat"} | said, told, strict=strict)
    return request, {problem.param: problem.message for problem in left_out}


def refusals(*told: Reference, model: Model = MODEL, **said: object) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as refusal:
        model.read({"prompt": "a cat"} | said, told)
    return {problem.param: problem.message for problem in refusal.value.problems}


def test_references_stand_in_the_order_of_their_roles() -> None:
    assert read(LAST, FIRST)[0].references == (FIRST, LAST)
    assert read(VIDEO, PICTURES[0])[0].references == (VIDEO, PICTURES[0])


WRONG = {
    "a kind that it does not take": ((SOUND, VIDEO), "input_references", "is a sound"),
    "more than it takes of a kind": ((VIDEO, VIDEO), "input_references", "up to 1 video"),
    "more than it takes in all": (
        (VIDEO, *PICTURES[:2]),
        "input_references",
        "3 references: able takes up to 2 references",
    ),
    "without the kind that it needs": (PICTURES[:1], "input_references", "needs a video"),
    "an end without a beginning": ((LAST,), "last_frame", "needs input_reference"),
    "two beginnings": ((FIRST, FIRST), "input_reference", "2 pictures: able takes up to 1 picture"),
    "what does not go together": ((FIRST, VIDEO), "input_reference", "together with"),
}


@pytest.mark.parametrize(("told", "param", "why"), WRONG.values(), ids=WRONG.keys())
def test_references_that_cannot_be_honoured_are_refused_by_name_or_left_out(
    told: tuple[Reference, ...], param: str, why: str
) -> None:
    assert why in refusals(*told)[param]
    request, left_out = read(*told, strict=False)
    assert why in left_out[param]
    assert left_out[param].startswith(f"{param} was left out: ")
    assert read(*request.references) == (request, {})


def test_a_model_without_references_leaves_out_each_of_its_fields() -> None:
    plain = replace(MODEL, fields=(), rules=())
    told = (FIRST, LAST, *PICTURES)
    assert refusals(*told, model=plain).keys() == {
        "input_reference",
        "last_frame",
        "input_references",
    }
    request, left_out = read(*told, strict=False, model=plain, seed=7)
    assert (request.references, request.options) == ((), {})
    assert left_out["seed"] == "seed was left out: able takes no seed"


def test_a_reference_is_refused_by_the_name_it_was_sent_under() -> None:
    plain = replace(MODEL, fields=(), rules=())
    with pytest.raises(InvalidRequest, match="takes no image_url"):
        plain.read({"prompt": "a cat"}, [FIRST], spelled={"first": "image_url"})


def test_one_field_may_decide_another() -> None:
    assert read(FIRST)[0].aspect_ratio == "adaptive"
    assert "use adaptive" in refusals(FIRST, aspect_ratio="1:1")["aspect_ratio"]
    assert read(resolution="1080p")[0].duration == 8
    assert (
        "together with resolution '1080p'" in refusals(resolution="1080p", duration=4)["duration"]
    )
    assert read(resolution="720p", duration=4)[0].duration == 4
    request, left_out = read(FIRST, strict=False, aspect_ratio="1:1")
    assert request.aspect_ratio == "adaptive"
    assert "was left out" in left_out["aspect_ratio"]


def test_what_is_left_out_leaves_the_request_without_it() -> None:
    wanted = read(seed=7)[0]
    said = {"prompt": "a cat", "seed": 7, "negative_prompt": "rain", "audio": True, "duration": 5}
    request, left_out = MODEL.read(said, strict=False)
    assert request == wanted
    assert request.fingerprint() == wanted.fingerprint()
    assert [each.param for each in left_out] == ["negative_prompt", "audio", "duration"]
    with pytest.raises(InvalidRequest) as refusal:
        MODEL.read(said)
    assert [each.param for each in refusal.value.problems] == [each.param for each in left_out]


@pytest.mark.parametrize(
    "said", [{"prompt": ""}, {"seed": "seven"}, {"duration": []}, {"aspect_ratio": 1}]
)
def test_what_makes_no_sense_is_refused_all_the_same(said: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest):
        MODEL.read({"prompt": "a cat"} | said, strict=False)


def test_a_required_field_is_missed() -> None:
    needs = replace(MODEL, fields=(replace(FIRST_FRAME, is_required=True),), rules=())
    assert refusals(model=needs) == {"input_reference": "able needs input_reference: send it"}
    assert needs.sample(duration=None).references == ()
    assert read(FIRST, model=needs)[0].references == (FIRST,)


def test_the_capabilities_tell_what_a_form_needs() -> None:
    told = MODEL.capabilities()
    rows = {row["name"]: row for row in told["fields"]}
    assert told["input_reference"] is True
    assert rows["last_frame"]["needs"] == "input_reference"
    assert rows["input_references"]["max"] == 2
    assert rows["input_references"]["media"] == [
        {"kind": "image", "min": 0, "max": 2},
        {"kind": "video", "min": 1, "max": 1},
    ]
    assert told["rules"][1] == {
        "field": "resolution",
        "values": ["1080p"],
        "other": "duration",
        "only": [8],
    }


def test_the_common_fields_may_be_taken_by_any_model() -> None:
    takes = replace(MODEL, fields=(SEED, NEGATIVE_PROMPT, AUDIO), rules=())
    request = read(model=takes, seed=7, negative_prompt="rain", audio=False)[0]
    assert request.options == {"seed": 7, "negative_prompt": "rain", "audio": False}


def test_what_a_rule_allows_begins_with_what_a_request_means_that_leaves_it_out() -> None:
    rule = Rule(field="input_reference", other="aspect_ratio", only=("adaptive", "16:9"))
    model = replace(MODEL, rules=(rule,))
    assert read(FIRST, model=model)[0].aspect_ratio == "adaptive"
    assert read(FIRST, model=model, aspect_ratio="16:9")[0].aspect_ratio == "16:9"
    assert "adaptive" in refusals(FIRST, model=model, aspect_ratio="1:1")["aspect_ratio"]
