"""`reelgate generate`: a prompt in, an MP4 file out."""

import uuid
from typing import Annotated, Any

import typer

from reelgate.cli.app import command_app
from reelgate.cli.client import Client, RemoteVideo
from reelgate.cli.download import choose_target
from reelgate.cli.exits import run
from reelgate.cli.follow import FollowOptions, follow, report
from reelgate.cli.reach import ApiKey, AsJson, Force, Output, Server, Timeout, gateway_of

app = command_app()


def read_duration(text: str) -> str:
    """Whole seconds or `auto`; which of them a model takes, the gateway knows."""
    if text == "auto" or (text.isascii() and text.isdigit()):
        return text
    message = f"{text!r} is not a whole number of seconds, nor auto"
    raise typer.BadParameter(message)


@app.command()
def generate(
    prompt: Annotated[str, typer.Argument(help="What the video shows: 1 to 2000 characters.")],
    *,
    output: Output = None,
    force: Force = False,
    model: Annotated[str, typer.Option(help="A model's id.")] = "imagine-text-to-video",
    duration: Annotated[
        str | None,
        typer.Option(metavar="SECONDS", parser=read_duration, help="5, 6 or 12 (default)."),
    ] = None,
    resolution: Annotated[str | None, typer.Option(help="720p or 1080p (default).")] = None,
    aspect_ratio: Annotated[
        str | None, typer.Option(help="16:9 (default), 9:16, 4:3 or 1:1.")
    ] = None,
    style_id: Annotated[int | None, typer.Option(help="The style's number.")] = None,
    enhance: Annotated[
        bool | None, typer.Option(help="Let the model improve the prompt; on by default.")
    ] = None,
    timeout_s: Timeout = None,
    as_json: AsJson = False,
    server: Server = None,
    api_key: ApiKey = None,
) -> None:
    """Make a video and save it.

    The values shown are those of imagine-text-to-video; other models take their own, and a
    wrong one is refused before anything is paid for. Ctrl-C leaves the job intact.
    """
    target = choose_target(output, prompt, force=force)
    order = {
        "prompt": prompt,
        "model": model,
        "duration": duration,
        "resolution": resolution,
        "aspect_ratio": aspect_ratio,
        "style_id": style_id,
        "is_enhance": enhance,
    }
    options = FollowOptions(gateway_of(server, api_key), target, force, timeout_s)
    given = {field: value for field, value in order.items() if value is not None}
    run(make(options, given, as_json=as_json), as_json=as_json)


async def make(options: FollowOptions, order: dict[str, Any], *, as_json: bool) -> None:
    """Ask for the video, see it through, and tell where it is."""
    key = f"cli-{uuid.uuid4()}"

    async def begin(client: Client) -> RemoteVideo:
        return await client.create(order, key)

    report(await follow(options, begin), as_json=as_json)
