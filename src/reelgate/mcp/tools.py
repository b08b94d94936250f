"""The tools that agents see, each one use case of the service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from mcp_types import CallToolResult, TextContent, Tool, ToolAnnotations
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from reelgate.db.video_page import Page
from reelgate.domain.api_keys import Scope
from reelgate.domain.video import STATUS, Video, VideoStatus
from reelgate.errors import InvalidRequest, Problem
from reelgate.mcp.answers import (
    MODELS_SCHEMA,
    VIDEO_SCHEMA,
    VIDEOS_SCHEMA,
    Answers,
    described,
    overview,
)
from reelgate.mcp.endpoint import McpBackend, McpCaller
from reelgate.mcp.generation import (
    Report,
    generate_schema,
    ordered,
    tell_end,
    wait_for,
    wanted,
)

GENERATE = "generate_video"


Told = TypeVar("Told", bound="Arguments")


class Arguments(BaseModel):
    """What a tool takes."""

    model_config = ConfigDict(extra="forbid")


class ById(Arguments):
    """One video."""

    id: str = Field(description="The video's id: `video_...`.")


class GetVideo(ById):
    """One video, at once or once it is over."""

    wait_s: float = Field(
        0.0, ge=0, description="Wait up to so many seconds for the video to be completed or failed."
    )


class ListVideos(Arguments):
    """One page of videos."""

    limit: int = Field(10, ge=1, le=100)
    status: VideoStatus | None = Field(None, description="Only those that stand so.")
    search: str | None = Field(None, max_length=200, description="Words of the prompt.")
    after: str | None = Field(None, description="The last id of the page before.")


class ListModels(Arguments):
    """Every model, or all of one."""

    model: str | None = Field(None, description="Only this one, and what its fields take.")


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool; `report` tells its caller the progress."""

    arguments: Mapping[str, Any]
    caller: McpCaller
    report: Report


