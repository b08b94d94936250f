"""Follows one video to its end, across restarts of its gateway."""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from reelgate.cli.client import Client, RemoteVideo
from reelgate.cli.console import put, put_json, say
from reelgate.cli.download import Saved, download
from reelgate.cli.exits import CliError, ExitCode, Refused, Unreachable, exit_code_of, with_advice
from reelgate.cli.progress import Show, showing, step_of
from reelgate.cli.reach import GatewayTarget

RECONNECT_FOR_S = 30.0
"""How long a gateway may be unreachable, as during a restart."""
PAUSE_S = 1.0
MAX_ROUNDS = 30
"""Gateways that are there but break off again and again are given up as well."""
TEMPORARY = frozenset({429, 502, 503, 504})

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcome:
    """A completed video, and its file if it was saved."""

    video: RemoteVideo
    target: Path | None
    saved: Saved | None
    is_sandbox: bool


@dataclass(frozen=True, slots=True)
class FollowOptions:
    """Where to save the file, if at all, and how long to wait."""

    gateway: GatewayTarget
    target: Path | None
    force: bool = False
    timeout_s: float | None = None


@dataclass(slots=True)
class Follower:
    """One unfinished video, and what is known of it so far."""

    options: FollowOptions
    video: RemoteVideo
    seen_at: float = 0.0
    ends_at: float | None = None
    rounds: int = 0

    async def run_to_end(self, client: Client) -> Outcome:
        """Wait until the video is over, and save it where that is wanted.

        Raises:
            Unreachable: this gateway is gone; another may take over.
            CliError: the job failed, or cannot be followed.
        """
        with showing() as show:
            await self._until_over(client, show)
            if self.video.error_code is not None:
                raise job_failed(self.video)
            saved = await self._save(client, show)
        return Outcome(self.video, self.options.target, saved, is_sandbox=client.is_sandbox)

    async def _save(self, client: Client, show: Show) -> Saved | None:
        target = self.options.target
        if target is None:
            return None
        return await download(client, self.video.id, target, show, force=self.options.force)

    async def _until_over(self, client: Client, show: Show) -> None:
        while True:
            self.seen_at = asyncio.get_running_loop().time()
            show.update(step_of(self.video))
            if self.video.is_over:
                return
            await asyncio.sleep(client.poll_s)
            self.video = await temporary_is_unreachable(client.find(self.video.id))

    @property
    def is_given_up(self) -> bool:
        """Whether the gateway was unreachable for too long, or too often."""
        away_s = asyncio.get_running_loop().time() - self.seen_at
        return away_s > RECONNECT_FOR_S or self.rounds >= MAX_ROUNDS


async def temporary_is_unreachable(asking: Awaitable[T]) -> T:
    """The result; a temporary refusal counts as unreachable."""
    try:
        return await asking
    except Refused as error:
        if error.status in TEMPORARY:
            raise Unreachable(error.message) from error
        raise


async def follow(
    options: FollowOptions, begin: Callable[[Client], Awaitable[RemoteVideo]]
) -> Outcome:
    """Create or find a video, and follow it to its end.

    Raises:
        CliError: it failed, took too long, or was interrupted; the message says how to go on.
    """
    async with options.gateway.reach() as client:
        follower = Follower(options, await begin(client))
        announce(follower, client)
        if options.timeout_s is not None:
            follower.ends_at = asyncio.get_running_loop().time() + options.timeout_s
        async with resumable(follower), asyncio.timeout_at(follower.ends_at):
            with suppress(Unreachable):
                return await follower.run_to_end(client)
    return await follow_again(follower)


async def follow_again(follower: Follower) -> Outcome:
    """Follow it on whichever gateway is there now."""
    async with resumable(follower), asyncio.timeout_at(follower.ends_at):
        while True:
            follower.rounds += 1
            say("The gateway went away; looking for it.", "yellow")
            await asyncio.sleep(PAUSE_S)
            try:
                async with follower.options.gateway.reach() as client:
                    follower.video = await temporary_is_unreachable(client.find(follower.video.id))
                    return await follower.run_to_end(client)
            except Unreachable as error:
                if follower.is_given_up:
                    message = f"{error.message}\n{resume_hint(follower)}"
                    raise CliError(message, ExitCode.GATEWAY, code=error.code) from error


@asynccontextmanager
async def resumable(follower: Follower) -> AsyncIterator[None]:
    """Add the command that resumes to errors that end the wait."""
    try:
        yield
    except asyncio.CancelledError as error:
        message = f"Interrupted. {resume_hint(follower)}"
        # At once: an embedded gateway may take a moment to stop.
        say(message, "yellow")
        raise CliError(
            message, ExitCode.INTERRUPTED, video=follower.video.raw, was_said=True
        ) from error
    except TimeoutError as error:
        message = f"Not finished in {follower.options.timeout_s:g} s. {resume_hint(follower)}"
        raise CliError(message, ExitCode.TIMEOUT, video=follower.video.raw) from error


def announce(follower: Follower, client: Client) -> None:
    """Say which video it is, and that it is not a real one where that is so."""
    if client.is_sandbox:
        say(
            "SANDBOX: the gateway has no provider's credentials, so this is a test video made on "
            "its own machine, not a real one.",
            "yellow",
        )
    say(f"{follower.video.id}: {follower.video.text('model')}, {follower.video.frame}", "dim")


def job_failed(video: RemoteVideo) -> CliError:
    code = video.error_code or "upstream_failed"
    message = with_advice(f"{video.id} failed: {video.error_message}", code)
    return CliError(message, exit_code_of(code), code=code, video=video.raw)


def resume_hint(follower: Follower) -> str:
    """That nothing is lost, and the command that goes on with it."""
    gateway = follower.options.gateway
    words = ["reelgate", "videos", "wait", follower.video.id]
    if follower.options.target is not None:
        words += ["-o", str(follower.options.target)]
    if gateway.server is not None and "REELGATE_SERVER" not in os.environ:
        words += ["--server", gateway.server]
    goes_on = (
        "The job is kept: it goes on whenever a reelgate runs in this data folder."
        if gateway.is_here
        else "The job goes on at the gateway."
    )
    return f"{goes_on} Resume with:\n  {shlex.join(words)}"


MEGABYTE = 1_000_000


def report(outcome: Outcome, *, as_json: bool) -> None:
    """The file's path, or one JSON object, on standard output; the rest for the person."""
    say(" ".join(["Completed:", *facts(outcome)]), "green")
    if outcome.is_sandbox:
        say("This is a SANDBOX video, not a real one.", "yellow")
    elif url := outcome.video.ours.get("video_url"):
        say(f"It plays at {url}")
    if as_json:
        file = None if outcome.saved is None else file_json(outcome.saved)
        put_json({**outcome.video.raw, "sandbox": outcome.is_sandbox, "file": file})
    else:
        put(str(outcome.saved.path) if outcome.saved else outcome.video.id)


def facts(outcome: Outcome) -> list[str]:
    """What there is to know of the video, in words."""
    if outcome.saved is None:
        return [outcome.video.frame]
    size = f"({outcome.saved.size_bytes / MEGABYTE:.1f} MB)"
    words = [outcome.video.frame, size, f"saved as {outcome.saved.path}"]
    if outcome.saved.path != outcome.target:
        words.append("(the name had been taken meanwhile)")
    return words


def file_json(saved: Saved) -> dict[str, Any]:
    return {"path": str(saved.path.absolute()), "size_bytes": saved.size_bytes}
