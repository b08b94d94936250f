"""`reelgate usage`: what was asked for and what it has cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer

from reelgate.cli.app import command_app
from reelgate.cli.console import put, put_json, say
from reelgate.cli.exits import CliError, ExitCode, run
from reelgate.cli.reach import ApiKey, GatewayTarget, Server, gateway_of

app = command_app()

GAP = "  "
NUMBERS = ("jobs", "completed", "failed", "credits", "usd", "unpriced")
DAY = "%Y-%m-%d"


@app.command(no_args_is_help=False)
def usage(
    *,
    since: Annotated[
        datetime | None, typer.Option(formats=[DAY], help="The first day; 30 days ago if none.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=[DAY], help="The last day; today if none.")
    ] = None,
    by: Annotated[
        str, typer.Option(help="Some of day, model, provider and key, with commas.")
    ] = "day,model,key",
    key: Annotated[str | None, typer.Option(help="Only this API key's: `key_...`.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    server: Server = None,
    api_key: ApiKey = None,
) -> None:
    """Show what videos have cost, by days of UTC; an operator's key sees everybody's."""
    if as_csv and as_json:
        message = "--csv and --json: use one of them"
        raise CliError(message, ExitCode.USAGE)
    query = {"by": by} | ({} if key is None else {"key": key})
    query |= {name: day.strftime(DAY) for name, day in (("since", since), ("until", until)) if day}
    target = gateway_of(server, api_key)
    run(show(target, query, as_csv=as_csv, as_json=as_json), as_json=as_json)


async def show(
    target: GatewayTarget, query: Mapping[str, str], *, as_csv: bool, as_json: bool
) -> None:
    """Ask, and print the answer."""
    async with target.reach() as client:
        if as_csv:
            for line in (await client.usage_csv(query)).splitlines():
                put(line)
            return
        told = await client.usage(query)
    if as_json:
        put_json(told)
        return
    for line in table_of(told["data"], told["total"]):
        put(line)
    if not told["data"]:
        say(f"Nothing was asked for from {told['since']} to {told['until']}.")


def table_of(lines: Sequence[Mapping[str, Any]], total: Mapping[str, Any]) -> list[str]:
    """Columns for people, numbers on the right, the sum at the end."""
    if not lines:
        return []
    names = [name for name in lines[0] if name not in NUMBERS and name != "key"]
    columns = (*names, *NUMBERS)
    whole = dict.fromkeys(names, " ") | dict.fromkeys(names[:1], "total") | dict(total)
    rows = [list(columns), *([text(line[name]) for name in columns] for line in (*lines, whole))]
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return [
        GAP.join(
            cell.ljust(width) if place < len(names) else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def text(value: object) -> str:
    """A cell."""
    if isinstance(value, float):
        return f"{value:.2f}"
    return "-" if value in (None, "") else str(value)
