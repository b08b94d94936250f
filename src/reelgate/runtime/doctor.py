"""Looks at everything a gateway needs, and says of each what is wrong and what to do."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from sqlalchemy import Connection, select

from reelgate.clock import Clock, SystemClock
from reelgate.db.database import Database, open_database
from reelgate.db.migrate import newest_revision, revision_of
from reelgate.db.schema import webhook_endpoints
from reelgate.db.secret_box import SecretBox
from reelgate.domain.findings import Finding, Grade
from reelgate.errors import ReelgateError, UpstreamError, UpstreamUnauthorized
from reelgate.media.storage import open_storage
from reelgate.net.client import HttpClient
from reelgate.providers.base import CreditTeller, tells_credits
from reelgate.providers.registry import build_providers, login_command, registered, sign_ins
from reelgate.runtime.signin import kept_credentials, sign_in_at
from reelgate.settings import Settings

CHECK_TIMEOUT_S = 15.0


async def examine(settings: Settings, clock: Clock | None = None) -> list[Finding]:
    """Every finding, in the order in which they are best put right."""
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        found, database = await open_and_check(settings, stack)
        found += check_key(settings)
        found += await of_storage(settings)
        found += await of_webhooks(settings, database)
        http = await stack.enter_async_context(HttpClient(clock=clock))
        found += await balances(settings, http, clock)
        kept = None if database is None else kept_credentials(settings, database)
        of_accounts = [
            said
            for name, known in sign_ins().items()
            if known.examine is not None
            and (said := await known.examine(sign_in_at(name, known, settings, http, clock), kept))
        ]
        if not of_accounts:
            return [*found, sandboxed(settings)]
        return [*found, *(finding for said in of_accounts for finding in said)]


async def open_and_check(
    settings: Settings, stack: AsyncExitStack
) -> tuple[list[Finding], Database | None]:
    """The database, and whether it can be used; None where it cannot be asked anything."""
    advice = "See REELGATE_DATABASE_URL and REELGATE_DATA_DIR."
    try:
        if not settings.database_url and not settings.data_dir.is_dir():
            detail = f"there is none yet in {settings.data_dir}"
            remedy = f"`reelgate serve` or `{login_command()}` makes it."
            return [Finding("database", Grade.WARNING, detail, remedy)], None
        database = open_database(settings.database)
        stack.push_async_callback(database.close)
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            await database.probe()
            revision = await database.read(revision_of)
    except TimeoutError:
        detail = f"no answer within {CHECK_TIMEOUT_S:g} s"
        return [Finding("database", Grade.ERROR, detail, advice)], None
    except ReelgateError as error:
        return [Finding("database", Grade.ERROR, error.message, advice)], None
    if revision is None or revision < newest_revision():
        detail = (
            "its tables are missing" if revision is None else "its tables are of an older version"
        )
        remedy = "Run `reelgate migrate`, or start the gateway, which does so too."
        return [Finding("database", Grade.WARNING, detail, remedy)], None
    kind = "Postgres" if settings.shares_database else "SQLite"
    return [Finding("database", Grade.OK, f"{kind}, up to date")], database


def check_key(settings: Settings) -> list[Finding]:
    """The key that encrypts credentials."""
    box = SecretBox(settings.secret_key.get_secret_value(), settings.data_dir)
    try:
        box.check()
    except ReelgateError as error:
        return [Finding("secret key", Grade.ERROR, error.message)]
    return [Finding("secret key", Grade.OK, box.key_named)]


async def of_storage(settings: Settings) -> list[Finding]:
    """Whether finished videos can be kept."""
    if settings.keep == "off":
        return [Finding("storage", Grade.OK, "off: videos stay upstream")]
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            await open_storage(settings.storage).check()
    except (ReelgateError, ValueError, TimeoutError) as error:
        said = str(error) or f"no answer within {CHECK_TIMEOUT_S:g} s"
        remedy = "See REELGATE_STORAGE_URL, and the rights and credentials that it needs."
        return [Finding("storage", Grade.ERROR, said, remedy)]
    return [Finding("storage", Grade.OK, "finished videos can be kept")]


async def of_webhooks(settings: Settings, database: Database | None) -> list[Finding]:
    """Whether webhooks are sent, and to whom no more."""
    if not settings.webhook_keys:
        return [Finding("webhooks", Grade.OK, "off: REELGATE_WEBHOOK_SECRET is not set")]
    if database is None:
        return [Finding("webhooks", Grade.OK, "on")]
    switched_off = await database.read(disabled_hosts)
    if switched_off:
        detail = f"switched off after failures: {len(switched_off)} endpoint(s)"
        remedy = "`reelgate webhooks` shows them, and repeats what was missed."
        return [Finding("webhooks", Grade.WARNING, detail, remedy)]
    return [Finding("webhooks", Grade.OK, "on, no endpoint is switched off")]


def disabled_hosts(connection: Connection) -> list[str]:
    """The endpoints that are switched off."""
    return [str(url) for url in connection.scalars(select(webhook_endpoints.c.url))]


def sandboxed(settings: Settings) -> Finding:
    """There is no account at which people sign in."""
    login = f"Run `{login_command()}`."
    if settings.configured:
        none_of = ", ".join(known.settings.title for known in sign_ins().values())
        titles = ", ".join(own.title for own in settings.configured.values())
        detail = f"none of {none_of}'s web API; configured: {titles}, not examined here"
        return Finding("credential", Grade.OK, detail)
    if settings.sandbox == "off":
        detail = "there is none, and REELGATE_SANDBOX=off: the gateway does not start"
        return Finding("credential", Grade.ERROR, detail, login)
    detail = "there is none: the gateway runs on its sandbox, and makes test pictures"
    return Finding("credential", Grade.WARNING, detail, login)


async def balances(settings: Settings, http: HttpClient, clock: Clock) -> list[Finding]:
    """What is left on each account that tells it, which proves its key too.

    Where people sign in, the provider's own checks tell it.
    """
    accounts = build_providers(http, settings, clock)
    tell = [
        each
        for name, each in accounts.items()
        if tells_credits(each) and registered(name, settings.providers[name]).examine is None
    ]
    return list(await asyncio.gather(*map(balance_finding, tell)))


async def balance_finding(account: CreditTeller) -> Finding:
    """How many credits one account has left."""
    check = f"credits of {account.name}"
    try:
        left = await account.credits_left()
    except UpstreamError as error:
        grade = Grade.ERROR if isinstance(error, UpstreamUnauthorized) else Grade.WARNING
        return Finding(check, grade, f"cannot be looked up: {error.message}")
    if left is None:
        return Finding(check, Grade.WARNING, "not told")
    if left <= 0:
        return Finding(check, Grade.ERROR, "none left", "Buy more there.")
    return Finding(check, Grade.OK, f"{left} left")
