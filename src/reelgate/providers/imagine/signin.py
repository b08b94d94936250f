"""Which credential an imagine.art account is used with, and how people sign in there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from reelgate.clock import Clock
from reelgate.domain.credentials import Credential, CredentialKind, Tokens
from reelgate.errors import SecretsUnreadable, UpstreamUnauthorized
from reelgate.net.client import HttpClient
from reelgate.providers.imagine.account import AccountLookUps
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
from reelgate.providers.signin import CredentialStore, Named

if TYPE_CHECKING:
    from reelgate.providers.imagine.oauth import Attempt

log = structlog.get_logger()


class ImagineSignIn:
    """One account of imagine.art as a `SignIn`: its settings, and the credential that is kept."""

    def __init__(
        self, http: HttpClient, settings: ImagineSettings, clock: Clock, name: str
    ) -> None:
        self.http = http
        self.settings = settings
        self.clock = clock
        self.name = name
        self.token = clean_token(settings.token.get_secret_value())
        self.refresh_token = clean_token(settings.refresh_token.get_secret_value())
        self.org_id = settings.org_id.strip()
        self.parent_id = settings.parent_id.strip()

    @property
    def in_settings(self) -> str:
        """The variable of the token, where there is one or a refresh token."""
        return self.settings.credential if self.token or self.refresh_token else ""

    @property
    def place_in_settings(self) -> list[str]:
        """The variables of organisation and folder that are set."""
        own = {"IMAGINE_ORG_ID": self.org_id, "IMAGINE_PARENT_ID": self.parent_id}
        return [variable for variable, value in own.items() if value]

    async def begin(self, redirect_uri: str) -> Attempt:
        """Register as a client of our own, and prepare a sign-in.

        Raises:
            UpstreamError: the host does not tell where to sign in, or refuses the registration.
        """
        # Authlib takes 80 ms to load, and only a sign-in needs it.
        from reelgate.providers.imagine import oauth  # noqa: PLC0415

        server = await oauth.discover(self.http, self.settings.mcp_url)
        resource = f"{self.settings.mcp_url.rstrip('/')}/"
        return await oauth.begin(self.http, server, redirect_uri, resource)

    async def redeem(self, attempt: Attempt, code: str) -> Credential:
        """Trade the code for a credential.

        Raises:
            UpstreamError: no tokens came; says what came instead.
        """
        from reelgate.providers.imagine import oauth  # noqa: PLC0415 - see `begin`

        renewed = await oauth.redeem(self.http, attempt, code, self.clock)
        return Credential(
            self.name,
            CredentialKind.OAUTH,
            renewed.tokens,
            obtained_at_s=self.clock.now(),
            expires_at_s=renewed.expires_at_s,
        )

    def places(self, credential: Credential) -> ImaginePlaces:
        """The places that a new credential may use."""
        return self._places(TokenCredentials(credential.tokens.access, self.clock))

    @asynccontextmanager
    async def kept_places(self, store: CredentialStore) -> AsyncIterator[ImaginePlaces]:
        """The places of the best credential there is; a renewal that this begins is waited for."""
        async with self.opened(store) as credentials:
            yield self._places(credentials)

    def _places(self, credentials: Credentials) -> ImaginePlaces:
        return ImaginePlaces(self.look_ups(credentials), credentials)

    async def use_kept(
        self, provider: ImagineWeb, store: CredentialStore, stack: AsyncExitStack
    ) -> None:
        """Send the best credential there is from now on, and renew it as long as the stack lives.

        What keeps every video from being made is logged.
        """
        credentials = await self.choose(store)
        provider.use(credentials)
        if self.account(credentials).lacks_parent:
            log.error("no_folder", account=self.settings.title, note=NO_FOLDER)
        if isinstance(credentials, UnusableCredentials):
            credentials.tell_log()
        if isinstance(credentials, RenewedCredentials):
            keep_fresh(credentials, stack)

    def account(self, credentials: Credentials) -> ImagineAccount:
        """The account, used with this credential."""
        return ImagineAccount(credentials, self.org_id, self.parent_id)

    def look_ups(self, credentials: Credentials) -> AccountLookUps:
        """Asks for what belongs to the account with this credential."""
        return AccountLookUps(self.http, self.settings.api_url, self.settings.team_url, credentials)

    @asynccontextmanager
    async def opened(self, store: CredentialStore) -> AsyncIterator[Credentials]:
        """The best credential there is; a renewal that is begun with it is waited for."""
        credentials = await self.choose(store)
        try:
            yield credentials
        finally:
            if isinstance(credentials, RenewedCredentials):
                await credentials.close()

    async def choose(self, store: CredentialStore) -> Credentials:
        """The best credential there is: a sign-in, a token with a refresh token, a token."""
        found: Credential | None = None
        try:
            if self.refresh_token and await store.kind_of(self.name) is not CredentialKind.OAUTH:
                await store.seed(self._seed())
            found = await store.find(self.name)
        except SecretsUnreadable as error:
            # With a plain token in the settings only the place was of use.
            if not self.token or await store.kind_of(self.name) is CredentialKind.OAUTH:
                return UnusableCredentials(error.message)
            if self.refresh_token:
                return UnusableCredentials(error.message)
        if found is not None and found.kind is not CredentialKind.PLACE:
            is_current = found.kind is CredentialKind.OAUTH or bool(self.refresh_token)
            if is_current:
                auth_url = self.settings.auth_url
                return RenewedCredentials(store, found, self.http, auth_url, self.clock)
        return TokenCredentials(
            self.token,
            self.clock,
            needs_parent=True,
            org_id=found.org_id if found else "",
            parent_id=found.parent_id if found else "",
        )

    def _seed(self) -> Credential:
        """The settings' pair as it is first kept."""
        claims = read_claims(self.token)
        return Credential(
            self.name,
            CredentialKind.WEB,
            Tokens(self.token, self.refresh_token),
            obtained_at_s=claims.issued_at_s or 0.0,
            expires_at_s=claims.expires_at_s if self.token else 0.0,
            origin=origin_of(self.token, self.refresh_token),
        )


