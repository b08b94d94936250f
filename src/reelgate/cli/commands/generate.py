"""`reelgate generate`: a prompt in, an MP4 file out."""

import inspect
import json
import uuid
from typing import Annotated, Any

import typer

from reelgate.cli.app import command_app
from reelgate.cli.client import Client, RemoteVideo
from reelgate.cli.console import put, put_json
from reelgate.cli.download import choose_target
from reelgate.cli.exits import BY_CODE, CliError, ExitCode, run
from reelgate.cli.follow import FollowOptions, follow, report
from reelgate.cli.reach import (
    ApiKey,
    AsJson,
    Force,
    GatewayTarget,
    Output,
    Server,
    Timeout,
    gateway_of,
)
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
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what it would cost and take.")
    ] = False,
    as_json: AsJson = False,
    server: Server = None,
    api_key: ApiKey = None,
    **fields: Any,  # noqa: ANN401 - each of the type that its row says
) -> None:
    """Make a video and save it."""
    said = {name: value for name, value in fields.items() if value is not None}
    body = {"prompt": prompt, "model": model} | said
    if dry_run:
        run(show_estimate(gateway_of(server, api_key), body, as_json=as_json), as_json=as_json)
        return
    target = choose_target(output, prompt, force=force)
    options = FollowOptions(gateway_of(server, api_key), target, force, timeout_s)
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


async def show_estimate(target: GatewayTarget, body: dict[str, Any], *, as_json: bool) -> None:
    """Ask what it would cost and take, and tell that; end as the request itself would.

    Raises:
        CliError: the gateway's key may not have this video.
        Exit: likewise, where the answer has said so.
    """
    async with target.reach() as client:
        told = await client.estimate(body)
    refusal = told["refusal"]
    exit_code = ExitCode.OK if refusal is None else BY_CODE.get(refusal["code"], ExitCode.FAILED)
    if as_json:
        put_json(told)
        raise typer.Exit(exit_code)
    for line in estimate_of(told):
        put(line)
    if refusal is not None:
        raise CliError(refusal["message"], exit_code, code=refusal["code"])


def estimate_of(told: dict[str, Any]) -> list[str]:
    """An estimate in lines for people."""
    price, usd, times = told["price"], told["price_usd"], told["times"]
    cost = "nobody knows"
    if price is not None:
        cost = f"${price['amount']}" if price["unit"] == "usd" else f"{price['amount']} credits"
        same = f", ${usd}" if usd is not None and price["unit"] != "usd" else ""
        cost = f"{cost}{same} ({price['certainty']})"
    took = "nothing learned yet"
    if times is not None:
        took = f"{times['p10_s']:.0f} to {times['p90_s']:.0f} s, half by {times['p50_s']:.0f} s"
    elif told["typical_s"] is not None:
        took = "{:.0f} to {:.0f} s, as published".format(*told["typical_s"])
    lines = [f"{told['model']} at {told['provider']}", f"cost  {cost}", f"time  {took}"]
    lines += [f"without {each['param']}: {each['message']}" for each in told["warnings"]]
    if told["upstream_request"] is not None:
        lines.append(f"sent  {json.dumps(told['upstream_request'], ensure_ascii=False)}")
    return lines
