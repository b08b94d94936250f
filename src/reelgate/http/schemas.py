"""The shapes of requests and answers, as `/docs` shows them."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import Request
from fastapi.responses import JSONResponse
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    field_validator,
)
from pydantic_core import to_json

from reelgate.domain import video_object as public
from reelgate.domain.api_keys import LIMITS, MOST, MOST_USD, ApiKey, Scope, allowance_of
from reelgate.domain.polls import MOST_KEPT, PollOutcome
from reelgate.domain.video import Video
from reelgate.http.auth import Context
from reelgate.http.video_request import PROMPT_SCHEMA
from reelgate.service.keys import OVERLAP_S


class VideoWarning(BaseModel):
    """A field that was left out of a request (`"strict": false`) and why."""

    param: str
    message: str


class GenerationResult(BaseModel):
    """The finished video, or where it will be when the wait limit came first."""

    id: str = Field(description="imagine.art's id of the video; empty if it has none yet.")
    status: Literal["COMPLETED", "PROCESSING"]
    video_url: str = Field(description="Playable as soon as the status is COMPLETED.")
    batch_id: str = Field(description="imagine.art's id of the batch.")
    warnings: list[VideoWarning] | None = Field(
        None,
        description="What the model could not honour, where the request allowed that and there is "
        "any.",
    )


class ModelObject(BaseModel):
    """One model and what it takes."""

    id: str
    object: Literal["model"] = "model"
    created: int = Field(description="Unix seconds.")
    owned_by: str
    alias_of: str | None = Field(description="The model that this is another name for.")
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


class HealthCredential(BaseModel):
    """An upstream account's credential."""

    provider: str
    expires_at: int | None = Field(description="Unix seconds; null where it is not known")
    problem: str | None = Field(description="What is wrong and what to do; null: nothing")


class Health(BaseModel):
    """How the gateway is."""

    status: Literal["ok"] = "ok"
    version: str
    provider: str = Field(description="The first of `providers`")
    providers: list[str] = Field(description="Every upstream account that makes videos")
    sandbox: bool = Field(description="True: videos are made by the built-in sandbox, not for real")
    jobs_open: int | None = Field(description="Null while the database does not tell")
    credentials: list[HealthCredential] = Field(
        description="Those of the upstream accounts; one that is renewed by itself has no problem"
    )


class ReadyReason(BaseModel):
    """What keeps the gateway from taking work, or may do so soon."""

    model_config = ConfigDict(from_attributes=True)

    code: Literal["stopping", "database", "storage", "credential", "overloaded", "account"]
    message: str


class Ready(BaseModel):
    """Whether the gateway may be sent work."""

    status: Literal["ready", "not_ready"]
    reasons: list[ReadyReason] = Field(description="Why it is not ready")
    warnings: list[ReadyReason] = Field(description="What makes jobs wait, or will soon")


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


class VideoCorrection(BaseModel):
    """The failure that a video was told to have ended with before it was found after all."""

    code: str
    message: str
    failed_at: int


class VideoPassedOver(BaseModel):
    """A target of a virtual model that does not make the video, and why."""

    model: str
    why: str


class VideoRoute(BaseModel):
    """How a video's model was chosen."""

    asked: str = Field(description="The virtual model.")
    chosen: str
    why: str
    passed_over: list[VideoPassedOver]


class VideoPoll(BaseModel):
    """One time that the upstream was asked how a video stands."""

    at: float = Field(description="Unix seconds.")
    outcome: str = Field(description=", ".join(f"`{each}`" for each in PollOutcome) + ".")


class VideoPolls(BaseModel):
    """The polls of a video."""

    count: int
    data: list[VideoPoll] = Field(
        description=f"Oldest first. Of more than {MOST_KEPT} the first {MOST_KEPT // 2} and the "
        "latest."
    )


class VideoTimeline(BaseModel):
    """When each stage began, Unix seconds."""

    created_at: float
    submitting_at: float | None
    submitted_at: float | None
    ready_at: float | None
    completed_at: float | None
    polls: VideoPolls | None = Field(
        description="Those that are written down, which happens at each change of the state; null "
        "in lists, and where none is known."
    )


class VideoAdditions(BaseModel):
    """What the gateway tells beyond OpenAI's shape."""

    key: str | None = Field(description="The API key it was made with; null: without one.")
    provider: str
    provider_id: str | None
    batch_id: str | None
    video_url: str
    operation: Literal["generate", "edit", "extend"] = Field(
        description="Whether it is a new video, or a changed or extended one."
    )
    aspect_ratio: str | None
    resolution: str | None
    charge: Literal["charged", "free", "unknown"] = Field(
        description="Whether the provider's account has paid for it, as far as that is told."
    )
    cost: float | None = Field(description="What the provider told that it costs.")
    cost_unit: Literal["credits", "usd"] | None = Field(description="What `cost` counts.")
    charge_reason: str = Field(description="How it is known.")
    attempts: int = Field(description="Submits made.")
    eta_s: float | None = Field(description="Seconds left, about, while it renders.")
    warnings: list[VideoWarning] = Field(
        description="What the model could not honour, where the request allowed that."
    )
    correction: VideoCorrection | None = Field(
        description="What it was told to have failed for, before that turned out to be wrong."
    )
    route: VideoRoute | None = Field(
        description="How its model was chosen, where a virtual one was asked for."
    )
    timeline: VideoTimeline


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


