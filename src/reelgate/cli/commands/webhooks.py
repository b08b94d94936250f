"""`reelgate webhooks`: what was told to whom, and telling it again."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import typer

from reelgate.cli.app import command_app
from reelgate.cli.console import put, put_json, say
from reelgate.cli.database import in_database
from reelgate.cli.exits import CliError, ExitCode
from reelgate.db.webhook_log import Delivery, WebhookLog
from reelgate.db.webhooks import DeliveryState

T = TypeVar("T")

app = command_app()

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Url = Annotated[str | None, typer.Option(help="Only those to this endpoint.")]


@app.callback()
def webhooks() -> None:
    """The webhooks' log: list deliveries, send them again, switch an endpoint on again."""


@app.command("list")
def list_deliveries(
    *,
    state: Annotated[DeliveryState | None, typer.Option(help="Only those that stand so.")] = None,
    video: Annotated[str | None, typer.Option(help="Only those about this video.")] = None,
    url: Url = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List deliveries, newest first, and the endpoints that are switched off."""

    async def read(log: WebhookLog) -> tuple[list[Delivery], list[dict[str, Any]]]:
        found = await log.page(limit=limit, state=state, video_id=video, url=url)
        off = [
            {"url": each.url, "disabled_at": each.disabled_at, "reason": each.reason}
            for each in await log.switched_off()
        ]
        return found, off

    found, off = with_log(read)
    if as_json:
        put_json({"data": [as_dict(delivery) for delivery in found], "switched_off": off})
        return
    for delivery in found:
        put("\t".join(shown(value) for value in as_dict(delivery).values()))
    if not found:
        say("There are no deliveries.")
    for each in off:
        say(f"Switched off since {moment(each['disabled_at'])}: {each['url']} ({each['reason']})")
        say(f"  reelgate webhooks enable {each['url']}")


@app.command(no_args_is_help=False)
def redeliver(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Deliveries: `msg_...`.")
    ] = None,
    *,
    dead: Annotated[bool, typer.Option("--dead", help="All that were given up.")] = False,
    url: Url = None,
) -> None:
    """Send deliveries again, with the same id and body; a running gateway does so within 10 s."""
    if bool(ids) == dead:
        message = "say which: ids from `reelgate webhooks list`, or --dead for all given up"
        raise CliError(message, ExitCode.USAGE)
    state = DeliveryState.DEAD if dead else None
    queued = with_log(lambda log: log.redeliver(ids or (), state=state, url=url))
    missing = set(ids or ()) - set(queued)
    if missing:
        message = f"there is no delivery {', '.join(sorted(missing))}"
        raise CliError(message, ExitCode.USAGE)
    say(f"Queued again: {len(queued)}.")


@app.command()
def enable(
    url: Annotated[str, typer.Argument(help="The endpoint, as `reelgate webhooks list` shows it.")],
) -> None:
    """Switch on an endpoint that answered 410. What it missed: `redeliver --dead --url URL`."""
    if not with_log(lambda log: log.enable(url)):
        message = f"{url} is not switched off"
        raise CliError(message, ExitCode.USAGE)
    say(f"{url} is switched on again.")


def as_dict(delivery: Delivery) -> dict[str, str | int | float | None]:
    message = delivery.message
    is_pending = delivery.state is DeliveryState.PENDING
    return {
        "id": message.id,
        "event": message.event,
        "video": message.video_id,
        "state": delivery.state.value,
        "attempts": delivery.attempts,
        "created_at": delivery.created_at,
        "tried_at": delivery.tried_at,
        "due_at": delivery.due_at if is_pending else None,
        "status": delivery.status,
        "error": delivery.error,
        "url": message.url,
    }


def shown(value: str | float | None) -> str:
    """A field in a line: times as people read them."""
    if value is None:
        return "-"
    return moment(value) if isinstance(value, float) else str(value)


def moment(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def with_log(work: Callable[[WebhookLog], Awaitable[T]]) -> T:
    """Do something with the webhooks in the gateway's database, whether or not it runs.

    Raises:
        CliError: the database cannot be used.
    """
    return in_database(lambda database: work(WebhookLog(database)))
