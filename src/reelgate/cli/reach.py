"""Finds the gateway a command talks to, by the options that commands share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import aiohttp
import typer

from reelgate.cli.client import Client, connect
from reelgate.cli.config import check_account, load_settings
from reelgate.cli.console import say
from reelgate.cli.exits import CliError, ExitCode, in_one_line
from reelgate.errors import StorageFailed
from reelgate.logs import configure_log
from reelgate.net.address import find_address
from reelgate.settings import Settings

HEALTH_TIMEOUT = aiohttp.ClientTimeout(total=5.0)
STARTING_S = 5.0
"""How long a gateway may hold the data folder before it leaves its address there."""
CHECK_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class GatewayTarget:
    """Where the person wants the work done; without a server, in the data folder."""

    server: str | None
    api_key: str | None

    @asynccontextmanager
    async def reach(self) -> AsyncIterator[Client]:
        """A client of the gateway.

        Raises:
            CliError: there is none and none can be started.
        """
        async with AsyncExitStack() as stack:
            url = self.server or await find_or_start(load_settings(), stack)
            yield await stack.enter_async_context(connect(url, self.api_key))

    @property
    def is_here(self) -> bool:
        """Whether the work is done in this user's data folder."""
        return self.server is None


async def find_or_start(settings: Settings, stack: AsyncExitStack) -> str:
    """The address of the gateway that works in the data folder, started here when there is none."""
    folder = settings.data_dir
    url = await running_in(folder)
    if url is not None:
        return url
    if not settings.configured and settings.sandbox == "off":
        settings = await read_sign_in(settings)
    check_account(settings)
    say(f"Starting a gateway in {folder.absolute()}", "dim")
    try:
        return await stack.enter_async_context(embedded_gateway(settings))
    except StorageFailed as error:
        url = await running_in(folder, wait_s=STARTING_S)
        if url is None:
            raise CliError(error.message, ExitCode.GATEWAY, code=error.code) from error
        return url
    except OSError as error:
        message = f"no gateway can work in {folder.absolute()}: {error}\nSet REELGATE_DATA_DIR."
        raise CliError(message, ExitCode.GATEWAY) from error


def embedded_gateway(settings: Settings) -> AbstractAsyncContextManager[str]:
    """A gateway in this process, on a free loopback port, with the jobs of the data folder.

    It logs warnings only: the person reads a progress bar.
    """
    from reelgate.runtime import server  # noqa: PLC0415 - the whole gateway: seconds of start-up

    configure_log("warning", settings.log_format, settings.secrets)
    loopback = {"host": "127.0.0.1", "port": 0, "public_url": ""}
    return server.running(settings.model_copy(update=loopback))


async def running_in(folder: Path, *, wait_s: float = 0.0) -> str | None:
    """The address of a gateway that is alive and at work in this folder."""
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + wait_s
    while True:
        url = find_address(folder)
        if url is not None and await is_gateway(url):
            return url
        if loop.time() >= ends_at:
            return None
        await asyncio.sleep(CHECK_EVERY_S)


async def is_gateway(url: str) -> bool:
    """Whether a gateway answers there."""
    try:
        async with (
            aiohttp.ClientSession(timeout=HEALTH_TIMEOUT) as session,
            session.get(f"{url}/health") as response,
        ):
            return "jobs_open" in await response.json()
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return False


def known_sign_in(settings: Settings) -> Settings:
    """The settings, which know whether somebody has signed in where they name no account.

    Raises:
        CliError: the database cannot be used.
    """
    if settings.configured:
        return settings
    with in_one_line():
        return asyncio.run(read_sign_in(settings))


async def read_sign_in(settings: Settings) -> Settings:
    """The same, for a program that runs already."""
    # The database takes long to load, and most commands do without it.
    from reelgate.cli.database import opened  # noqa: PLC0415
    from reelgate.runtime.signin import with_sign_in  # noqa: PLC0415

    return await opened(settings, lambda database: with_sign_in(settings, database))


Server = Annotated[
    str | None,
    typer.Option(
        envvar="REELGATE_SERVER",
        metavar="URL",
        help="The gateway to talk to. Without it: the one at work in the data folder, or one of "
        "this command's own.",
    ),
]
ApiKey = Annotated[
    str | None,
    typer.Option(
        envvar="REELGATE_API_KEY", show_envvar=True, metavar="KEY", help="The gateway's API key."
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on standard output at the end.")
]
Output = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FILE", help="The file to save.")
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite the file if it exists.")]
Timeout = Annotated[
    float | None,
    typer.Option(
        "--timeout", min=0, metavar="SECONDS", help="Stop waiting after so long; the job goes on."
    ),
]
VideoId = Annotated[str, typer.Argument(metavar="VIDEO_ID", help="`video_...`")]


def gateway_of(server: str | None, api_key: str | None) -> GatewayTarget:
    """Where the work is done; empty variables count as none."""
    return GatewayTarget(server or None, api_key or None)