def video_object(video: Video, request: Request, ctx: Context) -> dict[str, Any]:
    """The public object; times are Unix seconds."""
    return public.video_object(
        video, now=ctx.service.now(), video_url=ctx.video_url(request, video)
    )


class VideoResponse(JSONResponse):
    """A video object or a page of them, written in a fifth of the time by Pydantic's encoder."""

    def render(self, content: Any) -> bytes:  # noqa: ANN401 - as the framework has it
        return to_json(content)


HOUR_S = 3600
SHORTEST_SHARE_S = 60
LONGEST_SHARE_S = 366 * 24 * HOUR_S


class ShareRequest(BaseModel):
    """How long a link is to work."""

    model_config = ConfigDict(extra="forbid")

    expires_in_s: int = Field(
        24 * HOUR_S,
        ge=SHORTEST_SHARE_S,
        le=LONGEST_SHARE_S,
        description="Seconds from now.",
    )


class Share(BaseModel):
    """A link to one video."""

    url: str = Field(description="Opens in a browser, without a key.")
    content_url: str = Field(description="The MP4 itself, for programs and other pages.")
    expires_at: int = Field(description="Unix seconds.")


class Shared(BaseModel):
    """What a link tells of its video."""

    prompt: str
    model: str
    created_at: int
    expires_at: int


MAX_TIME = 1e11
MAX_OVERLAP_S = 366 * 86400


def number(limit: str) -> Any:  # noqa: ANN401 - as Pydantic's `Field`
    """A limit that is a whole number."""
    return Field(None, ge=1, le=MOST, description=LIMITS[limit])


def dollars(limit: str) -> Any:  # noqa: ANN401 - likewise
    """A limit in dollars."""
    return Field(None, gt=0, le=MOST_USD, allow_inf_nan=False, description=LIMITS[limit])


class KeyChange(BaseModel):
    """What a key may do; null: without this limit."""

    model_config = ConfigDict(extra="forbid")

    name: StrictStr = Field("", min_length=1, max_length=200, description="Whose key it is.")
    scopes: list[Scope] = Field(
        [Scope.MAKE, Scope.READ],
        min_length=1,
        description="`make` videos, `read` its own, `operate` the gateway; with `read` and "
        "`operate`, read everybody's.",
    )
    rpm: StrictInt | None = number("rpm")
    max_in_flight: StrictInt | None = number("max_in_flight")
    credits_per_day: StrictInt | None = number("credits_per_day")
    credits_per_month: StrictInt | None = number("credits_per_month")
    usd_per_day: StrictFloat | None = dollars("usd_per_day")
    usd_per_month: StrictFloat | None = dollars("usd_per_month")
    max_price_credits: StrictInt | None = number("max_price_credits")
    max_price_usd: StrictFloat | None = dollars("max_price_usd")
    models: list[Annotated[StrictStr, Field(min_length=1, max_length=200)]] = Field(
        [], max_length=100, description=LIMITS["models"]
    )
    allow_unpriced: StrictBool = Field(default=False, description=LIMITS["allow_unpriced"])
    expires_at: StrictFloat | None = Field(
        None, ge=0, le=MAX_TIME, description="When it stops working, Unix seconds; null: never."
    )

    @field_validator("name")
    @classmethod
    def is_printable(cls, name: str) -> str:
        """A name must not steer somebody's terminal."""
        if not name.isprintable():
            message = "holds something that cannot be printed: use letters, digits and blanks"
            raise ValueError(message)
        return name

    def applied_to(self, key: ApiKey) -> ApiKey:
        """The key with what the request says of it; what it leaves out stays as it is."""
        told = self.model_dump(exclude_unset=True)
        return replace(
            key,
            name=told.get("name", key.name),
            allowance=allowance_of(told, key.allowance),
            scopes=frozenset(told.get("scopes", key.scopes)),
            expires_at=told.get("expires_at", key.expires_at),
        )


class KeyCreate(KeyChange):
    """A key to make."""

    name: StrictStr = Field(min_length=1, max_length=200, description="Whose key it is.")


class KeyRotate(BaseModel):
    """How a key gets another secret."""

    model_config = ConfigDict(extra="forbid")

    overlap_s: StrictFloat = Field(
        OVERLAP_S,
        ge=0,
        le=MAX_OVERLAP_S,
        description="How long the secret before works, too, in seconds.",
    )
