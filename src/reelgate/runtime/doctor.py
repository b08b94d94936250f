"""Looks at everything a gateway needs, and says of each what is wrong and what to do."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, select

from reelgate.clock import Clock, SystemClock
from reelgate.db.credentials import Credentials as KeptCredentials
from reelgate.db.database import Database, open_database
from reelgate.db.migrate import newest_revision, revision_of
from reelgate.db.schema import webhook_endpoints
from reelgate.db.secret_box import SecretBox
from reelgate.domain.credentials import CredentialKind
from reelgate.errors import ReelgateError, UpstreamError, UpstreamUnauthorized
from reelgate.media.storage import open_storage
from reelgate.net.client import Answer, HttpClient
from reelgate.providers.api import ApiProvider
from reelgate.providers.base import CreditTeller, tells_credits
from reelgate.providers.errors import http_date_s
from reelgate.providers.expiry import moment
from reelgate.providers.imagine.account import AccountLookUps
from reelgate.providers.imagine.credentials import (
    NO_FOLDER,
    RENEW,
    Credentials,
    TokenCredentials,
    problem_of,
)
from reelgate.providers.imagine.tokens import RenewedCredentials, UnusableCredentials
from reelgate.providers.registry import build_providers
from reelgate.runtime.signin import ACCOUNT, ImagineSetup, choose_credentials
from reelgate.settings import Settings

HOST_TIMEOUT_S = 10.0
CHECK_TIMEOUT_S = 15.0
SKEW_S = 30.0
WRONG_S = 300.0
SOON_S = 3600.0
LOGIN = "Run `reelgate login imagine`."
CHOOSE = "Run `reelgate login imagine --choose-folder`."


class Grade(StrEnum):
    """How a check came out."""

    OK = "ok"  # nothing to do
    WARNING = "warning"  # works, and something should be done
    ERROR = "error"  # videos cannot be made or kept


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it is, and what to do where something is wrong."""

    check: str
    grade: Grade
    detail: str
    remedy: str = ""


Check = Callable[[], AsyncIterator[Finding]]


@dataclass(frozen=True, slots=True)
class AccountChecks:
    """What is asked with the credential."""

    setup: ImagineSetup
    credentials: Credentials
    look_ups: AccountLookUps


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
        setup = ImagineSetup.in_(settings)
        credentials = await credentials_of(settings, setup, database, http, clock)
        if isinstance(credentials, RenewedCredentials):
            stack.push_async_callback(credentials.close)
        if credentials is None:
            return [*found, sandboxed(settings)]
        of_account, of_hosts = await asyncio.gather(
            account_findings(http, setup, credentials, clock), host_findings(http, setup, clock)
        )
        return [*found, *of_hosts, *of_account]


async def open_and_check(
    settings: Settings, stack: AsyncExitStack
) -> tuple[list[Finding], Database | None]:
    """The database, and whether it can be used; None where it cannot be asked anything."""
    advice = "See REELGATE_DATABASE_URL and REELGATE_DATA_DIR."
    try:
        if not settings.database_url and not settings.data_dir.is_dir():
            detail = f"there is none yet in {settings.data_dir}"
            remedy = "`reelgate serve` or `reelgate login imagine` makes it."
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


async def credentials_of(
    settings: Settings,
    setup: ImagineSetup,
    database: Database | None,
    http: HttpClient,
    clock: Clock,
) -> Credentials | None:
    """The credential that a gateway would use; None where it would run on its sandbox."""
    if database is None:
        if not (setup.token or setup.refresh_token):
            return None
        return TokenCredentials(setup.token, clock, needs_parent=True)
    box = SecretBox(settings.secret_key.get_secret_value(), settings.data_dir)
    kept = KeptCredentials(database, box)
    signed_in = await kept.kind_of(ACCOUNT) is CredentialKind.OAUTH
    if not (signed_in or setup.token or setup.refresh_token):
        return None
    return await choose_credentials(setup, kept, http, clock)


def sandboxed(settings: Settings) -> Finding:
    """There is no account."""
    if settings.configured:
        titles = ", ".join(own.title for own in settings.configured.values())
        detail = f"none of imagine.art's web API; configured: {titles}, not examined here"
        return Finding("credential", Grade.OK, detail)
    if settings.sandbox == "off":
        detail = "there is none, and REELGATE_SANDBOX=off: the gateway does not start"
        return Finding("credential", Grade.ERROR, detail, LOGIN)
    detail = "there is none: the gateway runs on its sandbox, and makes test pictures"
    return Finding("credential", Grade.WARNING, detail, LOGIN)


