"""Which credential an imagine.art account is used with, and where it is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import structlog

from reelgate.clock import Clock, SystemClock
from reelgate.db.credentials import Credentials as KeptCredentials
from reelgate.db.database import Database
from reelgate.db.secret_box import SecretBox
from reelgate.domain.credentials import Credential, CredentialKind, Tokens
from reelgate.errors import SecretsUnreadable
from reelgate.net.client import HttpClient
from reelgate.providers.base import Provider
from reelgate.providers.imagine.adapter import ImagineWeb
from reelgate.providers.imagine.credentials import (
    NO_FOLDER,
    Credentials,
    ImagineAccount,
    TokenCredentials,
    clean_token,
    read_claims,
)
from reelgate.providers.imagine.settings import ImagineSettings
from reelgate.providers.imagine.tokens import RenewedCredentials, UnusableCredentials, origin_of
from reelgate.settings import Settings

log = structlog.get_logger()

ACCOUNT = "imagine"


@dataclass(frozen=True, slots=True)
class ImagineSetup:
    """What the settings say about the account."""

    name: str
    token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    org_id: str
    parent_id: str
    api_url: str
    asset_url: str
    auth_url: str
    team_url: str
    mcp_url: str

    @classmethod
    def of(cls, own: ImagineSettings, name: str = ACCOUNT) -> ImagineSetup:
        """What an account's own settings say."""
        return cls(
            name=name,
            token=clean_token(own.token.get_secret_value()),
            refresh_token=clean_token(own.refresh_token.get_secret_value()),
            org_id=own.org_id.strip(),
            parent_id=own.parent_id.strip(),
            api_url=own.api_url,
            asset_url=own.asset_url,
            auth_url=own.auth_url,
            team_url=own.team_url,
            mcp_url=own.mcp_url,
        )

    @classmethod
    def in_(cls, settings: Settings) -> ImagineSetup:
        """The account that `reelgate login imagine` is for."""
        own = settings.providers.get(ACCOUNT)
        return cls.of(
            own if isinstance(own, ImagineSettings) else ImagineSettings.model_validate({})
        )

    def account(self, credentials: Credentials) -> ImagineAccount:
        """The account, used with this credential."""
        return ImagineAccount(credentials, self.org_id, self.parent_id)


def kept_credentials(settings: Settings, database: Database) -> KeptCredentials:
    """Where credentials are kept; the key is read when it is needed."""
    return KeptCredentials(
        database, SecretBox(settings.secret_key.get_secret_value(), settings.data_dir)
    )


async def with_sign_in(settings: Settings, database: Database) -> Settings:
    """The settings, which know from now on whether somebody has signed in."""
    kept = kept_credentials(settings, database)
    for name, own in settings.providers.items():
        if isinstance(own, ImagineSettings) and await kept.kind_of(name) is CredentialKind.OAUTH:
            settings = settings.signed_in(name)
    return settings


async def choose_credentials(
    setup: ImagineSetup, kept: KeptCredentials, http: HttpClient, clock: Clock
) -> Credentials:
    """The best credential there is: a sign-in, a token with a refresh token, a token."""
    found: Credential | None = None
    try:
        if setup.refresh_token and await kept.kind_of(setup.name) is not CredentialKind.OAUTH:
            await kept.seed(seed_of(setup))
        found = await kept.find(setup.name)
    except SecretsUnreadable as error:
        # With a plain token in the settings only the place was of use.
        if not setup.token or await kept.kind_of(setup.name) is CredentialKind.OAUTH:
            return UnusableCredentials(error.message)
        if setup.refresh_token:
            return UnusableCredentials(error.message)
    if found is not None and found.kind is not CredentialKind.PLACE:
        is_current = found.kind is CredentialKind.OAUTH or bool(setup.refresh_token)
        if is_current:
            return RenewedCredentials(kept, found, http, setup.auth_url, clock)
    return TokenCredentials(
        setup.token,
        clock,
        needs_parent=True,
        org_id=found.org_id if found else "",
        parent_id=found.parent_id if found else "",
    )


def seed_of(setup: ImagineSetup) -> Credential:
    """The settings' pair as it is first kept."""
    claims = read_claims(setup.token)
    return Credential(
        setup.name,
        CredentialKind.WEB,
        Tokens(setup.token, setup.refresh_token),
        obtained_at_s=claims.issued_at_s or 0.0,
        expires_at_s=claims.expires_at_s if setup.token else 0.0,
        origin=origin_of(setup.token, setup.refresh_token),
    )


@asynccontextmanager
async def opened_credentials(
    setup: ImagineSetup, kept: KeptCredentials, http: HttpClient, clock: Clock | None = None
) -> AsyncIterator[Credentials]:
    """The credential for a command: a renewal that it begins is waited for."""
    credentials = await choose_credentials(setup, kept, http, clock or SystemClock())
    try:
        yield credentials
    finally:
        if isinstance(credentials, RenewedCredentials):
            await credentials.close()


async def use_kept_credentials(
    settings: Settings,
    database: Database,
    http: HttpClient,
    clock: Clock,
    providers: Mapping[str, Provider],
    stack: AsyncExitStack,
) -> None:
    """Let each account of imagine.art use the best credential there is."""
    kept = kept_credentials(settings, database)
    for name, provider in providers.items():
        own = settings.providers.get(name)
        if isinstance(provider, ImagineWeb) and isinstance(own, ImagineSettings):
            setup = ImagineSetup.of(own, name)
            credentials = await choose_credentials(setup, kept, http, clock)
            provider.use(credentials)
            tell_of_start(credentials, setup.account(credentials))
            await keep_fresh(credentials, stack)


async def keep_fresh(credentials: Credentials, stack: AsyncExitStack) -> None:
    """Renew the credential as long as the gateway runs, whether or not anybody asks."""
    if not isinstance(credentials, RenewedCredentials):
        return
    stack.push_async_callback(credentials.close)
    task = asyncio.create_task(credentials.run())

    async def stop() -> None:
        task.cancel()
        await asyncio.wait([task])

    stack.push_async_callback(stop)


def tell_of_start(credentials: Credentials, account: ImagineAccount) -> None:
    """Log at the start what keeps every video from being made."""
    if account.lacks_parent:
        log.error("no_folder", account="imagine.art", note=NO_FOLDER)
    if isinstance(credentials, UnusableCredentials):
        credentials.tell_log()
