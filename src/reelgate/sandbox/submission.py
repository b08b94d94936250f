"""A submit's parts, checked as the provider documents them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reelgate.rendering.clip import Clip, make_clip

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_PROMPT_CHARACTERS = 2000
ALWAYS = ("prompt", "style_id", "variation", "count", "org_id")
SHAPE = ("aspect_ratio", "duration")
STYLES_WITHOUT_SHAPE = frozenset({"22701"})
"""`wan-2.2` takes neither ratio nor duration nor resolution."""

TEXT, IMAGE, REFERENCE = "text_to_video", "image_to_video", "reference_to_video"
VARIATIONS = (TEXT, IMAGE, REFERENCE)
REFERENCES = ("image_url", "video_url", "audio_url")
"""The parts that may be repeated; the names of the last two are assumed."""
ONE_IMAGE = [1, 0, 0]
NEEDS = {"23401": "image_url", "22309": "video_url"}
"""What `reference_to_video` cannot do without, by style: `happy_horse` and `wan-2.6`."""
WITHOUT_REFERENCES = frozenset(
    {"60503", "40005", "40004", "17002", "11020", "11021", "11017", "23202", "22701", "14010"}
)
"""The styles that silently make something else than `reference_to_video` (seen)."""


class BadSubmissionError(ValueError):
    """The parts of a submit are not what the provider takes; the message says which."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A submit that the provider would take."""

    clip: Clip
    variation: str
    style_id: str
    org_id: str
    parent_id: str
    placeholder_uuid: str

    @property
    def cost(self) -> int:
        """Credits: one a second, twice that above 720p. Ours: the provider's prices are unknown."""
        return self.clip.duration_s * (2 if self.clip.short_side_px > PLAIN_SIDE_PX else 1)


PLAIN_SIDE_PX = 720


def read_submission(parts: Mapping[str, Sequence[str]]) -> Submission:
    """Check the text parts of a submit; each name maps to its values in order.

    Raises:
        BadSubmissionError: If a part is missing, doubled or has a value that is not documented.
    """
    single = {n: _single(n, values) for n, values in parts.items() if n not in REFERENCES}
    shapeless = single.get("style_id") in STYLES_WITHOUT_SHAPE
    missing = [name for name in ALWAYS + (() if shapeless else SHAPE) if not single.get(name)]
    if missing:
        raise BadSubmissionError(f"missing: {', '.join(missing)}")
    _check_words(single)
    told = {name: list(parts.get(name, ())) for name in REFERENCES}
    _check_references(single, told)
    return Submission(
        clip=_clip(single),
        variation=_made(single, told),
        style_id=single["style_id"],
        org_id=single["org_id"],
        parent_id=single.get("parent_id", ""),
        placeholder_uuid=_placeholder_uuid(single.get("metadata")),
    )


def _single(name: str, values: Sequence[str]) -> str:
    if len(values) != 1:
        raise BadSubmissionError(f"{name} must be given once, not {len(values)} times")
    return values[0]


def _check_words(single: Mapping[str, str]) -> None:
    if len(single["prompt"]) > MAX_PROMPT_CHARACTERS or not single["prompt"].strip():
        raise BadSubmissionError(f"prompt must have 1 to {MAX_PROMPT_CHARACTERS} characters")
    if not single["style_id"].removeprefix("-").isdecimal():
        raise BadSubmissionError("style_id must be an integer")
    if single["variation"] not in VARIATIONS:
        raise BadSubmissionError(f"variation must be one of {', '.join(VARIATIONS)}")
    if single["count"] != "1":
        raise BadSubmissionError("count must be 1")
    if single.get("is_enhance", "1") not in {"0", "1"}:
        raise BadSubmissionError("is_enhance must be 1 or 0")


def _check_references(single: Mapping[str, str], told: Mapping[str, Sequence[str]]) -> None:
    variation, style = single["variation"], single["style_id"]
    counts = [len(told[name]) for name in REFERENCES]
    if variation == TEXT and any(counts):
        raise BadSubmissionError(f"{TEXT} takes no image_url, video_url or audio_url")
    if variation == IMAGE and counts != ONE_IMAGE:
        raise BadSubmissionError(f"{IMAGE} takes one image_url and nothing else")
    if variation != REFERENCE:
        return
    if not any(counts):
        raise BadSubmissionError(f"{REFERENCE} takes an image_url, video_url or audio_url")
    if (needed := NEEDS.get(style)) and not told[needed]:
        raise BadSubmissionError(f"Unable to make this video without a {needed}")
    for name in REFERENCES:
        for value in told[name]:
            if not {"url", "id"} <= set(_json_object(name, value)):
                raise BadSubmissionError(f"{name} must be a JSON object with url and id")


def _made(single: Mapping[str, str], told: Mapping[str, Sequence[str]]) -> str:
    """What is made in fact: a style without references silently makes what it can."""
    if single["variation"] != REFERENCE or single["style_id"] not in WITHOUT_REFERENCES:
        return single["variation"]
    return IMAGE if len(told["image_url"]) == 1 else TEXT


def _clip(single: Mapping[str, str]) -> Clip:
    try:
        return make_clip(
            single["prompt"],
            ratio=single.get("aspect_ratio", ""),
            duration=single.get("duration", ""),
            resolution=single.get("resolution", ""),
        )
    except ValueError as exc:
        raise BadSubmissionError(str(exc)) from exc


def _placeholder_uuid(metadata: str | None) -> str:
    return str(_json_object("metadata", metadata).get("placeholderUuid", "")) if metadata else ""


def _json_object(name: str, text: str) -> dict[str, object]:
    try:
        value = json.loads(text)
    except ValueError as exc:
        raise BadSubmissionError(f"{name} must be JSON") from exc
    if not isinstance(value, dict):
        raise BadSubmissionError(f"{name} must be a JSON object")
    return value