async def host_findings(http: HttpClient, setup: ImagineSetup, clock: Clock) -> list[Finding]:
    """Whether each host answers, whatever it says, and whether our clock is right."""
    hosts = {
        "IMAGINE_API_URL": setup.api_url,
        "IMAGINE_ASSET_URL": setup.asset_url,
        "IMAGINE_AUTH_URL": setup.auth_url,
        "IMAGINE_TEAM_URL": setup.team_url,
        "IMAGINE_MCP_URL": setup.mcp_url,
    }
    answers = await asyncio.gather(*(ask(http, url) for url in hosts.values()))
    told = zip(hosts.items(), answers, strict=True)
    return [
        *(host_finding(name, url, answer) for (name, url), answer in told),
        clock_finding([each for each in answers if isinstance(each, Answer)], clock),
    ]


async def ask(http: HttpClient, url: str) -> Answer | UpstreamError:
    """A host's answer, or why there is none."""
    try:
        return await http.request("GET", url, timeout_s=HOST_TIMEOUT_S)
    except UpstreamError as error:
        return error


def host_finding(name: str, url: str, answer: Answer | UpstreamError) -> Finding:
    """Whether a host answers; any answer will do, for a base address is nobody's."""
    check = f"host {url}"
    if isinstance(answer, Answer):
        return Finding(check, Grade.OK, f"answers (HTTP {answer.status})")
    remedy = f"See the network, DNS and proxies of this machine, and {name}."
    return Finding(check, Grade.ERROR, answer.message, remedy)


def clock_finding(answers: list[Answer], clock: Clock) -> Finding:
    """How far our clock is from the hosts'; the least difference counts, for answers take time."""
    told = [
        clock.now() - at_s
        for answer in answers
        if (at_s := http_date_s(answer.headers.get("Date", ""))) is not None
    ]
    if not told:
        return Finding("clock", Grade.WARNING, "no host tells the time", "Compare it yourself.")
    off_s = min(told, key=abs)
    ahead = "ahead of" if off_s > 0 else "behind"
    detail = f"{abs(off_s):.0f} s {ahead} imagine.art's"
    remedy = "Set this machine's clock (NTP): tokens end by it."
    if abs(off_s) > WRONG_S:
        return Finding("clock", Grade.ERROR, detail, remedy)
    if abs(off_s) > SKEW_S:
        return Finding("clock", Grade.WARNING, detail, remedy)
    return Finding("clock", Grade.OK, "right")


async def account_findings(
    http: HttpClient, setup: ImagineSetup, credentials: Credentials, clock: Clock
) -> list[Finding]:
    """The credential, and what it is good for."""
    found = [await credential_finding(setup, credentials, clock)]
    account = setup.account(credentials)
    if found[0].grade is Grade.ERROR:
        return [*found, *missing_folder(setup, credentials)]
    look_ups = AccountLookUps(http, setup.api_url, setup.team_url, credentials)
    try:
        known = {each.id: each.name for each in await look_ups.organisations()}
    except UpstreamUnauthorized as error:
        refused = Finding("credential", Grade.ERROR, error.message, LOGIN)
        return [refused, *missing_folder(setup, credentials)]
    except UpstreamError as error:
        unknown = Finding("organisation", Grade.ERROR, error.message, "Try again later.")
        return [*found, unknown, *missing_folder(setup, credentials)]
    try:
        org_id = account.organisation()
    except UpstreamError as error:
        wrong = Finding("organisation", Grade.ERROR, error.message, CHOOSE)
        return [*found, wrong, *missing_folder(setup, credentials)]
    found.append(organisation_finding(org_id, known, credentials))
    if found[-1].grade is Grade.ERROR:
        return [*found, *missing_folder(setup, credentials)]
    found.append(await folder_finding(look_ups, org_id, setup, credentials))
    found.append(await credits_finding(look_ups, org_id))
    return found


async def credential_finding(
    setup: ImagineSetup, credentials: Credentials, clock: Clock
) -> Finding:
    """Which credential it is, and when it ends."""
    check = "credential"
    if isinstance(credentials, UnusableCredentials):
        return Finding(check, Grade.ERROR, credentials.told())
    if isinstance(credentials, TokenCredentials):
        return token_finding(setup, credentials, clock)
    try:
        await credentials.bearer()
    except UpstreamError as error:
        return Finding(check, Grade.ERROR, error.message, LOGIN)
    end = credentials.expiry
    what = name_of(credentials)
    if end is not None and (end.is_over or end.is_near):
        grade = Grade.ERROR if end.is_over else Grade.WARNING
        return Finding(check, grade, f"{what}: {end.told()}", LOGIN)
    left_s = math.inf if end is None else end.left_s
    until = "" if math.isinf(left_s) else f" until {moment(clock.now() + left_s)}"
    return Finding(check, Grade.OK, f"{what}, good{until} and renewed before that")


