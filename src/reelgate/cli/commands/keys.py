"""`reelgate keys`: who may use the gateway, and how much."""

import inspect
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from inspect import Parameter
from typing import Annotated, Any, TypeVar

import typer

from reelgate.cli.app import command_app
from reelgate.cli.console import put, put_json, say
from reelgate.cli.database import in_database
from reelgate.cli.exits import CliError, ExitCode
from reelgate.clock import SystemClock
from reelgate.db.api_keys import ApiKeys
from reelgate.domain.api_keys import (
    IN_DOLLARS,
    LIMITS,
    MOST,
    MOST_USD,
    USUAL_SCOPES,
    ApiKey,
    KeyStanding,
    Scope,
    allowance_of,
    key_object,
)
from reelgate.errors import InvalidRequest, KeyNotFound
from reelgate.service.keys import OVERLAP_S, Keys

T = TypeVar("T")

app = command_app()

WITHOUT_KEYS = {
    KeyStanding.NEVER: "There are no keys: the gateway is open to this machine.",
    KeyStanding.REVOKED: "Every key is revoked, so nobody may call the gateway: make a key with "
    "`reelgate keys create NAME`, or set REELGATE_ALLOW_OPEN=true to let everybody in.",
}
TIME = re.compile(r"([0-9]{1,6})(s|min|h|d)")
UNITS_S = {"s": 1, "min": 60, "h": 3600, "d": 86400}
LEAST_USD = 0.000001
EXPIRY = "expires_at"


def seconds(text: str) -> float:
    """A time as people write it, `30min`, `24h`, `90d`; `0` is none at all."""
    found = TIME.fullmatch(text)
    if found is None and text != "0":
        message = f"{text!r} is no time: write it like 30min, 24h or 90d"
        raise typer.BadParameter(message)
    return 0.0 if found is None else float(int(found[1]) * UNITS_S[found[2]])


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
KeyId = Annotated[str, typer.Argument(help="The key's id: `key_...`.")]
Scopes = Annotated[
    list[Scope] | None,
    typer.Option("--scope", help="What it is for; may be repeated. A new key's: make, read."),
]
ExpiresIn = Annotated[
    float | None,
    typer.Option(parser=seconds, metavar="TIME", help="When it stops working, such as 90d."),
]


def limit_parameter(name: str) -> Parameter:
    """A limit as an option of a command."""
    option: Any
    kind: Any = int
    option = typer.Option(min=1, max=MOST, metavar="N", help=LIMITS[name])
    if name in IN_DOLLARS:
        kind, option = (
            float,
            typer.Option(min=LEAST_USD, max=MOST_USD, metavar="USD", help=LIMITS[name]),
        )
    elif name == "models":
        kind, option = list[str], typer.Option("--model", help=f"{LIMITS[name]} May be repeated.")
    elif name == "allow_unpriced":
        flags = "--allow-unpriced/--refuse-unpriced"
        kind, option = bool, typer.Option(flags, help=LIMITS[name])
    return Parameter(
        name, Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
    )


def with_limits(command: Callable[..., None]) -> Callable[..., None]:
    """The command with an option for each limit."""
    signature = inspect.signature(command)
    *own, _ = signature.parameters.values()

    def called(*args: Any, **given: Any) -> None:  # noqa: ANN401 - see the signature
        command(*args, **given)

    # Typer reads the options of a command from its signature.
    parameters = [*own, *map(limit_parameter, LIMITS)]
    called.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    called.__doc__ = command.__doc__
    called.__name__ = command.__name__
    return called


def said(limits: dict[str, Any]) -> dict[str, Any]:
    """The limits that options name."""
    return {name: value for name, value in limits.items() if value not in (None, [])}


@app.callback()
def keys() -> None:
    """The API keys: create, list, change, rotate, revoke. Once there is one, it is asked for."""


@app.command()
@with_limits
def create(
    name: Annotated[str, typer.Argument(help="Whose key it is, for your own eyes.")],
    *,
    scope: Scopes = None,
    expires_in: ExpiresIn = None,
    as_json: AsJson = False,
    **limits: Any,  # noqa: ANN401 - each of the type that its option says
) -> None:
    """Make a key and show its secret, once."""
    check_name(name)
    scopes = frozenset(scope) if scope else USUAL_SCOPES
    expires_at = None if expires_in is None else time.time() + expires_in
    allowance = allowance_of(said(limits))
    key, secret = with_keys(lambda kept: kept.create(name, allowance, scopes, expires_at))
    show_secret(key, secret, as_json=as_json)


