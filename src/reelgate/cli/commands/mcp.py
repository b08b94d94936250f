"""`reelgate mcp`: the gateway's tools for an agent that starts programs.

The tools are the gateway's own: here is nothing but the transport between standard streams and its
`/mcp` (https://modelcontextprotocol.io/specification/2026-07-28/basic/transports). One line is one
message.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from http import HTTPStatus
from typing import Any

import aiohttp

from reelgate.cli.app import command_app
from reelgate.cli.client import Client, decoded
from reelgate.cli.exits import CliError, Refused, run
from reelgate.cli.reach import ApiKey, GatewayTarget, Server, gateway_of

PARSE_ERROR, INVALID_REQUEST, INTERNAL_ERROR = -32700, -32600, -32603
VERSION_OF_MESSAGE = "io.modelcontextprotocol/protocolVersion"
"""Where a message names its version, from 2026-07-28 on."""
NAMED_BY = {
    "tools/call": "name",
    "tasks/get": "taskId",
    "tasks/cancel": "taskId",
    "tasks/update": "taskId",
}
"""The parameter that stands in the header `Mcp-Name` as well."""
EVENT_STREAM = "text/event-stream"
ACCEPTED = {"Accept": f"application/json, {EVENT_STREAM}"}
LAST_ANSWERS_S = 1.0
ADVICE = "The same call may be made again: with the same arguments a video is paid for once."

Message = dict[str, Any]

app = command_app()


@app.command()
def mcp(*, server: Server = None, api_key: ApiKey = None) -> None:
    """Speak the Model Context Protocol on standard input and output.

    An agent starts this by itself; docs/mcp.md tells how to add it to yours. Agents that can reach
    the gateway may as well use its address with `/mcp`.
    """
    run(speak(gateway_of(server, api_key)), as_json=False)


async def speak(target: GatewayTarget) -> None:
    """Until the agent closes standard input."""
    async with target.reach() as gateway:
        await Bridge(gateway, write_line).run(stdin_lines())


class Bridge:
    """One client's messages, each answered as soon as its answer is there."""

    def __init__(self, gateway: Client, write: Callable[[Message], None]) -> None:
        self._gateway = gateway
        self._write = write
        self._under_way: dict[object, asyncio.Task[None]] = {}
        self._version: str | None = None
        """What was agreed on where messages do not name it themselves."""

    async def run(self, lines: AsyncIterator[bytes]) -> None:
        """Until there are no more lines; then soon nobody waits for an answer any more."""
        async for line in lines:
            self._take(line)
        if under_way := set(self._under_way.values()):
            _, late = await asyncio.wait(under_way, timeout=LAST_ANSWERS_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _take(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except ValueError:
            self._write(error_message(None, PARSE_ERROR, "this line is not JSON"))
            return
        if not isinstance(message, dict):
            self._write(error_message(None, INVALID_REQUEST, "a message is one JSON object"))
        elif "method" in message and "id" in message:
            key = json.dumps(message["id"])
            task = asyncio.create_task(self._answer(message))
            self._under_way[key] = task
            task.add_done_callback(lambda _: self._forget(key, task))
        elif message.get("method") == "notifications/cancelled":
            # To hang up tells the gateway, which keeps no sessions. The video goes on.
            cancelled = (message.get("params") or {}).get("requestId")
            if (under_way := self._under_way.get(json.dumps(cancelled))) is not None:
                under_way.cancel()

    def _forget(self, key: str, task: asyncio.Task[None]) -> None:
        if self._under_way.get(key) is task:
            del self._under_way[key]

    async def _answer(self, message: Message) -> None:
        own_id = {"id": message["id"]}
        try:
            headers = ACCEPTED | self._headers(message)
            async with self._gateway.message(message, headers) as response:
                async for part in messages_in(response):
                    self._note_version(message, part)
                    # What was refused unread has no id, and the client waits for its own.
                    self._write(part if part.get("id") or "method" in part else part | own_id)
        except CliError as error:
            told = error.message if isinstance(error, Refused) else f"{error.message}\n{ADVICE}"
            self._write(error_message(message["id"], INTERNAL_ERROR, told))

    def _headers(self, message: Message) -> dict[str, str]:
        """What a message's headers repeat of it."""
        params = message.get("params") or {}
        version = (params.get("_meta") or {}).get(VERSION_OF_MESSAGE)
        if version is None:
            agreed = None if message["method"] == "initialize" else self._version
            return {} if agreed is None else {"MCP-Protocol-Version": agreed}
        headers = {"MCP-Protocol-Version": str(version), "Mcp-Method": str(message["method"])}
        name = params.get(NAMED_BY.get(message["method"], ""))
        return headers if name is None else headers | {"Mcp-Name": str(name)}

    def _note_version(self, asked: Message, part: Message) -> None:
        if asked["method"] == "initialize" and isinstance(part.get("result"), dict):
            self._version = part["result"].get("protocolVersion")


async def messages_in(response: aiohttp.ClientResponse) -> AsyncIterator[Message]:
    """The messages of an answer: one, or with what comes before it.

    Raises:
        Refused: it holds none, but says what is wrong.
    """
    if response.status == HTTPStatus.OK and response.content_type == EVENT_STREAM:
        async for event in events_in(response):
            yield json.loads(event)
        return
    body = await decoded(response)
    if not isinstance(body, dict) or "jsonrpc" not in body:
        raise Refused(response.status, body, response.headers.get("Retry-After"))
    yield body


async def events_in(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The data of each event. aiohttp's own lines end at 128 kB, which a list of models exceeds."""
    buffer = bytearray()
    data: list[bytes] = []
    async for chunk in response.content.iter_any():
        buffer += chunk
        *lines, rest = buffer.split(b"\n")
        buffer = rest
        for line in lines:
            field, _, value = line.rstrip(b"\r").partition(b":")
            if field == b"data":
                data.append(bytes(value.removeprefix(b" ")))
            elif not field and not value and data:
                yield b"\n".join(data)
                data.clear()


def error_message(request_id: object, code: int, text: str) -> Message:
    return {"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": text}}


def write_line(message: Mapping[str, Any]) -> None:
    """Send a message to the client."""
    sys.stdout.buffer.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")
    sys.stdout.buffer.flush()


async def stdin_lines() -> AsyncIterator[bytes]:
    """The client's lines until it closes its end.

    Read by a thread of its own: standard input may be a file, which no event loop waits for, and
    a pool's thread would keep the program from ending.
    """
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[bytes] = asyncio.Queue()

    def read() -> None:
        for line in sys.stdin.buffer:
            loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(lines.put_nowait, b"")

    threading.Thread(target=read, name="stdin", daemon=True).start()
    while line := await lines.get():
        if line.strip():
            yield line
