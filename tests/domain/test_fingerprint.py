"""What a request is recognised by: on both sides of an upgrade, and by nothing but itself."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reelgate.db.admission import body_digest
from reelgate.db.rows import to_request
from reelgate.domain.reference import Kind, Reference, Role
from reelgate.domain.video import FINGERPRINTED, NAMED, Timeline, Video, VideoRequest

REQUEST = VideoRequest(
    model="m",
    prompt="a cat",
    aspect_ratio="16:9",
    duration=5,
    resolution="720p",
    options={"style_id": 1, "is_enhance": True},
)
PICTURE = "https://picture.example/1"


def a_first_frame(digest: str | None = None) -> Reference:
    return Reference(Kind.IMAGE, Role.FIRST_FRAME, PICTURE, digest)


OF_THE_FIRST_RELEASE = (
    (REQUEST, "330e89c4c125ca17f11f25ffd9f81a55d2f7bf4b5f99f6d8181371a0c7b2a095"),
    (
        replace(REQUEST, prompt="größer als 🌭"),
        "6f70e2991050e87e2989aee5b19c27c791855d0409fe377b5cdff0677e52a88e",
    ),
    (
        replace(
            REQUEST,
            aspect_ratio=None,
            duration="auto",
            resolution=None,
            options={"style_id": 1},
        ),
        "1dd0c14855e281ac43a6127048103b4c400c1cdfc8473596cdf058b052884692",
    ),
    (
        replace(REQUEST, references=(a_first_frame(),)),
        "21221f2f9d3c71982c0513ca78dee827e317bf75048a6d0b00c50ff9f8789bbd",
    ),
    (
        replace(REQUEST, references=(a_first_frame("0" * 64),)),
        "059c29195bebb24df5427a34a7671c9758508739c85cd7baf7d50a34899168e4",
    ),
)
"""As they stand in databases. Never changed: a row that is not found is paid for again."""

BODIES_OF_THE_FIRST_RELEASE: tuple[tuple[dict[str, Any], str], ...] = (
    ({}, "330e89c4c125ca17f11f25ffd9f81a55d2f7bf4b5f99f6d8181371a0c7b2a095"),
    (
        {"metadata": {"who": "größer", "a": "b"}},
        "d00e3ffc867efbec17002171243fb5ad0438bcc97bb77e0a9b3119fc65c25cfd",
    ),
    (
        {"webhook_url": "https://hook.example/"},
        "5caea374476dd81e13a03fa7a944a265a5e94dda6fdbeb980a3dc25ac48c9c09",
    ),
    (
        {
            "metadata": {"who": "me"},
            "webhook_url": "https://hook.example/",
            "remixed_from": "video_0",
        },
        "b3372db852b9b9b30e5a2b8b33cd2670d61f877647a3df2a44aa14d9f06c7891",
    ),
)
"""What is told beside the request, and what an Idempotency-Key holds in databases."""

scalars = st.none() | st.booleans() | st.integers(-(2**31), 2**31) | st.text()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
added_options = st.dictionaries(
    st.text().filter(lambda name: name not in {*FINGERPRINTED, "references"}), values, max_size=3
)
first_options = st.fixed_dictionaries(
    {}, optional={"style_id": st.integers(), "is_enhance": st.booleans()}
)
options = st.builds(lambda first, added: first | added, first_options, added_options)
references = st.builds(
    Reference,
    kind=st.sampled_from(Kind),
    role=st.sampled_from(Role),
    url=st.text(),
    digest=st.none() | st.text(min_size=1),
)
requests = st.builds(
    VideoRequest,
    model=st.text(),
    prompt=st.text(),
    aspect_ratio=st.none() | st.text(),
    duration=st.none() | st.integers(0, 3600) | st.just("auto"),
    resolution=st.none() | st.text(),
    references=st.lists(references, max_size=3).map(tuple),
    options=options,
)


@pytest.mark.parametrize(("wanted", "fingerprint"), OF_THE_FIRST_RELEASE)
def test_a_request_of_the_first_release_keeps_its_fingerprint(
    wanted: VideoRequest, fingerprint: str
) -> None:
    assert wanted.fingerprint() == fingerprint


@pytest.mark.parametrize(("beside", "digest"), BODIES_OF_THE_FIRST_RELEASE)
def test_a_body_of_the_first_release_keeps_its_digest(beside: dict[str, Any], digest: str) -> None:
    video = Video(id="v", owner="", request=REQUEST, provider="p", timeline=Timeline(1.0), **beside)
    assert body_digest(video) == digest


def test_every_field_counts_and_only_options_may_be_added() -> None:
    """A field beside these would be in no fingerprint, or change all that there are."""
    named = {field.name for field in fields(VideoRequest)} - {"references", "options"}
    assert named == NAMED
    assert named < set(FINGERPRINTED)
    assert REQUEST.as_json().keys() == set(FINGERPRINTED)


@given(requests, st.data())
def test_a_request_that_differs_in_any_field_has_another_fingerprint(
    wanted: VideoRequest, data: st.DataObject
) -> None:
    other = data.draw(requests)
    name = data.draw(st.sampled_from(fields(VideoRequest))).name
    changed = replace(wanted, **{name: getattr(other, name)})
    same = identity(changed) == identity(wanted)
    assert (changed.fingerprint() == wanted.fingerprint()) == same


def identity(request: VideoRequest) -> str:
    """What makes a request itself, in JSON, where True is not 1."""
    told: dict[str, Any] = {field.name: getattr(request, field.name) for field in fields(request)}
    told["references"] = [
        (each.kind, each.role, each.digest or "", each.url if each.digest is None else "")
        for each in request.references
    ]
    return json.dumps(told, sort_keys=True)


@given(requests)
def test_a_request_that_went_through_the_database_has_its_fingerprint(
    wanted: VideoRequest,
) -> None:
    read = to_request(json.loads(json.dumps(wanted.as_json())))
    assert read == wanted
    assert read.fingerprint() == wanted.fingerprint()


@given(requests, st.lists(references, min_size=1, max_size=3), st.text())
def test_a_reference_counts_by_its_content(
    wanted: VideoRequest, told: list[Reference], other: str
) -> None:
    uploads = [
        replace(wanted, references=tuple(replace(each, url=url, digest="0" * 64) for each in told))
        for url in (told[0].url, other)
    ]
    assert uploads[0].fingerprint() == uploads[1].fingerprint()


def test_what_only_a_newer_version_knows_of_a_reference_is_kept_and_counts() -> None:
    """Such a job is left to that version: no model here takes an option of this name."""
    told = [{"kind": "smell", "role": "reference", "url": PICTURE, "digest": None}]
    newer = REQUEST.as_json() | {"reference_url": PICTURE, "references": told}
    read = to_request(dict(newer))
    assert read.references == (a_first_frame(),)
    assert read.as_json() == newer
    assert read.fingerprint() != replace(REQUEST, references=(a_first_frame(),)).fingerprint()


@given(requests, added_options)
def test_a_field_that_says_something_new_tells_a_request_apart(
    wanted: VideoRequest, added: dict[str, Any]
) -> None:
    assume(added and not added.keys() & wanted.options.keys())
    newer = replace(wanted, options={**wanted.options, **added})
    assert newer.fingerprint() != wanted.fingerprint()