@app.command("list")
def list_keys(*, as_json: AsJson = False) -> None:
    """List the keys, without their secrets."""
    known = with_keys(lambda kept: kept.known())
    rows = [key_object(key) for key in known.by_digest.values()]
    if as_json:
        put_json({"data": rows})
        return
    for row in rows:
        put(f"{row['id']}\t{row['name']}\t{' '.join(row['scopes'])}\t{limits_of(row)}")
    if not rows:
        say(WITHOUT_KEYS[known.standing])


@app.command()
@with_limits
def change(
    key_id: KeyId,
    *,
    name: Annotated[str | None, typer.Option(help="Whose key it is.")] = None,
    scope: Scopes = None,
    expires_in: ExpiresIn = None,
    lift: Annotated[
        list[str] | None,
        typer.Option(metavar="LIMIT", help=f"A limit to take away: {EXPIRY}, {', '.join(LIMITS)}."),
    ] = None,
    as_json: AsJson = False,
    **limits: Any,  # noqa: ANN401 - as above
) -> None:
    """Change what a key may do; what is not named stays. Running gateways know within seconds."""
    check_name(name or "")
    told = said(limits) | lifted(lift or [])

    async def applied(kept: Keys) -> ApiKey:
        key = await kept.find(key_id)
        expires_at = None if EXPIRY in (lift or []) else key.expires_at
        return await kept.change(
            replace(
                key,
                name=name or key.name,
                scopes=frozenset(scope) if scope else key.scopes,
                allowance=allowance_of(told, key.allowance),
                expires_at=expires_at if expires_in is None else time.time() + expires_in,
            )
        )

    key = key_object(with_keys(applied))
    if as_json:
        put_json(key)
        return
    say(f"Key {key_id}: {' '.join(key['scopes'])}; {limits_of(key) or 'no limits'}.")


def lifted(names: list[str]) -> dict[str, Any]:
    """Limits that are taken away.

    Raises:
        CliError: one of them is none.
    """
    for name in names:
        if name not in (EXPIRY, *LIMITS):
            message = f"--lift {name!r} is no limit: use one of {EXPIRY}, {', '.join(LIMITS)}"
            raise CliError(message, ExitCode.USAGE)
    empty = {"models": (), "allow_unpriced": False}
    return {name: empty.get(name) for name in names if name != EXPIRY}


@app.command()
def rotate(
    key_id: KeyId,
    *,
    overlap: Annotated[
        float | None,
        typer.Option(
            parser=seconds,
            metavar="TIME",
            help="How long the secret before works, too; 24h where nothing is said.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Give a key another secret, and show it, once. A secret before the one before ends at once."""
    overlap_s = OVERLAP_S if overlap is None else overlap
    key, secret = with_keys(lambda kept: kept.rotate(key_id, overlap_s))
    show_secret(key, secret, as_json=as_json)


@app.command()
def revoke(key_id: KeyId) -> None:
    """Forget a key; running gateways do so within seconds. Its videos stay."""
    left = with_keys(lambda kept: kept.revoke(key_id))
    say(f"Key {key_id} is revoked.")
    if left is not KeyStanding.ACTIVE:
        say(WITHOUT_KEYS[KeyStanding.REVOKED])


def check_name(name: str) -> None:
    """Refuse a name that could steer somebody's terminal.

    Raises:
        CliError: it holds something that cannot be printed.
    """
    if not name.isprintable():
        message = "NAME holds something that cannot be printed: use letters, digits and blanks"
        raise CliError(message, ExitCode.USAGE)


def show_secret(key: ApiKey, secret: str, *, as_json: bool) -> None:
    """Print a secret, which nobody can show again."""
    if as_json:
        put_json(key_object(key) | {"key": secret})
        return
    put(secret)
    say(f"Key {key.id} for {key.name}. Its secret is shown only now. Clients send it as")
    say("`Authorization: Bearer rg_...`; OpenAI's SDKs take it as api_key.")


def limits_of(row: dict[str, Any]) -> str:
    """The limits that a key has, in one line."""
    told = {name: row[name] for name in (*LIMITS, EXPIRY) if row[name] not in (None, [], False)}
    return " ".join(f"{name}={value}" for name, value in told.items())


def with_keys(work: Callable[[Keys], Awaitable[T]]) -> T:
    """Do something with the keys in the gateway's database, whether or not it runs.

    Raises:
        CliError: there is no such key, or the database cannot be used.
    """

    async def translated(kept: Keys) -> T:
        try:
            return await work(kept)
        except KeyNotFound as error:
            message = f"{error.message}: `reelgate keys list` shows those there are"
            raise CliError(message, ExitCode.USAGE, code=error.code) from error
        except InvalidRequest as error:
            raise CliError(error.message, ExitCode.USAGE, code=error.code) from error

    return in_database(lambda database: translated(Keys(ApiKeys(database), SystemClock())))
