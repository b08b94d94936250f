"""`reelgate videos`: the videos a gateway knows."""

import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from reelgate.cli.app import command_app
from reelgate.cli.client import Client, RemoteVideo
from reelgate.cli.console import programs, put, put_json, say
from reelgate.cli.download import choose_target, download
from reelgate.cli.exits import CliError, ExitCode, run
from reelgate.cli.follow import FollowOptions, Outcome, follow, job_failed, report
from reelgate.cli.listing import details_of, line_of, read_page, table_of
from reelgate.cli.progress import showing
from reelgate.cli.reach import (
    ApiKey,
    AsJson,
    Force,
    GatewayTarget,
    Output,
    Server,
    Timeout,
    VideoId,
    gateway_of,
)
from reelgate.cli.request_options import read_seconds
from reelgate.domain.video import is_video_id

app = command_app()


@app.callback()
def videos() -> None:
    """The videos a gateway knows: list, follow, fetch, change, cancel, delete."""


@app.command("list")
def list_videos(
    *,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many.")] = 20,
    after: Annotated[
        str | None, typer.Option(metavar="VIDEO_ID", help="Only those older than this one.")
    ] = None,
    status: Annotated[
        str | None, typer.Option(help="queued, in_progress, completed or failed.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Only those of this model.")] = None,
    key: Annotated[
        str | None,
        typer.Option(help="Only this API key's: `key_...`, or all; another's takes an operator's."),
    ] = None,
    as_json: AsJson = False,
    server: Server = None,
    api_key: ApiKey = None,
) -> None:
    """List videos, newest first; in a pipe, one line of tab-separated fields each."""
    asked = {"limit": str(limit), "after": after, "status": status, "model": model, "key": key}
    query = {key: value for key, value in asked.items() if value is not None}
    run(show_list(gateway_of(server, api_key), query, as_json=as_json), as_json=as_json)


@app.command()
def show(
    video_id: VideoId, *, as_json: AsJson = False, server: Server = None, api_key: ApiKey = None
) -> None:
    """Show one video."""
    run(show_one(gateway_of(server, api_key), video_id, as_json=as_json), as_json=as_json)


@app.command()
def wait(
    video_id: VideoId,
    *,
    output: Output = None,
    force: Force = False,
    timeout_s: Timeout = None,
    as_json: AsJson = False,
    server: Server = None,
    api_key: ApiKey = None,
) -> None:
    """Wait until a video is over; with -o, save it."""
    target = None if output is None else choose_target(output, video_id, force=force)
    options = FollowOptions(gateway_of(server, api_key), target, force, timeout_s)
    run(wait_for(options, video_id, as_json=as_json), as_json=as_json)


SourceVideo = Annotated[
    str,
    typer.Argument(
        metavar="VIDEO", help="A finished video's id, an https:// address, or a file of yours."
    ),
]
ChangePrompt = Annotated[str, typer.Argument(help="What is to become of it.")]
ChangeModel = Annotated[
    str | None,
    typer.Option(help="Who is to do it; if left out, who made it, or for others the default."),
]
ChangeDuration = Annotated[
    str | None,
    typer.Option(
        metavar="SECONDS", parser=read_seconds, help="How long the new part or video is, if told."
    ),
]


def change_command(operation: str) -> Callable[..., None]:
    """The command of one of the two routes that make a video of another one."""

    def command(
        video: Annotated[
            str,
            typer.Argument(help="A finished video's id, an https:// address, or a file of yours."),
        ],
        prompt: Annotated[str, typer.Argument(help="What is to become of it.")],
        *,
        output: Output = None,
        force: Force = False,
        model: Annotated[
            str | None,
            typer.Option(help="Who does it; if left out who made it, and for a file the default."),
        ] = None,
        duration: Annotated[
            str | None,
            typer.Option(
                metavar="SECONDS",
                parser=read_seconds,
                help="How many seconds are made; what the model makes if left out.",
            ),
        ] = None,
        timeout_s: Timeout = None,
        as_json: AsJson = False,
        server: Server = None,
        api_key: ApiKey = None,
    ) -> None:
        source, file = source_of(video)
        asked = {"prompt": prompt, "model": model, "seconds": duration, "video": source}
        body = {name: value for name, value in asked.items() if value is not None}
        target = choose_target(output, prompt, force=force)
        options = FollowOptions(gateway_of(server, api_key), target, force, timeout_s)
        run(change(options, operation, body, file, as_json=as_json), as_json=as_json)

    return command


app.command("edit", help="Change a video as a prompt says, and save what comes of it.")(
    change_command("edits")
)
app.command("extend", help="Let a video go on as a prompt says, and save what comes of it.")(
    change_command("extensions")
)


@app.command()
def cancel(
    video_id: VideoId, *, as_json: AsJson = False, server: Server = None, api_key: ApiKey = None
) -> None:
    """Stop a video; one that is over stays as it is."""
    run(cancel_one(gateway_of(server, api_key), video_id, as_json=as_json), as_json=as_json)


@app.command()
def reconcile(
    video_id: Annotated[
        str | None, typer.Argument(help="Which one; every failed one of the last day if left out.")
    ] = None,
    *,
    as_json: AsJson = False,
    server: Server = None,
    api_key: ApiKey = None,
) -> None:
    """Look whether failed videos were made after all: lost submits, and those that were late."""
    run(reconcile_some(gateway_of(server, api_key), video_id, as_json=as_json), as_json=as_json)


@app.command()
def delete(
    video_id: VideoId, *, as_json: AsJson = False, server: Server = None, api_key: ApiKey = None
) -> None:
    """Forget a video and its files at the gateway; one on its way is cancelled first."""
    run(delete_one(gateway_of(server, api_key), video_id, as_json=as_json), as_json=as_json)


