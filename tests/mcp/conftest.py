"""A gateway whose calls wait for less than a second, and clients of the official SDK."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp_types import CallToolResult, ResourceLink, TextContent

from tests.gateway import Gateway, a_gateway

WAIT_S = 0.2
MODES = ("auto", "legacy")
"""The protocol of 2026-07-28, and the handshake that most clients still begin with."""
LONG = "[[ready after=0.7]]"
"""Ready after longer than a call waits."""


@pytest.fixture
async def gateway(tmp_path: Path, sandbox_url: str) -> AsyncIterator[Gateway]:
    async with a_gateway(tmp_path, sandbox_url, mcp_wait_s=WAIT_S) as running:
        yield running


def text_of(result: CallToolResult) -> str:
    """What the model reads."""
    [block] = [each for each in result.content if isinstance(each, TextContent)]
    return block.text


def link_of(result: CallToolResult) -> str:
    """The address of the video that the answer links to."""
    [link] = [each for each in result.content if isinstance(each, ResourceLink)]
    assert link.mime_type == "video/mp4"
    return link.uri


def video_of(result: CallToolResult) -> dict[str, Any]:
    """The video in an answer; the SDK has checked it against the tool's schema."""
    video = result.structured_content
    assert isinstance(video, dict), text_of(result)
    return video


async def completed(client: Client, video_id: str) -> CallToolResult:
    """The video once it is, asked for as an agent does."""
    while True:
        result = await client.call_tool("get_video", {"id": video_id, "wait_s": 30})
        if video_of(result)["status"] not in {"queued", "in_progress"}:
            return result
