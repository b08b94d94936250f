"""`reelgate mcp`: the gateway's tools for an agent that starts programs."""

from __future__ import annotations

from reelgate.cli.app import command_app
from reelgate.cli.exits import run
from reelgate.cli.mcp_stdio import Bridge, stdin_lines, write_line
from reelgate.cli.reach import ApiKey, GatewayTarget, Server, gateway_of

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