@app.command("download")
def download_video(
    video_id: VideoId,
    *,
    output: Output = None,
    force: Force = False,
    as_json: AsJson = False,
    server: Server = None,
    api_key: ApiKey = None,
) -> None:
    """Save a finished video's file; a broken download goes on where it stopped."""
    options = FollowOptions(gateway_of(server, api_key), output, force)
    run(save(options, video_id, as_json=as_json), as_json=as_json)


async def show_list(gateway: GatewayTarget, query: dict[str, str], *, as_json: bool) -> None:
    async with gateway.reach() as client:
        page = await client.page(query)
    if as_json:
        put_json(page)
        return
    found = read_page(page)
    if programs.is_terminal:
        lines = table_of(found, width=programs.width, now=time.time())
    else:
        lines = [line_of(video) for video in found]
    for line in lines:
        put(line)
    if found and page.get("has_more"):
        say(f"There are more: --after {found[-1].id}", "dim")


async def show_one(gateway: GatewayTarget, video_id: str, *, as_json: bool) -> None:
    async with gateway.reach() as client:
        video = await client.find(video_id)
    if as_json:
        put_json(video.raw)
        return
    for name, value in details_of(video).items():
        put(f"{name + ':':<12} {value}")


async def wait_for(options: FollowOptions, video_id: str, *, as_json: bool) -> None:
    """Follow a video to its end."""

    async def begin(client: Client) -> RemoteVideo:
        return await client.find(video_id)

    outcome = await follow(options, begin)
    report(outcome, as_json=as_json)


def source_of(named: str) -> tuple[dict[str, str] | None, Path | None]:
    """The video that is meant: as a request names it, or a file to send.

    Raises:
        CliError: it is neither, and no file that can be read.
    """
    if is_video_id(named):
        return {"id": named}, None
    if "://" in named:
        return {"video_url": named}, None
    file = Path(named)
    try:
        file.open("rb").close()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        message = f"VIDEO {named!r} is no video's id and no address, and as a file: {reason}"
        raise CliError(message, ExitCode.USAGE) from error
    return None, file


async def change(
    options: FollowOptions,
    operation: str,
    body: Mapping[str, Any],
    file: Path | None,
    *,
    as_json: bool,
) -> None:
    """Ask for a video that is made of another one, see it through, and tell where it is."""
    key = f"cli-{uuid.uuid4()}"

    async def begin(client: Client) -> RemoteVideo:
        return await client.change(operation, body, file, key)

    report(await follow(options, begin), as_json=as_json)


async def save(options: FollowOptions, video_id: str, *, as_json: bool) -> None:
    """Save a finished video's file; without a target, under a name from its prompt."""
    async with options.gateway.reach() as client:
        video = await client.find(video_id)
        check_finished(video)
        target = choose_target(options.target, video.text("prompt"), force=options.force)
        with showing() as shown:
            saved = await download(client, video_id, target, shown, force=options.force)
        report(Outcome(video, target, saved, is_sandbox=client.is_sandbox), as_json=as_json)


def check_finished(video: RemoteVideo) -> None:
    """Refuse what has no file.

    Raises:
        CliError: it failed, or is on its way still.
    """
    if video.error_code is not None:
        raise job_failed(video)
    if not video.is_over:
        message = (
            f"{video.id} is not finished yet ({video.status}, {video.progress} %): "
            f"`reelgate videos wait {video.id} -o FILE` waits and saves it"
        )
        raise CliError(message, ExitCode.FAILED, code="video_not_ready", video=video.raw)


RECONCILED = frozenset({"submission_unknown", "upstream_bad_response", "upstream_timeout"})
"""Errors that may turn out to be none."""
DAY_S = 86400.0


async def reconcile_some(gateway: GatewayTarget, video_id: str | None, *, as_json: bool) -> None:
    """Ask for one, or for each that may have been made, and print how it stands then."""
    async with gateway.reach() as client:
        found = [video_id] if video_id is not None else await may_be_made(client)
        videos = [await client.reconcile(each) for each in found]
    if as_json:
        put_json({"object": "list", "data": [video.raw for video in videos]})
        return
    for video in videos:
        put(line_of(video))
        if video.error_message:
            put(f"  {video.error_message}")
    if not videos:
        put("There is none to look for.")


async def may_be_made(client: Client) -> list[str]:
    """The videos of the last day that failed and may have been made."""
    found: list[str] = []
    query, since = {"status": "failed", "limit": "100"}, time.time() - DAY_S
    while True:
        page = await client.page(query)
        videos = read_page(page)
        recent = [each for each in videos if float(each.raw.get("created_at") or 0) >= since]
        found += [each.id for each in recent if each.error_code in RECONCILED]
        if len(recent) < len(videos) or not page.get("has_more"):
            return found
        query["after"] = videos[-1].id


async def cancel_one(gateway: GatewayTarget, video_id: str, *, as_json: bool) -> None:
    """Cancel, and say what came of it."""
    async with gateway.reach() as client:
        video = await client.cancel(video_id)
    if as_json:
        put_json(video.raw)
    elif video.error_code == "cancelled":
        put(f"{video.id} is cancelled.")
    else:
        put(f"{video.id} was over already: {video.status}.")


async def delete_one(gateway: GatewayTarget, video_id: str, *, as_json: bool) -> None:
    """Delete, and say so."""
    async with gateway.reach() as client:
        answer = await client.delete(video_id)
    if as_json:
        put_json(answer)
    else:
        put(f"{video_id} is deleted.")
