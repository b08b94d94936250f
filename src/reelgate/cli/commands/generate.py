"""`reelgate generate`: a prompt in, an MP4 file out."""

import inspect
import uuid
from typing import Annotated, Any

import typer

from reelgate.cli.app import command_app
from reelgate.cli.client import Client, RemoteVideo
from reelgate.cli.download import choose_target
from reelgate.cli.exits import run
from reelgate.cli.follow import FollowOptions, follow, report
from reelgate.cli.reach import ApiKey, AsJson, Force, Output, Server, Timeout, gateway_of
from reelgate.cli.request_options import request_parameters
from reelgate.domain.fields import PROMPT
from reelgate.providers.registry import registered_models

app = command_app()
FIRST_MODEL = registered_models()[0].id


def generate(
    prompt: Annotated[str, typer.Argument(help=PROMPT.help)],
    *,
    output: Output = None,
    force: Force = False,
    model: Annotated[str, typer.Option(help="A model's id.")] = FIRST_MODEL,
    timeout_s: Timeout = None,
    as_json: AsJson = False,
    server: Server = None,
    api_key: ApiKey = None,
    **fields: Any,  # noqa: ANN401 - each of the type that its row says
) -> None:
    """Make a video and save it."""
    target = choose_target(output, prompt, force=force)
    options = FollowOptions(gateway_of(server, api_key), target, force, timeout_s)
    said = {name: value for name, value in fields.items() if value is not None}
    body = {"prompt": prompt, "model": model} | said
    run(make(options, body, as_json=as_json), as_json=as_json)


def with_request_options() -> Any:  # noqa: ANN401 - a command whose signature is known at runtime
    """The command with an option for each field that a registered model takes."""
    signature = inspect.signature(generate)
    *own, _ = signature.parameters.values()
    at = [parameter.name for parameter in own].index("model") + 1
    parameters = [*own[:at], *request_parameters(), *own[at:]]

    def command(**given: Any) -> None:  # noqa: ANN401 - see the signature
        generate(**given)

    # Typer reads the options of a command from its signature.
    command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return command


app.command(
    "generate",
    help=f"""Make a video and save it.

    The values shown are those of {FIRST_MODEL}, or else of the first model that takes an option;
    other models take their own, and a wrong one is refused before anything is paid for. Ctrl-C
    leaves the job intact.
    """,
)(with_request_options())


async def make(options: FollowOptions, body: dict[str, Any], *, as_json: bool) -> None:
    """Ask for the video, see it through, and tell where it is."""
    key = f"cli-{uuid.uuid4()}"

    async def begin(client: Client) -> RemoteVideo:
        return await client.create(body, key)

    report(await follow(options, begin), as_json=as_json)
