"""The SDK's server with our tools, ready to be served over HTTP."""

from __future__ import annotations

from typing import Any

from mcp.server.context import HandlerResult, ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    ListToolsResult,
    PaginatedRequestParams,
)

from reelgate.errors import ReelgateError
from reelgate.mcp.answers import refusal
from reelgate.mcp.endpoint import CALLER, McpBackend, McpCaller
from reelgate.mcp.tasks import TASKS, TaskParams, Tasks, check_takes_tasks, takes_tasks
from reelgate.mcp.tools import GENERATE, Call, Tools
from reelgate.version import VERSION

INSTRUCTIONS = (
    "Makes videos from text with slow, paid models. list_models tells prices; generate_video "
    "makes one and waits a while; get_video waits for the rest. Never call generate_video again "
    "for a video that is under way: call get_video."
)

Context = ServerRequestContext[Any, Any]


def session_manager(backend: McpBackend) -> StreamableHTTPSessionManager:
    """Serves the tools; whoever passes on a message has authenticated its caller.

    Without sessions: each message stands for itself, so that any process of a gateway may take it.
    Hosts and origins were checked where the caller was.
    """
    return StreamableHTTPSessionManager(server_of(backend), stateless=True)


def server_of(backend: McpBackend) -> Server[Any]:
    """Every request that is answered."""
    tools = Tools(backend)
    tasks = Tasks(backend.service, tools)

    async def list_tools(ctx: Context, params: PaginatedRequestParams | None) -> ListToolsResult:
        del ctx, params
        return ListToolsResult(tools=tools.listed())

    async def call_tool(ctx: Context, params: CallToolRequestParams) -> HandlerResult:
        async def report(progress: float, message: str) -> None:
            await ctx.session.report_progress(progress, 100.0, message)

        call = Call(params.arguments or {}, caller_of(ctx), report)
        try:
            if params.name == GENERATE and takes_tasks(ctx):
                return tasks.created(await tools.order(call))
            answer = await tools.call(params.name, call)
        except ReelgateError as error:
            return refusal(error)
        if answer is None:
            raise MCPError(code=INVALID_PARAMS, message=f"there is no tool {params.name!r}")
        return answer

    server: Server[Any] = Server(
        "reelgate",
        title="Reelgate",
        version=VERSION,
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
    )
    server.add_request_handler("tools/call", CallToolRequestParams, call_tool)
    server.extensions[TASKS] = {}
    for name, handle in {"get": tasks.get, "cancel": tasks.cancel, "update": tasks.update}.items():

        async def about_task(ctx: Context, params: TaskParams, handle: Any = handle) -> Any:  # noqa: ANN401
            check_takes_tasks(ctx)
            return await handle(caller_of(ctx), params.task_id)

        server.add_request_handler(f"tasks/{name}", TaskParams, about_task)
    return server


def caller_of(ctx: Context) -> McpCaller:
    """Who sent a message, as the endpoint was told."""
    request: Any = ctx.request
    caller: McpCaller = request.scope[CALLER]
    return caller
