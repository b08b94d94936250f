"""`reelgate login`: sign in at a provider once; the gateway renews what it gets."""

from __future__ import annotations

import asyncio
import sys
import threading
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Annotated

import typer

from reelgate.cli.app import command_app
from reelgate.cli.config import load_settings
from reelgate.cli.console import say
from reelgate.cli.database import opened
from reelgate.cli.exits import CliError, ExitCode, in_one_line
from reelgate.cli.loopback import free_address, listening
from reelgate.clock import SystemClock
from reelgate.db.credentials import Credentials
from reelgate.db.database import Database
from reelgate.domain.credentials import Credential
from reelgate.errors import UpstreamError, UpstreamUnauthorized
from reelgate.net.client import HttpClient
from reelgate.providers.registered import Registered
from reelgate.providers.registry import sign_ins
from reelgate.providers.signin import Attempt, Named, Places, SignIn, SignInFailed
from reelgate.runtime.signin import kept_credentials, sign_in_at
from reelgate.settings import Settings

app = command_app()

NO_FOLDER = "none"
ASK_TIMES = 3


@app.callback()
def login() -> None:
    """Sign in at a provider. What is got is kept encrypted in the database, and renewed."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the options say."""

    browser: bool
    org: str | None
    folder: str | None
    timeout_s: float


@dataclass(frozen=True, slots=True)
class There:
    """Where somebody signs in: the provider's account, and where its credential is kept."""

    account: str
    title: str
    sign_in: SignIn
    kept: Credentials


HELP = """Sign in at {title}, and choose the organisation and the folder for videos.

A gateway that runs on its sandbox notices at its next start; one that has a credential already
notices by itself."""


def command_for(name: str, known: Registered) -> Callable[..., None]:
    """The command for one provider."""

    def sign_in_there(
        *,
        no_browser: Annotated[
            bool,
            typer.Option(
                "--no-browser",
                help="For a machine without a browser: open the address elsewhere, and paste the "
                "address that it leads to.",
            ),
        ] = False,
        choose_folder: Annotated[
            bool,
            typer.Option(
                "--choose-folder",
                help="Keep the credential there is, and only choose organisation and folder.",
            ),
        ] = False,
        org: Annotated[
            str | None,
            typer.Option(metavar="ID", help="The organisation that pays; asked for else."),
        ] = None,
        folder: Annotated[
            str | None,
            typer.Option(
                metavar="ID",
                help="The folder for videos, or `none`: the workspace's root. Asked else.",
            ),
        ] = None,
        timeout: Annotated[
            float, typer.Option(min=1, metavar="SECONDS", help="How long to wait for the browser.")
        ] = 300.0,
    ) -> None:
        settings = load_settings()
        wanted = Wanted(not no_browser, org, folder, timeout)
        with in_one_line():
            asyncio.run(
                opened(
                    settings,
                    lambda database: at_provider(
                        name, known, settings, database, wanted, keep=choose_folder
                    ),
                )
            )

    return sign_in_there


def add_commands(group: typer.Typer) -> None:
    """A command for each provider at which people sign in."""
    for name, known in sign_ins().items():
        text = HELP.format(title=known.settings.title)
        group.command(name, help=text)(command_for(name, known))


add_commands(app)


async def at_provider(
    name: str,
    known: Registered,
    settings: Settings,
    database: Database,
    wanted: Wanted,
    *,
    keep: bool,
) -> None:
    """Sign in, or `keep` the credential there is, and choose where videos go."""
    clock = SystemClock()
    async with HttpClient(clock=clock) as http:
        there = There(
            name,
            known.settings.title,
            sign_in_at(name, known, settings, http, clock),
            kept_credentials(settings, database),
        )
        await (choose if keep else sign_in)(there, wanted)


async def sign_in(there: There, wanted: Wanted) -> None:
    """Get a credential, try it, choose where videos go, and keep everything."""
    with refusals_told():
        credential = await get_credential(there.sign_in, wanted)
    org, folder = await place_for(there, there.sign_in.places(credential), wanted)
    await there.kept.keep(with_place(credential, org, folder))
    say(f"Signed in at {there.title}; the gateway renews the credential from now on.", "bold green")
    tell_place(org, folder)
    say("`reelgate doctor` checks the rest. A gateway without an account so far: start it again.")


async def get_credential(sign_in: SignIn, wanted: Wanted) -> Credential:
    """Go through the sign-in, with the browser here or elsewhere."""
    if not wanted.browser:
        attempt = await sign_in.begin(free_address())
        return await sign_in.redeem(attempt, pasted_code(attempt))
    async with listening() as redirects:
        attempt = await sign_in.begin(redirects.uri)
        say(f"Open this address and sign in:\n{attempt.address}")
        # Some browsers' commands end only with the browser.
        threading.Thread(target=webbrowser.open, args=[attempt.address], daemon=True).start()
        try:
            code = await redirects.code(
                attempt.code_in, lambda why: say(why, "yellow"), wanted.timeout_s
            )
        except TimeoutError:
            message = (
                f"nobody signed in within {wanted.timeout_s:g} s: run it again, or with"
                " --no-browser where the browser is on another machine"
            )
            raise CliError(message, ExitCode.TIMEOUT) from None
        return await sign_in.redeem(attempt, code)