def name_of(credentials: Credentials) -> str:
    """What kind of credential it is."""
    if isinstance(credentials, RenewedCredentials) and not credentials.needs_parent:
        return "signed in with `reelgate login imagine`"
    return "IMAGINE_TOKEN with IMAGINE_REFRESH_TOKEN"


def token_finding(setup: ImagineSetup, credentials: TokenCredentials, clock: Clock) -> Finding:
    """A plain token."""
    check = "credential"
    if problem := problem_of(setup.token):
        return Finding(check, Grade.ERROR, f"IMAGINE_TOKEN: {problem}", RENEW)
    left_s = credentials.expires_in_s()
    if left_s is None:
        detail = "IMAGINE_TOKEN, which does not say when it ends"
        remedy = "`reelgate login imagine` gets one that is renewed by itself."
        return Finding(check, Grade.WARNING, detail, remedy)
    at = moment(clock.now() + left_s)
    if left_s <= 0:
        return Finding(check, Grade.ERROR, f"IMAGINE_TOKEN expired at {at}", RENEW)
    grade = Grade.WARNING if left_s < SOON_S else Grade.OK
    remedy = "" if grade is Grade.OK else RENEW
    return Finding(check, grade, f"IMAGINE_TOKEN, good until {at}; nobody renews it", remedy)


def organisation_finding(org_id: str, known: dict[str, str], credentials: Credentials) -> Finding:
    """Whether the credential may use the organisation that pays."""
    if org_id in known:
        return Finding("organisation", Grade.OK, f"{known[org_id]} ({org_id})")
    if org_id == credentials.user_id:
        return Finding("organisation", Grade.OK, f"the personal account ({org_id})")
    there_are = ", ".join(f"{name} ({each})" for each, name in known.items()) or "none"
    detail = f"the credential does not belong to {org_id}; there are: {there_are}"
    remedy = f"{CHOOSE} Or set IMAGINE_ORG_ID."
    return Finding("organisation", Grade.ERROR, detail, remedy)


async def folder_finding(
    look_ups: AccountLookUps, org_id: str, setup: ImagineSetup, credentials: Credentials
) -> Finding:
    """Whether videos can be put in the folder."""
    parent_id = setup.parent_id or credentials.parent_id
    if not parent_id:
        missing = next(missing_folder(setup, credentials), None)
        return missing or Finding("folder", Grade.OK, "none: the workspace's root")
    try:
        known = {each.id: each.name for each in await look_ups.folders(org_id)}
    except UpstreamError as error:
        return Finding("folder", Grade.WARNING, f"cannot be looked up: {error.message}", CHOOSE)
    if parent_id in known:
        return Finding("folder", Grade.OK, f"{known[parent_id]} ({parent_id})")
    detail = f"{parent_id} is no folder of this organisation"
    return Finding("folder", Grade.ERROR, detail, f"{CHOOSE} Or set IMAGINE_PARENT_ID.")


def missing_folder(setup: ImagineSetup, credentials: Credentials) -> Iterator[Finding]:
    """A web token without a folder."""
    if setup.account(credentials).lacks_parent:
        yield Finding("folder", Grade.ERROR, NO_FOLDER, CHOOSE)


async def balances(settings: Settings, http: HttpClient, clock: Clock) -> list[Finding]:
    """What is left on each account at an API with a key that tells it, which proves the key too."""
    accounts = build_providers(http, settings, clock).values()
    tell = [each for each in accounts if isinstance(each, ApiProvider) and tells_credits(each)]
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


async def credits_finding(look_ups: AccountLookUps, org_id: str) -> Finding:
    """How many credits are left."""
    try:
        left = await look_ups.credits_left(org_id)
    except UpstreamError as error:
        return Finding("credits", Grade.WARNING, f"cannot be looked up: {error.message}", LOGIN)
    if left is None:
        return Finding("credits", Grade.WARNING, "not told", "Look at imagine.art.")
    if left <= 0:
        return Finding("credits", Grade.ERROR, "none left", "Buy more at imagine.art.")
    return Finding("credits", Grade.OK, f"{left} left")
