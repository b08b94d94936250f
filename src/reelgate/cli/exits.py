"""How a command runs and ends: exit codes and the errors that lead to them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum
from types import MappingProxyType
from typing import Any

from reelgate.cli.console import put_json
from reelgate.errors import ReelgateError


class ExitCode(IntEnum):
    """What a command's exit code means; these numbers do not change."""

    OK = 0  # done
    FAILED = 1  # the job ended without a video, or the file could not be written
    USAGE = 2  # a value, setting or id that cannot be used; nothing was sent upstream
    CREDENTIALS = 3  # a provider's credentials or the gateway's key is not accepted
    CREDITS = 4  # the upstream account has no credits left
    BUSY = 5  # too many requests, here or upstream: waiting helps
    GATEWAY = 6  # the gateway cannot be reached or started, or made a mistake
    TIMEOUT = 7  # not finished in time
    INTERRUPTED = 130  # Ctrl-C: 128 + SIGINT, as shells have it


EPILOG = (
    "Exit codes: 0 done, 1 the job failed, 2 wrong usage or value, 3 credentials, 4 out of "
    "credits, 5 busy: try later, 6 gateway trouble, 7 not in time, 130 interrupted."
)

BY_CODE: Mapping[str, ExitCode] = MappingProxyType(
    {
        "invalid_request": ExitCode.USAGE,
        "model_not_found": ExitCode.USAGE,
        "video_not_found": ExitCode.USAGE,
        "request_too_large": ExitCode.USAGE,
        "uri_too_long": ExitCode.USAGE,
        "headers_too_large": ExitCode.USAGE,
        "request_timeout": ExitCode.TIMEOUT,
        "upstream_unauthorized": ExitCode.CREDENTIALS,
        "invalid_api_key": ExitCode.CREDENTIALS,
        "insufficient_scope": ExitCode.CREDENTIALS,
        "model_not_allowed": ExitCode.USAGE,
        "price_refused": ExitCode.USAGE,
        "key_not_found": ExitCode.USAGE,
        "foreign_origin": ExitCode.CREDENTIALS,
        "unknown_host": ExitCode.CREDENTIALS,
        "proxied_request": ExitCode.CREDENTIALS,
        "insufficient_credits": ExitCode.CREDITS,
        "rate_limited": ExitCode.BUSY,
        "overloaded": ExitCode.BUSY,
        "not_found": ExitCode.GATEWAY,
        "method_not_allowed": ExitCode.GATEWAY,
        "unsupported_media": ExitCode.GATEWAY,
        "shutting_down": ExitCode.GATEWAY,
        "internal_error": ExitCode.GATEWAY,
        "upstream_timeout": ExitCode.TIMEOUT,
    }
)
"""The exit code for each public error code that is not just a failed job."""

ADVICE: Mapping[str, str] = MappingProxyType(
    {
        "upstream_unauthorized": (
            "Put new credentials into the provider's settings where the gateway runs, start it "
            "again, and ask again."
        ),
        "invalid_api_key": "Put the gateway's key in REELGATE_API_KEY, or give --api-key.",
        "insufficient_credits": "Add credits to the upstream account, then ask again.",
        "rate_limited": "Wait a little, then ask again.",
        "overloaded": "Wait a little, then ask again.",
        "model_not_found": "Choose another --model.",
        "video_not_found": "`reelgate videos list` shows those there are.",
        "upstream_timeout": (
            "The upstream may still finish the video and charge for it: look in its own gallery "
            "before you ask again. A longer REELGATE_JOB_TIMEOUT_S waits longer."
        ),
    }
)
"""What a person can do about an error."""


VARIABLE = re.compile(r"\b[A-Z]+_[A-Z_]+\b|`reelgate login")
"""A message that names the setting to change, or the command to run, needs no advice."""


def exit_code_of(code: str) -> ExitCode:
    return BY_CODE.get(code, ExitCode.FAILED)


def with_advice(message: str, code: str) -> str:
    """The message, and what to do about it unless the message says so itself."""
    advice = ADVICE.get(code)
    if advice is None or (code == "upstream_unauthorized" and VARIABLE.search(message)):
        return message
    return f"{message}\n{advice}"


class CliError(Exception):
    """A command cannot be done; the message says what a person can do about it."""

    def __init__(
        self,
        message: str,
        exit_code: ExitCode,
        *,
        code: str | None = None,
        video: Mapping[str, Any] | None = None,
        was_said: bool = False,
    ) -> None:
        """`code` is for `--json`; `was_said` means that the message stands on the screen."""
        super().__init__(message)
        self.message = message
        self.exit_code = exit_code
        self.code = code or exit_code.name.lower()
        self.video = video
        self.was_said = was_said

    def as_json(self) -> dict[str, Any]:
        """What `--json` prints: the video object where there is one, and the error."""
        error = {"code": self.code, "message": self.message}
        return {**(self.video or {}), "error": error, "exit_code": int(self.exit_code)}


@contextmanager
def in_one_line() -> Iterator[None]:
    """Tell whatever goes wrong in the block as one sentence for a person, never as a traceback.

    Raises:
        CliError: instead of any other error.
    """
    try:
        yield
    except CliError:
        raise
    except ReelgateError as error:
        raise CliError(error.message, ExitCode.GATEWAY, code=error.code) from error
    except OSError as error:
        named = f"{error.filename}: " if error.filename else ""
        message = f"the gateway cannot work: {named}{error.strerror or error}"
        raise CliError(message, ExitCode.GATEWAY) from error
    except Exception as error:
        said = " ".join(str(error).split())
        message = f"the gateway cannot work: {type(error).__name__}: {said}"
        raise CliError(message, ExitCode.GATEWAY, code="internal_error") from error


QUERY_OPTIONS = {name: f"--{name}" for name in ("model", "limit", "after", "status")}
"""How the command line calls what is no field of a request."""


class Unreachable(CliError):
    """The gateway did not answer; asking again may help."""

    def __init__(self, message: str) -> None:
        super().__init__(message, ExitCode.GATEWAY, code="unreachable")


class Refused(CliError):
    """The gateway answered with an error."""

    def __init__(self, status: int, body: object, retry_after: str | None = None) -> None:
        """`body` is the decoded problem document, or anything else a server may send."""
        problem: dict[str, Any] = body if isinstance(body, dict) else {}
        error = problem.get("error")
        detail: dict[str, Any] = error if isinstance(error, dict) else {}
        code = str(detail.get("code") or "internal_error")
        message = "\n".join(sentences(problem)) or f"the gateway answered HTTP {status}"
        if retry_after:
            message += f"\nTry again in {retry_after} s."
        super().__init__(with_advice(message, code), exit_code_of(code), code=code)
        self.status = status


def sentences(problem: Mapping[str, Any]) -> Iterator[str]:
    """What a problem document says, field by field, in the command line's own names."""
    listed = problem.get("errors")
    entries = [entry for entry in listed if isinstance(entry, dict)] if listed else []
    names = option_names() if entries else {}
    for entry in entries:
        param = str(entry.get("param", ""))
        yield f"{names.get(param, param)}: {entry.get('message', '')}"
    if not entries and (detail := problem.get("detail")):
        yield str(detail)


def option_names() -> dict[str, str]:
    """How the command line calls what a request may hold."""
    # Read only to tell a refusal: it brings the models of every provider.
    from reelgate.cli import request_options  # noqa: PLC0415

    return QUERY_OPTIONS | request_options.option_names()


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
