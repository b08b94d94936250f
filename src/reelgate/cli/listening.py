"""Whether a gateway may listen where it is told to, and what it says when it is up."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from enum import Enum

from reelgate.cli.exits import CliError, ExitCode
from reelgate.domain.api_keys import KeyStanding
from reelgate.net.hosts import is_loopback
from reelgate.provider_settings import ProviderSettings
from reelgate.providers.registry import credential_variables, first_example
from reelgate.settings import Settings


class Access(Enum):
    """Who could use a gateway that listens as the settings say."""

    RESTRICTED = "restricted"  # this machine only, or callers with a key
    OPEN = "open"  # anybody who reaches it, and the settings allow that
    FORBIDDEN = "forbidden"  # anybody who reaches it, and nobody has allowed that


def may_listen(settings: Settings, *, has_keys: bool) -> Access:
    """Whether to listen: without keys only on loopback, unless the settings allow more."""
    if is_loopback(settings.host) or has_keys:
        return Access.RESTRICTED
    return Access.OPEN if settings.allow_open else Access.FORBIDDEN


def not_open(host: str) -> CliError:
    """The refusal to let anybody spend the account's credits."""
    message = (
        f"{host} can be reached from other machines, and no API key exists: anybody could spend "
        "your credits.\nListen on 127.0.0.1, or set REELGATE_ALLOW_OPEN=true if only people you "
        "trust can reach it."
    )
    return CliError(message, ExitCode.USAGE, code="open_gateway")


def cannot_listen(error: OSError, host: str, port: int) -> CliError:
    """Why an address cannot be listened on, and what to do about it."""
    if error.errno == errno.EADDRINUSE:
        message = (
            f"port {port} on {host} is taken: stop the other program, or choose another port "
            f"with --port {port + 1}"
        )
    elif error.errno == errno.EACCES:
        message = f"port {port} needs more rights: choose one above 1023 with --port"
    elif isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        message = f"{host!r} is not an address of this machine: choose another with --host"
    else:
        message = f"cannot listen on {host}, port {port}: {error}"
    return CliError(message, ExitCode.GATEWAY, code="cannot_listen")


WARN_BEFORE_S = 30 * 60.0
"""A token that dies sooner is worth a warning: a video may take minutes, and people go to lunch."""
MINUTE_S = 60
HOUR_S = 3600

CLOSED = (
    "CLOSED: every API key was revoked, so nobody may call. Make one with `reelgate keys create "
    "NAME`, or set REELGATE_ALLOW_OPEN=true."
)
WITH_KEY = "-H 'Authorization: Bearer rg_...' "
EXAMPLE = (
    "-H 'Content-Type: application/json' "
    '-d \'{"prompt": "cat eating hotdogs in a park", "duration": 5, "resolution": "720p"}\''
)

BannerLine = tuple[str, str]
"""A sentence and its style."""


def banner(
    settings: Settings, url: str, access: Access, keys: KeyStanding, now_s: float
) -> Iterator[BannerLine]:
    """The lines to show."""
    yield f"Reelgate listens on {url}", "bold green"
    yield f"  playground     {url}/", ""
    yield f"  documentation  {url}/docs", ""
    yield f"  data folder    {settings.data_dir.absolute()}", ""
    if not settings.configured:
        yield f"  provider       the built-in SANDBOX, {settings.sandbox_speed:g} times as fast", ""
        yield sandbox_line(), "bold yellow"
    for name, own in settings.configured.items():
        yield f"  provider       {own.title} ({own.address})", ""
        if own.is_signed_in:
            yield f"  credential     of `reelgate login {name}`; `reelgate doctor` tells more", ""
        else:
            yield token_line(own, own.credential_left_s(now_s))
    if access is Access.OPEN:
        yield "OPEN: anybody who reaches this address can spend your credits.", "bold yellow"
    closed = keys is KeyStanding.REVOKED and not settings.allow_open
    if closed:
        yield CLOSED, "bold yellow"
    # `rg_...` stands for a key: its secret is shown once, when it is made, and kept nowhere.
    example = WITH_KEY + EXAMPLE if closed or keys is KeyStanding.ACTIVE else EXAMPLE
    tried = next(iter(settings.configured.values()), None)
    model = tried.model_to_try if tried else first_example()
    yield "Try it:", ""
    yield f"  curl -X POST {url}/v1/{model}/generations {example}", ""


def sandbox_line() -> str:
    """What no credentials mean."""
    return (
        f"SANDBOX: no {credential_variables()} is set, so videos are test pictures made on this"
        " machine, not real ones."
    )


def token_line(own: ProviderSettings, left_s: float | None) -> BannerLine:
    """How long an account's credential is good for still."""
    if left_s is None:
        return "  token          set; it does not tell when it expires", ""
    if left_s <= 0:
        expired = f"The {own.title} token has EXPIRED: every video will fail. Put a new one in "
        return f"{expired}{own.credential} and start again.", "bold red"
    if left_s < WARN_BEFORE_S:
        soon = f"The {own.title} token expires in {span_text(left_s)}: get a new {own.credential}."
        return soon, "bold yellow"
    return f"  token          expires in {span_text(left_s)}", ""


def span_text(span_s: float) -> str:
    """A span of time in hours and minutes."""
    hours, minutes = divmod(int(span_s // MINUTE_S), HOUR_S // MINUTE_S)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
