"""The shapes of requests and answers, as `/docs` shows them."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr

from reelgate.catalog import MAX_PROMPT_CHARS

PROMPT_SCHEMA: dict[str, Any] = {
    "minLength": 1,
    "maxLength": MAX_PROMPT_CHARS,
    "pattern": r"\S",
}
"""For the document only: the catalog checks a prompt, and says in words what is wrong with it."""


class GenerationRequest(BaseModel):
    """A video to make; what is left out takes the model's default."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "prompt": "cat eating hotdogs in a park",
                "aspect_ratio": "16:9",
                "duration": 5,
                "resolution": "720p",
                "style_id": 60503,
                "is_enhance": True,
            }
        },
    )

    prompt: StrictStr = Field(
        description="What the video shows: 1 to 2000 characters.", json_schema_extra=PROMPT_SCHEMA
    )
    aspect_ratio: StrictStr | None = Field(
        None, description="imagine-text-to-video: `16:9` (default), `9:16`, `4:3`, `1:1`."
    )
    duration: StrictInt | Literal["auto"] | None = Field(
        None, description="Seconds. imagine-text-to-video: 5, 6, 12 (default)."
    )
    resolution: StrictStr | None = Field(
        None, description="imagine-text-to-video: `720p`, `1080p` (default)."
    )
    style_id: StrictInt | None = Field(
        None, description="The style's number. imagine-text-to-video: 60503 by default."
    )
    is_enhance: StrictBool | None = Field(
        None, description="Let the model improve the prompt. imagine-text-to-video: true."
    )


class GenerationResult(BaseModel):
    """The finished video, or where it will be when the wait limit came first."""

    id: str = Field(description="imagine.art's id of the video; empty if it has none yet.")
    status: Literal["COMPLETED", "PROCESSING"]
    video_url: str = Field(description="Playable as soon as the status is COMPLETED.")
    batch_id: str = Field(description="imagine.art's id of the batch.")


class ModelObject(BaseModel):
    """One model and what it takes."""

    id: str
    object: Literal["model"] = "model"
    created: int = Field(description="Unix seconds.")
    owned_by: str
    capabilities: dict[str, Any]


class ModelList(BaseModel):
    """Every model."""

    object: Literal["list"] = "list"
    data: list[ModelObject]


class ErrorDetail(BaseModel):
    """The error as OpenAI's clients read it."""

    message: str
    type: str
    code: str
    param: str | None


class ErrorAnswer(BaseModel):
    """Any error: RFC 9457 problem details, with OpenAI's `error` beside them."""

    type: str
    title: str
    status: int
    detail: str
    error: ErrorDetail
    errors: list[dict[str, Any]] | None = None


class Health(BaseModel):
    """How the gateway is."""

    status: Literal["ok"] = "ok"
    version: str
    provider: str
    sandbox: bool = Field(description="True: videos are made by the built-in sandbox, not for real")
    jobs_open: int


Ordering = Literal["asc", "desc"]


class RemixRequest(BaseModel):
    """Another prompt for the same settings."""

    model_config = ConfigDict(extra="forbid")

    prompt: StrictStr = Field(
        description="What the new video shows: 1 to 2000 characters.",
        json_schema_extra=PROMPT_SCHEMA,
    )


class VideoError(BaseModel):
    """Why a video failed."""

    code: str
    message: str


class VideoAdditions(BaseModel):
    """What the gateway tells beyond OpenAI's shape."""

    provider: str
    provider_id: str | None
    batch_id: str | None
    video_url: str
    aspect_ratio: str | None
    resolution: str | None
    cost: int | None = Field(description="In the provider's credits.")
    attempts: int = Field(description="Submits made.")
    eta_s: float | None = Field(description="Seconds left, about, while it renders.")
    timeline: dict[str, float | None] = Field(description="When each stage began, Unix seconds.")


class VideoObject(BaseModel):
    """OpenAI's video object, with our additions under `reelgate`."""

    id: str
    object: Literal["video"] = "video"
    model: str
    status: Literal["queued", "in_progress", "completed", "failed"]
    progress: int = Field(ge=0, le=100)
    created_at: int
    completed_at: int | None
    expires_at: int | None
    prompt: str
    seconds: str
    size: str
    remixed_from_video_id: str | None
    error: VideoError | None
    metadata: dict[str, str]
    reelgate: VideoAdditions


class VideoList(BaseModel):
    """One page of videos."""

    object: Literal["list"] = "list"
    data: list[VideoObject]
    has_more: bool
    first_id: str | None
    last_id: str | None


class VideoDeleted(BaseModel):
    """A video that is gone."""

    id: str
    deleted: Literal[True] = True
    object: Literal["video.deleted"] = "video.deleted"