def pasted_code(attempt: Attempt) -> str:
    """The code in the address that a person pastes.

    Raises:
        CliError: what was pasted holds none.
    """
    say(
        "Open this address in a browser, on any machine, and sign in. It ends on a page that"
        f" cannot be shown: paste that page's address here.\n{attempt.address}"
    )
    why = "nothing was pasted"
    for _ in range(ASK_TIMES):
        say("Address:")
        line = sys.stdin.readline()
        if not line:
            break
        try:
            return attempt.code_in(line)
        except SignInFailed as error:
            why = error.message
            say(why, "yellow")
    raise CliError(f"not signed in: {why}", ExitCode.CREDENTIALS, was_said=False)


async def choose(there: There, wanted: Wanted) -> None:
    """Choose organisation and folder with the credential that there is."""
    async with there.sign_in.kept_places(there.kept) as places:
        org, folder = await place_for(there, places, wanted)
        await there.kept.choose(there.account, org.id, folder.id if folder else "")
    tell_place(org, folder)
    overridden = there.sign_in.place_in_settings
    if overridden:
        say(f"{' and '.join(overridden)} still go before what was chosen: remove them.", "yellow")


async def place_for(there: There, places: Places, wanted: Wanted) -> tuple[Named, Named | None]:
    """The organisation and folder, by the options or by asking; the token is tried by that.

    Raises:
        CliError: the token is refused there, or a choice is not on the list.
    """
    with refusals_told():
        orgs = await places.organisations()
        org = picked(orgs, wanted.org, "organisation", "--org", optional=False)
        if org is None:
            message = f"this account belongs to no organisation: make one at {there.title}"
            raise CliError(message, ExitCode.CREDENTIALS)
        folders = await places.folders(org.id)
    needs_folder = places.needs_folder
    folder = picked(folders, wanted.folder, "folder", "--folder", optional=not needs_folder)
    if folder is None and needs_folder:
        message = (
            "a web token needs a folder, and this organisation has none: make one at"
            f" {there.title}, and run this again"
        )
        raise CliError(message, ExitCode.USAGE)
    return org, folder


def picked(
    known: Sequence[Named], wanted: str | None, what: str, option: str, *, optional: bool
) -> Named | None:
    """One of a list: the one that is named, the only one, or the one that a person chooses.

    Raises:
        CliError: it is not on the list, or there is nobody to ask.
    """
    if wanted == NO_FOLDER and optional:
        return None
    if wanted is not None:
        found = next((each for each in known if wanted in {each.id, each.name}), None)
        if found is None:
            there_are = ", ".join(f"{each.id} ({each.name})" for each in known) or "none"
            message = f"{option} {wanted}: this account has no such {what}. There are: {there_are}"
            raise CliError(message, ExitCode.USAGE)
        return found
    if len(known) == 1 and not optional:
        return known[0]
    if not known or (optional and not sys.stdin.isatty()):
        return None
    if not sys.stdin.isatty():
        listed = "\n".join(f"  {each.id}  {each.name}" for each in known)
        message = f"choose the {what} with {option} ID:\n{listed}"
        raise CliError(message, ExitCode.USAGE)
    return asked(known, what, optional=optional)


def asked(known: Sequence[Named], what: str, *, optional: bool) -> Named | None:
    """What a person chooses."""
    if optional:
        say(f"  0  no {what}: the workspace's root")
    for index, each in enumerate(known, 1):
        say(f"  {index}  {each.name}  ({each.id})")
    lowest = 0 if optional else 1
    while True:
        number: int = typer.prompt(f"Which {what}", type=int, default=lowest, err=True)
        if lowest <= number <= len(known):
            return known[number - 1] if number else None
        say(f"A number from {lowest} to {len(known)}, please.", "yellow")


def with_place(credential: Credential, org: Named, folder: Named | None) -> Credential:
    """The credential with what was chosen."""
    return replace(credential, org_id=org.id, parent_id=folder.id if folder else "")


def tell_place(org: Named, folder: Named | None) -> None:
    """Say what was chosen."""
    say(f"  organisation  {org.name} ({org.id})")
    say(f"  folder        {f'{folder.name} ({folder.id})' if folder else 'the root'}")


@contextmanager
def refusals_told() -> Iterator[None]:
    """Tell an upstream's refusal with the exit code for credentials.

    Raises:
        CliError: instead of an `UpstreamError`.
    """
    try:
        yield
    except UpstreamUnauthorized as error:
        raise CliError(error.message, ExitCode.CREDENTIALS, code=error.code) from error
    except UpstreamError as error:
        advice = "Try again later; `reelgate doctor` shows which host does not answer."
        message = f"not signed in: {error.message}\n{advice}"
        raise CliError(message, ExitCode.GATEWAY, code=error.code) from error
