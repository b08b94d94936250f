from __future__ import annotations

import json

import pytest

from reelgate.domain.reference import Kind, Reference, Role
from reelgate.errors import UpstreamError
from reelgate.providers.imagine.models import PICTURES_ONLY
from reelgate.providers.imagine.wire import submit_parts
from tests.providers.imagine_account import MODELS, a_request, an_account

UUID = "11111111-2222-4333-8444-555555555555"


def test_the_published_models_submit_holds_every_documented_part_once() -> None:
    request = a_request("cat eating hotdogs", duration=5, resolution="720p")
    parts = submit_parts(request, an_account(org_id="o", parent_id="p"), UUID)
    assert parts == [
        ("prompt", "cat eating hotdogs"),
        ("style_id", "60503"),
        ("variation", "text_to_video"),
        ("aspect_ratio", "16:9"),
        ("count", "1"),
        ("duration", "5"),
        ("resolution", "720p"),
        ("org_id", "o"),
        ("parent_id", "p"),
        ("is_enhance", "1"),
        ("enhancer_id", "seedance_t2v_prompt_enhancer"),
        ("clientVersion", "1"),
        (
            "metadata",
            json.dumps(
                {
                    "placeholderUuid": UUID,
                    "promptWithoutManipulation": "cat eating hotdogs",
                    "modeId": 0,
                }
            ),
        ),
        ("use_plugin", "true"),
    ]


def test_a_style_of_ones_own_and_no_enhancement_are_said() -> None:
    parts = dict(submit_parts(a_request(style_id=7, is_enhance=False), an_account(), UUID))
    assert parts["style_id"] == "7"
    assert parts["is_enhance"] == "0"


@pytest.mark.parametrize("parent_id", ["", "  "])
def test_without_a_parent_the_part_is_left_out(parent_id: str) -> None:
    parts = dict(submit_parts(a_request(), an_account(parent_id=parent_id), UUID))
    assert "parent_id" not in parts


def test_a_model_that_takes_little_is_sent_little() -> None:
    parts = submit_parts(a_request(model="wan-2.2"), an_account(), UUID)
    assert [name for name, _ in parts] == ["prompt", "style_id", "variation", "count", "org_id"]


@pytest.mark.parametrize("model", [m for m in MODELS if m != "imagine-text-to-video"])
def test_other_models_are_sent_official_parts_only(model: str) -> None:
    names = {name for name, _ in submit_parts(a_request(model=model), an_account(), UUID)}
    assert not names & {"is_enhance", "enhancer_id", "clientVersion", "metadata", "use_plugin"}


PARTS = PICTURES_ONLY | {Kind.VIDEO: "video_url", Kind.AUDIO: "audio_url"}


def a_reference(kind: Kind = Kind.IMAGE, number: int = 0) -> Reference:
    return Reference(kind, Role.REFERENCE, f"https://cdn.example/{number}")


def test_a_reference_picture_goes_along_as_one_json_part() -> None:
    picture = Reference(Kind.IMAGE, Role.FIRST_FRAME, "https://cdn.example/a.png")
    request = a_request(model="kling-o3", references=(picture,))
    parts = submit_parts(request, an_account(), UUID)
    assert ("variation", "image_to_video") in parts
    [part] = [value for name, value in parts if name == "image_url"]
    assert json.loads(part) == {"url": "https://cdn.example/a.png", "id": UUID}


@pytest.mark.parametrize(
    ("kinds", "variation"),
    [
        ([], "text_to_video"),
        ([Kind.IMAGE], "image_to_video"),
        ([Kind.IMAGE, Kind.IMAGE], "reference_to_video"),
        ([Kind.VIDEO], "reference_to_video"),
        ([Kind.AUDIO, Kind.IMAGE], "reference_to_video"),
    ],
)
def test_the_variation_follows_from_the_references(kinds: list[Kind], variation: str) -> None:
    told = tuple(a_reference(kind, number) for number, kind in enumerate(kinds))
    request = a_request(model="seedance-2.0", references=told)
    parts = submit_parts(request, an_account(), UUID, reference_parts=PARTS)
    assert [value for name, value in parts if name == "variation"] == [variation]
    sent = [(name, json.loads(value)) for name, value in parts if name in PARTS.values()]
    assert [(name, value["url"]) for name, value in sent] == [
        (PARTS[each.kind], each.url) for each in told
    ]
    assert len({value["id"] for _, value in sent}) == len(kinds)


def test_the_models_own_choice_of_duration_is_sent_by_name() -> None:
    parts = dict(submit_parts(a_request(model="seedance-2.0", duration="auto"), an_account(), UUID))
    assert parts["duration"] == "auto"


def test_without_an_organisation_there_is_no_submit() -> None:
    with pytest.raises(UpstreamError, match="IMAGINE_ORG_ID"):
        submit_parts(a_request(), an_account("opaque", org_id=""), UUID)
