"""`reelgate sandbox`: the stand-in for imagine.art, alone on a port."""

from pathlib import Path
from typing import Annotated, get_args

import typer

from reelgate.cli.app import command_app
from reelgate.cli.exits import CliError, ExitCode
from reelgate.cli.listening import cannot_listen
from reelgate.sandbox import Listing, SandboxOptions, run_sandbox

app = command_app()

LISTINGS: tuple[Listing, ...] = get_args(Listing)


@app.command(no_args_is_help=False)
def sandbox(
    *,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 9000,
    speed: Annotated[
        float, typer.Option(help="How many times faster than imagine.art it is.")
    ] = 20.0,
    seed: Annotated[int, typer.Option(help="Another seed draws other ready times.")] = 0,
    token: Annotated[
        str | None, typer.Option(help="The one bearer token it accepts; any when left out.")
    ] = None,
    account_credits: Annotated[
        int, typer.Option("--credits", min=0, help="What the account holds at the start.")
    ] = 1_000_000,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where jobs and clips survive a restart.")
    ] = None,
    render_workers: Annotated[int, typer.Option(min=1, help="Rendering processes at most.")] = 1,
    max_short_side_px: Annotated[
        int | None, typer.Option(min=32, help="Shrink every clip to this, for load tests.")
    ] = None,
    listing: Annotated[
        str, typer.Option(help="Its list of finished jobs: with markers, plain, or off.")
    ] = "markers",
) -> None:
    """Run a stand-in for imagine.art: real MP4s, but only test pictures with a watermark.

    A gateway uses it with IMAGINE_API_URL=http://127.0.0.1:9000/v1
    IMAGINE_ASSET_URL=http://127.0.0.1:9000/processed and anything as IMAGINE_TOKEN. Without a
    token `reelgate serve` brings one of its own.
    """
    try:
        options = SandboxOptions(
            host=host,
            port=port,
            speed=speed,
            seed=seed,
            token=token,
            credits=account_credits,
            data_dir=data_dir,
            render_workers=render_workers,
            max_short_side_px=max_short_side_px,
            listing=listing_of(listing),
        )
    except ValueError as error:
        raise CliError(f"{error}", ExitCode.USAGE) from error
    try:
        run_sandbox(options)
    except OSError as error:
        raise cannot_listen(error, host, port) from error


def listing_of(word: str) -> Listing:
    """The kind of list that a word names.

    Raises:
        ValueError: none is called so.
    """
    for listing in LISTINGS:
        if word == listing:
            return listing
    raise ValueError(f"--listing is one of {', '.join(LISTINGS)}, not {word!r}")
