"""`reelgate keys`: who may use the gateway."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from reelgate.cli.app import command_app
from reelgate.cli.console import put, put_json, say
from reelgate.cli.database import in_database
from reelgate.cli.exits import CliError, ExitCode
from reelgate.clock import SystemClock
from reelgate.db.api_keys import ApiKeys
from reelgate.domain.api_keys import (
    Allowance,
    ApiKey,
    KeyStanding,
    digest_of,
    new_key_id,
    new_secret,
)

T = TypeVar("T")

app = command_app()

WITHOUT_KEYS = {
    KeyStanding.NEVER: "There are no keys: the gateway is open to this machine.",
    KeyStanding.REVOKED: "Every key is revoked, so nobody may call the gateway: make a key with "
    "`reelgate keys create NAME`, or set REELGATE_ALLOW_OPEN=true to let everybody in.",
}

MOST = 2**31 - 1
"""What a column for an allowance holds."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def keys() -> None:
    """The API keys: create, list, revoke. Once there is one, the gateway asks for it."""


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose key it is, for your own eyes.")],
    *,
    rpm: Annotated[int | None, typer.Option(min=1, max=MOST, help="Requests a minute.")] = None,
    max_in_flight: Annotated[
        int | None, typer.Option(min=1, max=MOST, help="Videos under way.")
    ] = None,
    credits_per_day: Annotated[
        int | None, typer.Option(min=1, max=MOST, help="The provider's credits a day (UTC).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and show its secret, once."""
    if not name.isprintable():
        message = "NAME holds something that cannot be printed: use letters, digits and blanks"
        raise CliError(message, ExitCode.USAGE)
    secret = new_secret()
    allowance = Allowance(rpm, max_in_flight, credits_per_day)
    key = ApiKey(new_key_id(), name, allowance, SystemClock().now())
    with_keys(lambda kept: kept.add(key, digest_of(secret)))
    if as_json:
        put_json({"id": key.id, "name": name, "key": secret})
        return
    put(secret)
    say(f"Key {key.id} for {name}. Its secret is shown only now. Clients send it as")
    say("`Authorization: Bearer rg_...`; OpenAI's SDKs take it as api_key.")


@app.command("list")
def list_keys(*, as_json: AsJson = False) -> None:
    """List the keys, without their secrets."""
    known = with_keys(lambda kept: kept.known())
    rows = [as_dict(key) for key in known.by_digest.values()]
    if as_json:
        put_json({"data": rows})
        return
    for row in rows:
        put("\t".join("-" if value is None else str(value) for value in row.values()))
    if not rows:
        say(WITHOUT_KEYS[known.standing])


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(help="The key's id: `key_...`.")]) -> None:
    """Forget a key; running gateways do so within seconds. Its videos stay."""
    left = with_keys(lambda kept: revoked(kept, key_id))
    say(f"Key {key_id} is revoked.")
    if left is not KeyStanding.ACTIVE:
        say(WITHOUT_KEYS[KeyStanding.REVOKED])


async def revoked(kept: ApiKeys, key_id: str) -> KeyStanding:
    """Revoke a key; how the gateway stands without it.

    Raises:
        CliError: there is no such key.
    """
    if not await kept.revoke(key_id):
        message = f"there is no key {key_id!r}: `reelgate keys list` shows those there are"
        raise CliError(message, ExitCode.USAGE)
    return (await kept.known()).standing


def as_dict(key: ApiKey) -> dict[str, str | int | float | None]:
    return {
        "id": key.id,
        "name": key.name,
        "rpm": key.allowance.rpm,
        "max_in_flight": key.allowance.max_in_flight,
        "credits_per_day": key.allowance.credits_per_day,
        "created_at": key.created_at,
    }


def with_keys(work: Callable[[ApiKeys], Awaitable[T]]) -> T:
    """Do something with the keys in the gateway's database, whether or not it runs.

    Raises:
        CliError: the database cannot be used.
    """
    return in_database(lambda database: work(ApiKeys(database)))


async def standing(kept: ApiKeys) -> KeyStanding:
    """Whether there are keys, or were."""
    return (await kept.known()).standing
