"""What the tools answer: a sentence for the model, the same as data, and a link to the video."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mcp_types import CallToolResult, ContentBlock, ResourceLink, TextContent

from reelgate.domain.catalog import Model
from reelgate.domain.video import State, Video, VideoStatus
from reelgate.domain.video_object import video_object
from reelgate.errors import ReelgateError
from reelgate.mcp.endpoint import McpCaller

SHOWN = ("id", "status", "progress", "model", "prompt", "seconds", "size", "created_at", "error")
"""What a model needs of the public video object; it pays for every word."""
SHOWN_ADDITIONS = ("eta_s", "charge", "cost", "cost_unit")

PRICE = ("from", "unit", "certainty")
"""What an overview tells of a price."""

TEXT, INTEGER, NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}


def or_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def object_of(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": dict(properties), "required": list(properties)}


VIDEO_SCHEMA = object_of(
    {
        "id": TEXT,
        "status": {"enum": [status.value for status in VideoStatus]},
        "progress": INTEGER | {"description": "0 to 100."},
        "model": TEXT,
        "prompt": TEXT,
        "seconds": TEXT,
        "size": TEXT,
        "created_at": INTEGER | {"description": "Unix seconds."},
        "error": or_null(object_of({"code": TEXT, "message": TEXT})),
        "eta_s": or_null(NUMBER) | {"description": "Seconds left, about, while it renders."},
        "charge": {"enum": ["charged", "free", "unknown"]},
        "cost": or_null(NUMBER),
        "cost_unit": or_null(TEXT),
        "video_url": or_null(TEXT) | {"description": "Where the finished video plays."},
        "next": TEXT | {"description": "What to do now."},
    }
)
VIDEOS_SCHEMA = object_of(
    {"videos": {"type": "array", "items": VIDEO_SCHEMA}, "has_more": {"type": "boolean"}}
)
MODELS_SCHEMA = object_of(
    {"default": TEXT, "models": {"type": "array", "items": {"type": "object"}}}
)


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers to one caller at one moment (Unix seconds); `wait_s`: how long a call may wait."""

    caller: McpCaller
    now: float
    wait_s: float

    def video(self, video: Video, *, failed: bool = False) -> CallToolResult:
        """One video; `failed`: the call as a whole came to nothing."""
        view = self.shown(video)
        content: list[ContentBlock] = [TextContent(text=view["next"])]
        if view["video_url"] is not None:
            content.append(link(video, view["video_url"]))
        return CallToolResult(content=content, structured_content=view, is_error=failed)

    def shown(self, video: Video) -> dict[str, Any]:
        """A video as `VIDEO_SCHEMA` has it."""
        url = self.caller.link_of(video) if video.state is State.COMPLETED else None
        whole = video_object(video, now=self.now, video_url=url or "")
        return {
            **{name: whole[name] for name in SHOWN},
            **{name: whole["reelgate"][name] for name in SHOWN_ADDITIONS},
            "video_url": url,
            "next": self.next_step(video, url),
        }

    def next_step(self, video: Video, url: str | None) -> str:
        """What a model is to do with a video, in words."""
        if url is not None:
            return f"The video is ready: {url}"
        if video.failure is None:
            left_s = video.eta_s(self.now)
            about = "" if left_s is None else f", about {left_s:.0f} s left"
            return (
                f"The video is being made ({video.progress(self.now)} %{about}). It is ordered and "
                f"paid for: do not generate it again. Call get_video with id={video.id} and "
                f"wait_s={self.wait_s:g}, as often as needed, until its status is completed or "
                "failed."
            )
        told = f"The video failed ({video.failure.code}): {video.failure.message}"
        if not video.may_be_corrected:
            return told
        return (
            f"{told} It may have been paid for, and the gateway goes on looking for it: call "
            f"get_video with id={video.id} later. The same call of generate_video pays nothing and "
            "answers the same; only with another `take` is a new video made, and paid for again."
        )


def link(video: Video, url: str) -> ResourceLink:
    """The video's file."""
    return ResourceLink(
        name=f"{video.id}.mp4",
        title="The video",
        description=video.request.prompt,
        uri=url,
        mime_type=video.file.content_type if video.file else "video/mp4",
        size=video.file.size_bytes if video.file else None,
    )


def refusal(error: ReelgateError) -> CallToolResult:
    """Why a call could not be done, so that the model can do it better."""
    again = ""
    if error.retry_after_s is not None:
        again = f" Try again in {error.retry_after_s:.0f} s."
    return CallToolResult(
        content=[TextContent(text=f"{error.code}: {error.message}{again}")], is_error=True
    )


def overview(name: str, model: Model) -> dict[str, Any]:
    """A model under one of its names, in few words: there may be a hundred."""
    told = model.capabilities()
    return {
        "id": name,
        "alias_of": None if name == model.id else model.id,
        "price": {part: told["price"][part] for part in PRICE} if told["price"] else None,
        **{shape: told[shape] for shape in ("durations", "resolutions", "aspect_ratios")},
        "takes_picture": model.takes_picture,
    }


def described(name: str, model: Model) -> dict[str, Any]:
    """The same with its whole price, and what each of its fields takes."""
    told = model.capabilities()
    return overview(name, model) | {"price": told["price"], "fields": told["fields"]}
