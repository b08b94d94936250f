"""Videos as tasks, for clients that declare the extension."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeVar

import anyio
import pytest
from mcp import Client, ClientSession, MCPError
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim
from mcp_types import CallToolResult, Request, RequestParams, Result

from tests.gateway import Gateway, a_prompt

from .conftest import LONG, link_of

TASKS = "io.modelcontextprotocol/tasks"
SHORT = {"duration": 5, "resolution": "720p"}


Answer = TypeVar("Answer", bound=Result)


class TaskParams(RequestParams):
    task_id: str


class AboutTask(Request[TaskParams, str]):
    """`tasks/get` and its like."""

    name_param = "taskId"


class Task(Result):
    """Every field of a task."""

    task_id: str
    status: str
    created_at: str
    last_updated_at: str
    ttl_ms: int | None
    poll_interval_ms: int
    result: dict[str, Any] | None = None


class CreatedTask(Task):
    result_type: Literal["task"] = "task"


class FollowsTasks(ClientExtension):
    """Follows a task as a client's own code would, but without its pauses."""

    identifier = TASKS

    def __init__(self) -> None:
        self.seen: list[Task] = []

    def claims(self) -> Sequence[ResultClaim[Any]]:
        return [ResultClaim(result_type="task", model=CreatedTask, resolve=self.resolve)]

    async def resolve(self, created: CreatedTask, ctx: ClaimContext) -> CallToolResult:
        self.seen.append(created)
        while True:
            task = await about(ctx.session, "tasks/get", created.task_id, Task)
            self.seen.append(task)
            if task.status == "completed":
                return CallToolResult.model_validate(task.result)
            await anyio.sleep(0.05)


async def about(session: ClientSession, method: str, task_id: str, shape: type[Answer]) -> Answer:
    return await session.send_request(
        AboutTask(method=method, params=TaskParams(task_id=task_id)), shape
    )


async def test_a_video_is_a_task_for_a_client_that_takes_tasks(gateway: Gateway) -> None:
    follows, prompt = FollowsTasks(), a_prompt(LONG)
    async with Client(f"{gateway.url}/mcp", extensions=[follows]) as client:
        made = await client.call_tool("generate_video", {"prompt": prompt, **SHORT})
        created, *_, last = follows.seen
        assert (created.status, last.status) == ("working", "completed")
        assert created.task_id == last.task_id
        async with gateway.session.get(link_of(made)) as file:
            assert file.status == 200
        arguments = {"prompt": a_prompt("[[never]]"), **SHORT}
        waiting = await client.session.call_tool("generate_video", arguments, allow_claimed=True)
        assert isinstance(waiting, CreatedTask)
        await about(client.session, "tasks/cancel", waiting.task_id, Result)
        task = await about(client.session, "tasks/get", waiting.task_id, Task)
        assert task.status == "cancelled"
        with pytest.raises(MCPError) as unknown:
            await about(client.session, "tasks/get", "video_1", Task)
        assert unknown.value.error.code == -32602
    assert len(await gateway.accepted(prompt)) == 1


async def test_a_client_that_does_not_say_so_gets_no_task(gateway: Gateway) -> None:
    async with Client(f"{gateway.url}/mcp") as client:
        with pytest.raises(MCPError) as refused:
            await about(client.session, "tasks/get", "video_1", Task)
    assert refused.value.error.code == -32021
    assert refused.value.error.data == {"requiredCapabilities": {"extensions": {TASKS: {}}}}
