"""Whether a gateway may listen where it is told to, and what to say when it cannot."""

from __future__ import annotations

import errno
import socket
from enum import Enum

from reelgate.cli.exits import CliError, ExitCode
from reelgate.settings import Settings


class Access(Enum):
    """Who could use a gateway that listens as the settings say."""

    GUARDED = "guarded"  # this machine only, or callers with a key
    OPEN = "open"  # anybody who reaches it, and the settings allow that
    FORBIDDEN = "forbidden"  # anybody who reaches it, and nobody has allowed that


def may_listen(settings: Settings, *, has_keys: bool) -> Access:
    """Whether to listen: without keys only on loopback, unless the settings allow more."""
    if settings.is_loopback or has_keys:
        return Access.GUARDED
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