class ImaginePlaces:
    """Organisations and folders, looked up with a credential; the token is tried by that."""

    def __init__(self, look_ups: AccountLookUps, credentials: Credentials) -> None:
        self._look_ups = look_ups
        self._credentials = credentials

    @property
    def needs_folder(self) -> bool:
        """With a web token a submit without one would be charged and never produced."""
        return self._credentials.needs_parent

    async def organisations(self) -> list[Named]:
        """The organisations that the token belongs to.

        Raises:
            UpstreamError: they are not told; `UpstreamUnauthorized` where the token is refused.
        """
        try:
            return await self._look_ups.organisations()
        except UpstreamUnauthorized as error:
            if isinstance(self._credentials, TokenCredentials):
                raise refused_there(error) from error
            raise

    async def folders(self, org_id: str) -> list[Named]:
        """The folders of an organisation that videos can be put in.

        Raises:
            UpstreamError: they are not told.
        """
        return await self._look_ups.folders(org_id)


def refused_there(error: UpstreamUnauthorized) -> UpstreamUnauthorized:
    """The token was got, and is of no use: the contract's other door."""
    return UpstreamUnauthorized(
        f"imagine.art signed you in, but its team API refuses the token: {error.message}\nSo no"
        " video could be made with it, and nothing was kept. Use a web session's token instead:"
        " put it in IMAGINE_TOKEN, and its refresh token in IMAGINE_REFRESH_TOKEN, so that the"
        " gateway renews it."
    )


def keep_fresh(credentials: RenewedCredentials, stack: AsyncExitStack) -> None:
    """Renew the credential as long as the gateway runs, whether or not anybody asks."""
    stack.push_async_callback(credentials.close)
    task = asyncio.create_task(credentials.run())

    async def stop() -> None:
        task.cancel()
        await asyncio.wait([task])

    stack.push_async_callback(stop)