class Tools:
    """Every tool, and how it is called."""

    def __init__(self, backend: McpBackend) -> None:
        self._backend = backend
        self._service = backend.service
        self._handlers: Mapping[str, Callable[[Call], Awaitable[CallToolResult]]] = {
            GENERATE: self._generate,
            "get_video": self._get,
            "list_videos": self._list,
            "cancel_video": self._cancel,
            "list_models": self._models,
        }

    def listed(self) -> list[Tool]:
        """The tools as clients show them to models."""
        return [
            Tool(
                name=GENERATE,
                title="Generate a video",
                description="Make a video from a prompt. It costs money and takes minutes. The "
                f"call waits up to {self._backend.wait_s:g} s; a video that takes longer is "
                "answered with its id, and get_video waits for the rest. If this call times out or "
                "its connection breaks, call it again with the same arguments: the video goes on, "
                "and is not paid for again.",
                input_schema=generate_schema(self._service.catalog),
                output_schema=VIDEO_SCHEMA,
                annotations=hints(destructive=False, idempotent=True),
            ),
            Tool(
                name="get_video",
                title="Look at a video",
                description="One video: its status, progress and, once it is completed, its "
                f"address. With wait_s it waits, up to {self._backend.wait_s:g} s, for the end.",
                input_schema=GetVideo.model_json_schema(),
                output_schema=VIDEO_SCHEMA,
                annotations=hints(read_only=True),
            ),
            Tool(
                name="list_videos",
                title="List videos",
                description="Videos that were made here, newest first.",
                input_schema=ListVideos.model_json_schema(),
                output_schema=VIDEOS_SCHEMA,
                annotations=hints(read_only=True),
            ),
            Tool(
                name="cancel_video",
                title="Stop a video",
                description="Stop an unfinished video. What the provider has charged may be lost.",
                input_schema=ById.model_json_schema(),
                output_schema=VIDEO_SCHEMA,
                annotations=hints(destructive=True, idempotent=True),
            ),
            Tool(
                name="list_models",
                title="List models and prices",
                description="Every model: its price, lengths and frames. A price `from` is that of "
                "the shortest video with the other fields at their defaults. With `model` one, "
                "its whole price and what each of its fields takes.",
                input_schema=ListModels.model_json_schema(),
                output_schema=MODELS_SCHEMA,
                annotations=hints(read_only=True),
            ),
        ]

    async def call(self, name: str, call: Call) -> CallToolResult | None:
        """The answer of a tool; None where there is none of this name.

        Raises:
            ReelgateError: the call cannot be done.
        """
        handle = self._handlers.get(name)
        return None if handle is None else await handle(call)

    async def order(self, call: Call) -> Video:
        """The video that `generate_video` is about, which goes on whether or not anybody waits.

        Raises:
            ReelgateError: it cannot be made.
        """
        owner = call.caller.owner
        self._backend.require(owner, Scope.MAKE)
        request, take = await wanted(call.arguments, self._backend, owner)
        return await ordered(self._service, request, take, owner)

    def answers(self, caller: McpCaller) -> Answers:
        """Answers to a caller now."""
        return Answers(caller, self._service.now(), self._backend.wait_s)

    async def _generate(self, call: Call) -> CallToolResult:
        video = await self.order(call)
        video = await wait_for(self._service, video, self._backend.wait_s, call.report)
        return await self.ended(video, call.caller)

    async def ended(self, video: Video, caller: McpCaller) -> CallToolResult:
        """The answer of `generate_video`: an error if the video failed."""
        await tell_end(self._service, video)
        return self.answers(caller).video(video, failed=video.failure is not None)

    async def _get(self, call: Call) -> CallToolResult:
        told = parsed(GetVideo, call.arguments)
        video = await self._service.find(told.id, call.caller.owner)
        wait_s = min(told.wait_s, self._backend.wait_s)
        video = await wait_for(self._service, video, wait_s, call.report)
        await tell_end(self._service, video)
        return self.answers(call.caller).video(video)

    async def _list(self, call: Call) -> CallToolResult:
        told = parsed(ListVideos, call.arguments)
        states = tuple(state for state, status in STATUS.items() if status is told.status)
        page = Page(
            call.caller.owner,
            told.limit + 1,
            "desc",
            after=told.after,
            states=states,
            words=tuple((told.search or "").split()),
        )
        found = await self._service.page(page)
        answers = self.answers(call.caller)
        videos = [answers.shown(video) for video in found[: told.limit]]
        lines = [f"{each['id']} {each['status']}: {each['prompt']}" for each in videos]
        return data(
            {"videos": videos, "has_more": len(found) > told.limit},
            "\n".join(lines) or "There are no such videos.",
        )

    async def _cancel(self, call: Call) -> CallToolResult:
        told = parsed(ById, call.arguments)
        return self.answers(call.caller).video(await self.cancel(told.id, call.caller))

    async def cancel(self, video_id: str, caller: McpCaller) -> Video:
        """Stop a video; one that is over stays as it is.

        Raises:
            InsufficientScope: the caller's key only reads.
            VideoNotFound: there is none, or it belongs to somebody else.
        """
        self._backend.require(caller.owner, Scope.MAKE)
        return await self._service.cancel(video_id, caller.owner)

    async def _models(self, call: Call) -> CallToolResult:
        only = parsed(ListModels, call.arguments).model
        catalog = self._service.catalog
        if only is None:
            names = [*(model.id for model in catalog.models()), *catalog.aliases()]
            models = [overview(name, catalog.find(name)) for name in names]
        else:
            models = [described(only, catalog.find(only))]
        prices = [f"{each['id']}: {price_in_words(each['price'])}" for each in models]
        return data({"default": catalog.default, "models": models}, "\n".join(prices))


def hints(
    *, read_only: bool = False, destructive: bool = False, idempotent: bool = False
) -> ToolAnnotations:
    """What clients may go by when they ask a person for leave."""
    return ToolAnnotations(
        read_only_hint=read_only,
        destructive_hint=destructive,
        idempotent_hint=idempotent or read_only,
        open_world_hint=not read_only,
    )


def data(structured: dict[str, Any], text: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(text=text)], structured_content=structured)


def price_in_words(price: Mapping[str, Any] | None) -> str:
    """Such as `from 12 credits`."""
    if price is None:
        return "its price is not known"
    return f"from {price['from']} {price['unit']} ({price['certainty']})"


def parsed(shape: type[Told], arguments: Mapping[str, Any]) -> Told:
    """A tool's arguments.

    Raises:
        InvalidRequest: naming each that is not taken.
    """
    try:
        return shape.model_validate(arguments)
    except ValidationError as error:
        problems = [problem_of(shape, each) for each in error.errors()]
        raise InvalidRequest(problems=tuple(problems)) from error


def problem_of(shape: type[Arguments], error: ErrorDetails) -> Problem:
    param = str(error["loc"][0])
    if error["type"] == "extra_forbidden":
        taken = ", ".join(shape.model_fields) or "none"
        return Problem(param, f"{param} is no argument of this tool, which takes {taken}")
    said = error["msg"]
    return Problem(param, f"{param}: {said[:1].lower()}{said[1:]}", error["input"])
