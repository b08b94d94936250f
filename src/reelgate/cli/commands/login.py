"""`reelgate login`: sign in at a provider once; the gateway renews what it gets."""

from __future__ import annotations

import asyncio
import sys
import threading
import webbrowser
from collections.abc import Iterator
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
from reelgate.db.database import Database
from reelgate.domain.credentials import Credential
from reelgate.errors import UpstreamError, UpstreamUnauthorized
from reelgate.net.client import HttpClient
from reelgate.providers.imagine import oauth
from reelgate.providers.imagine.account import AccountLookUps, Named
from reelgate.providers.imagine.credentials import Credentials, TokenCredentials
from reelgate.providers.imagine.token_requests import Renewed
from reelgate.runtime.signin import ACCOUNT, ImagineSetup, kept_credentials, opened_credentials
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


@app.command()
def imagine(
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
        str | None, typer.Option(metavar="ID", help="The organisation that pays; asked for else.")
    ] = None,
    folder: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="The folder for videos, or `none`: the workspace's root. Asked else."
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="How long to wait for the browser.")
    ] = 300.0,
) -> None:
    """Sign in at imagine.art, and choose the organisation and the folder for videos.

    A gateway that runs on its sandbox notices at its next start; one that has a credential already
    notices by itself.
    """
    settings = load_settings()
    wanted = Wanted(not no_browser, org, folder, timeout)
    work = choose if choose_folder else sign_in
    with in_one_line():
        asyncio.run(opened(settings, lambda database: work(settings, database, wanted)))


async def sign_in(settings: Settings, database: Database, wanted: Wanted) -> None:
    """Get a token, try it, choose where videos go, and keep everything."""
    setup = ImagineSetup.in_(settings)
    clock = SystemClock()
    async with HttpClient(clock=clock) as http:
        with refusals_told():
            renewed = await get_token(http, setup, wanted)
        credential = oauth.credential_of(ACCOUNT, renewed, clock.now())
        token = TokenCredentials(renewed.tokens.access, clock)
        org, folder = await place_for(http, setup, token, wanted, needs_folder=False)
        kept = kept_credentials(settings, database)
        await kept.keep(with_place(credential, org, folder))
    say("Signed in at imagine.art; the gateway renews the credential from now on.", "bold green")
    tell_place(org, folder)
    say("`reelgate doctor` checks the rest. A gateway without an account so far: start it again.")


async def get_token(http: HttpClient, setup: ImagineSetup, wanted: Wanted) -> Renewed:
    """Go through the sign-in, with the browser here or elsewhere."""
    server = await oauth.discover(http, setup.mcp_url)
    if not wanted.browser:
        attempt = await oauth.begin(http, server, free_address(), resource_of(setup))
        return await oauth.redeem(http, attempt, pasted_code(attempt), SystemClock())
    async with listening() as redirects:
        attempt = await oauth.begin(http, server, redirects.uri, resource_of(setup))
        say(f"Open this address and sign in:\n{attempt.address}")
        # Some browsers' commands end only with the browser.
        threading.Thread(target=webbrowser.open, args=[attempt.address], daemon=True).start()
        try:
            code = await redirects.code(
                lambda address: oauth.code_in(attempt, address),
                lambda why: say(why, "yellow"),
                wanted.timeout_s,
            )
        except TimeoutError:
            message = (
                f"nobody signed in within {wanted.timeout_s:g} s: run it again, or with"
                " --no-browser where the browser is on another machine"
            )
            raise CliError(message, ExitCode.TIMEOUT) from None
        return await oauth.redeem(http, attempt, code, SystemClock())


def resource_of(setup: ImagineSetup) -> str:
    """What the token is for (RFC 8707)."""
    return f"{setup.mcp_url.rstrip('/')}/"


def pasted_code(attempt: oauth.Attempt) -> str:
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
            return oauth.code_in(attempt, line)
        except oauth.SignInFailed as error:
            why = error.message
            say(why, "yellow")
    raise CliError(f"not signed in: {why}", ExitCode.CREDENTIALS, was_said=False)


async def choose(settings: Settings, database: Database, wanted: Wanted) -> None:
    """Choose organisation and folder with the credential that there is."""
    setup = ImagineSetup.in_(settings)
    kept = kept_credentials(settings, database)
    async with (
        HttpClient() as http,
        opened_credentials(setup, kept, http) as credentials,
    ):
        needs = credentials.needs_parent
        org, folder = await place_for(http, setup, credentials, wanted, needs_folder=needs)
        await kept.choose(ACCOUNT, org.id, folder.id if folder else "")
    tell_place(org, folder)
    overridden = [
        name
        for name, value in (
            ("IMAGINE_ORG_ID", setup.org_id),
            ("IMAGINE_PARENT_ID", setup.parent_id),
        )
        if value
    ]
    if overridden:
        say(f"{' and '.join(overridden)} still go before what was chosen: remove them.", "yellow")


async def place_for(
    http: HttpClient,
    setup: ImagineSetup,
    credentials: Credentials,
    wanted: Wanted,
    *,
    needs_folder: bool,
) -> tuple[Named, Named | None]:
    """The organisation and folder, by the options or by asking; the token is tried by that.

    Raises:
        CliError: the token is refused there, or a choice is not on the list.
    """
    look_ups = AccountLookUps(http, setup.api_url, setup.team_url, credentials)
    with refusals_told():
        try:
            orgs = await look_ups.organisations()
        except UpstreamUnauthorized as error:
            if isinstance(credentials, TokenCredentials):
                raise refused_there(error) from error
            raise
        org = picked(orgs, wanted.org, "organisation", "--org", optional=False)
        if org is None:
            message = "this account belongs to no organisation: make one at imagine.art"
            raise CliError(message, ExitCode.CREDENTIALS)
        folders = await look_ups.folders(org.id)
    folder = picked(folders, wanted.folder, "folder", "--folder", optional=not needs_folder)
    if folder is None and needs_folder:
        message = (
            "a web token needs a folder, and this organisation has none: make one at imagine.art,"
            " and run this again"
        )
        raise CliError(message, ExitCode.USAGE)
    return org, folder


def refused_there(error: UpstreamUnauthorized) -> CliError:
    """The token was got, and is of no use: the contract's other door."""
    return CliError(
        f"imagine.art signed you in, but its team API refuses the token: {error.message}\nSo no"
        " video could be made with it, and nothing was kept. Use a web session's token instead:"
        " put it in IMAGINE_TOKEN, and its refresh token in IMAGINE_REFRESH_TOKEN, so that the"
        " gateway renews it.",
        ExitCode.CREDENTIALS,
        code="upstream_unauthorized",
    )


def picked(
    known: list[Named], wanted: str | None, what: str, option: str, *, optional: bool
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


def asked(known: list[Named], what: str, *, optional: bool) -> Named | None:
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
