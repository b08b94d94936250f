"""Runs a command's coroutine, and reports its end to programs where they asked for JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from reelgate.cli.console import put_json
from reelgate.cli.exits import CliError, ExitCode
from reelgate.errors import ReelgateError

BEFORE_THE_JOB = "Interrupted. If a job was made by then, `reelgate videos list` shows it."


def run(main: Coroutine[Any, Any, None], *, as_json: bool) -> None:
    """Run to the end.

    Raises:
        CliError: with `as_json` it has been printed as an object as well.
    """
    try:
        asyncio.run(translated(main))
    except CliError as error:
        if as_json:
            put_json(error.as_json())
        raise
    except KeyboardInterrupt:
        interrupted = CliError(BEFORE_THE_JOB, ExitCode.INTERRUPTED)
        if as_json:
            put_json(interrupted.as_json())
        raise interrupted from None


async def translated(main: Coroutine[Any, Any, None]) -> None:
    """The same, with the gateway's own errors as those of the command line."""
    try:
        await main
    except ReelgateError as error:
        raise CliError(error.message, ExitCode.GATEWAY, code=error.code) from error
