"""What is to be known of an imagine.art account: hosts, clock, credential, folder, credits."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator

from reelgate.clock import Clock
from reelgate.domain.credentials import CredentialKind
from reelgate.domain.findings import Finding, Grade
from reelgate.errors import UpstreamError, UpstreamUnauthorized
from reelgate.net.client import HttpClient, HttpResponse
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
from reelgate.providers.imagine.signin import ImagineSignIn
from reelgate.providers.imagine.tokens import RenewedCredentials, UnusableCredentials
from reelgate.providers.signin import CredentialStore

HOST_TIMEOUT_S = 10.0
SKEW_S = 30.0
WRONG_S = 300.0
SOON_S = 3600.0
LOGIN = "Run `reelgate login imagine`."
CHOOSE = "Run `reelgate login imagine --choose-folder`."


async def examine(sign_in: ImagineSignIn, store: CredentialStore | None) -> list[Finding] | None:
    """Everything that is to be said of the account; None where a gateway would have no credential.

    `store`: None where there is no database yet.
    """
    if store is None:
        if not sign_in.in_settings:
            return None
        token = TokenCredentials(sign_in.token, sign_in.clock, needs_parent=True)
        return await findings(sign_in, token)
    if not sign_in.in_settings and await store.kind_of(sign_in.name) is not CredentialKind.OAUTH:
        return None
    async with sign_in.opened(store) as credentials:
        return await findings(sign_in, credentials)


async def findings(sign_in: ImagineSignIn, credentials: Credentials) -> list[Finding]:
    """Every finding, in the order in which they are best put right."""
    of_account, of_hosts = await asyncio.gather(
        account_findings(sign_in, credentials), host_findings(sign_in)
    )
    return [*of_hosts, *of_account]


async def host_findings(sign_in: ImagineSignIn) -> list[Finding]:
    """Whether each host answers, whatever it says, and whether our clock is right."""
    settings = sign_in.settings
    hosts = {
        "IMAGINE_API_URL": settings.api_url,
        "IMAGINE_ASSET_URL": settings.asset_url,
        "IMAGINE_AUTH_URL": settings.auth_url,
        "IMAGINE_TEAM_URL": settings.team_url,
        "IMAGINE_MCP_URL": settings.mcp_url,
    }
    answers = await asyncio.gather(*(ask(sign_in.http, url) for url in hosts.values()))
    told = zip(hosts.items(), answers, strict=True)
    return [
        *(host_finding(name, url, response) for (name, url), response in told),
        clock_finding([each for each in answers if isinstance(each, HttpResponse)], sign_in.clock),
    ]


async def ask(http: HttpClient, url: str) -> HttpResponse | UpstreamError:
    """A host's answer, or why there is none."""
    try:
        return await http.request("GET", url, timeout_s=HOST_TIMEOUT_S)
    except UpstreamError as error:
        return error


def host_finding(name: str, url: str, response: HttpResponse | UpstreamError) -> Finding:
    """Whether a host answers; any answer will do, for a base address is nobody's."""
    check = f"host {url}"
    if isinstance(response, HttpResponse):
        return Finding(check, Grade.OK, f"answers (HTTP {response.status})")
    remedy = f"See the network, DNS and proxies of this machine, and {name}."
    return Finding(check, Grade.ERROR, response.message, remedy)


def clock_finding(answers: list[HttpResponse], clock: Clock) -> Finding:
    """How far our clock is from the hosts'; the least difference counts, for answers take time."""
    told = [
        clock.now() - at_s
        for response in answers
        if (at_s := http_date_s(response.headers.get("Date", ""))) is not None
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


async def account_findings(sign_in: ImagineSignIn, credentials: Credentials) -> list[Finding]:
    """The credential, and what it is good for."""
    found = [await credential_finding(sign_in, credentials)]
    account = sign_in.account(credentials)
    if found[0].grade is Grade.ERROR:
        return [*found, *missing_folder(sign_in, credentials)]
    look_ups = sign_in.look_ups(credentials)
    try:
        known = {each.id: each.name for each in await look_ups.organisations()}
    except UpstreamUnauthorized as error:
        refused = Finding("credential", Grade.ERROR, error.message, LOGIN)
        return [refused, *missing_folder(sign_in, credentials)]
    except UpstreamError as error:
        unknown = Finding("organisation", Grade.ERROR, error.message, "Try again later.")
        return [*found, unknown, *missing_folder(sign_in, credentials)]
    try:
        org_id = account.organisation()
    except UpstreamError as error:
        wrong = Finding("organisation", Grade.ERROR, error.message, CHOOSE)
        return [*found, wrong, *missing_folder(sign_in, credentials)]
    found.append(organisation_finding(org_id, known, credentials))
    if found[-1].grade is Grade.ERROR:
        return [*found, *missing_folder(sign_in, credentials)]
    found.append(await folder_finding(look_ups, org_id, sign_in, credentials))
    found.append(await credits_finding(look_ups, org_id))
    return found


async def credential_finding(sign_in: ImagineSignIn, credentials: Credentials) -> Finding:
    """Which credential it is, and when it ends."""
    check = "credential"
    if isinstance(credentials, UnusableCredentials):
        return Finding(check, Grade.ERROR, credentials.told())
    if isinstance(credentials, TokenCredentials):
        return token_finding(sign_in, credentials)
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
    until = "" if math.isinf(left_s) else f" until {moment(sign_in.clock.now() + left_s)}"
    return Finding(check, Grade.OK, f"{what}, good{until} and renewed before that")


def name_of(credentials: Credentials) -> str:
    """What kind of credential it is."""
    if isinstance(credentials, RenewedCredentials) and not credentials.needs_parent:
        return "signed in with `reelgate login imagine`"
    return "IMAGINE_TOKEN with IMAGINE_REFRESH_TOKEN"


def token_finding(sign_in: ImagineSignIn, credentials: TokenCredentials) -> Finding:
    """A plain token."""
    check = "credential"
    if problem := problem_of(sign_in.token):
        return Finding(check, Grade.ERROR, f"IMAGINE_TOKEN: {problem}", RENEW)
    left_s = credentials.expires_in_s()
    if left_s is None:
        detail = "IMAGINE_TOKEN, which does not say when it ends"
        remedy = "`reelgate login imagine` gets one that is renewed by itself."
        return Finding(check, Grade.WARNING, detail, remedy)
    at = moment(sign_in.clock.now() + left_s)
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
    look_ups: AccountLookUps, org_id: str, sign_in: ImagineSignIn, credentials: Credentials
) -> Finding:
    """Whether videos can be put in the folder."""
    parent_id = sign_in.parent_id or credentials.parent_id
    if not parent_id:
        missing = next(missing_folder(sign_in, credentials), None)
        return missing or Finding("folder", Grade.OK, "none: the workspace's root")
    try:
        known = {each.id: each.name for each in await look_ups.folders(org_id)}
    except UpstreamError as error:
        return Finding("folder", Grade.WARNING, f"cannot be looked up: {error.message}", CHOOSE)
    if parent_id in known:
        return Finding("folder", Grade.OK, f"{known[parent_id]} ({parent_id})")
    detail = f"{parent_id} is no folder of this organisation"
    return Finding("folder", Grade.ERROR, detail, f"{CHOOSE} Or set IMAGINE_PARENT_ID.")


def missing_folder(sign_in: ImagineSignIn, credentials: Credentials) -> Iterator[Finding]:
    """A web token without a folder."""
    if sign_in.account(credentials).lacks_parent:
        yield Finding("folder", Grade.ERROR, NO_FOLDER, CHOOSE)


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
