"""Videos as tasks: the MCP extension `io.modelcontextprotocol/tasks`, for clients that have it.

https://github.com/modelcontextprotocol/ext-tasks/blob/main/specification/2026-07-28/tasks.md
A task is a video, its id the video's. So it is as durable as the video, and any process of a
gateway answers for it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    RequestParams,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from reelgate.domain.video import Video
from reelgate.domain.video_object import STAGES
from reelgate.errors import Cancelled, InsufficientScope, VideoNotFound
from reelgate.mcp.endpoint import McpCaller
from reelgate.mcp.tools import Tools
from reelgate.service.videos import Service

TASKS = "io.modelcontextprotocol/tasks"
POLL_EVERY_MS = 5000
"""How often clients are asked to look."""

Context = ServerRequestContext[Any, Any]


class TaskParams(RequestParams):
    """Which task a request is about."""

    task_id: str


def takes_tasks(ctx: Context) -> bool:
    """Whether the client said with this request that it can follow a task."""
    capabilities = ctx.session.client_capabilities
    declared = (capabilities.extensions if capabilities else None) or {}
    return ctx.protocol_version in MODERN_PROTOCOL_VERSIONS and TASKS in declared


def check_takes_tasks(ctx: Context) -> None:
    """Refuse a client that has not said so.

    Raises:
        MCPError: naming what it has to say.
    """
    if not takes_tasks(ctx):
        raise MCPError(
            code=MISSING_REQUIRED_CLIENT_CAPABILITY,
            message="Missing required client capability",
            data={"requiredCapabilities": {"extensions": {TASKS: {}}}},
        )


class Tasks:
    """The requests about tasks."""

    def __init__(self, service: Service, tools: Tools) -> None:
        self._service = service
        self._tools = tools

    def created(self, video: Video) -> dict[str, Any]:
        """The answer to a call whose video goes on as a task."""
        return {"resultType": "task", **self._task(video, "working")}

    async def get(self, caller: McpCaller, task_id: str) -> dict[str, Any]:
        """How a task stands, with the call's result once it is over."""
        video = await self._find(caller, task_id)
        if not video.is_over:
            return self._task(video, "working")
        if video.failure is not None and video.failure.code == Cancelled.code:
            return self._task(video, "cancelled")
        result = await self._tools.ended(video, caller)
        told = result.model_dump(mode="json", by_alias=True, exclude_none=True)
        return {**self._task(video, "completed"), "result": told}

    async def cancel(self, caller: McpCaller, task_id: str) -> dict[str, Any]:
        """Stop the video; one that is over stays as it is."""
        video = await self._find(caller, task_id)
        try:
            await self._tools.cancel(video.id, caller)
        except InsufficientScope as error:
            raise MCPError(code=INVALID_REQUEST, message=error.message) from error
        return {}

    async def update(self, caller: McpCaller, task_id: str) -> dict[str, Any]:
        """Take answers, which no video ever asks for."""
        await self._find(caller, task_id)
        return {}

    async def _find(self, caller: McpCaller, task_id: str) -> Video:
        try:
            return await self._service.find(task_id, caller.owner)
        except VideoNotFound as error:
            raise MCPError(code=INVALID_PARAMS, message=error.message) from error

    def _task(self, video: Video, status: str) -> dict[str, Any]:
        times = [getattr(video.timeline, stage) for stage in STAGES]
        return {
            "taskId": video.id,
            "status": status,
            "statusMessage": f"{video.status.value}, {video.progress(self._service.now())} %",
            "createdAt": iso(video.timeline.created_at),
            "lastUpdatedAt": iso(max(moment for moment in times if moment is not None)),
            # For as long as the row is kept, which has no end.
            "ttlMs": None,
            "pollIntervalMs": POLL_EVERY_MS,
        }


def iso(moment: float) -> str:
    """Unix seconds as ISO 8601."""
    return datetime.fromtimestamp(moment, UTC).isoformat()
