"""A credential of imagine.art's that is renewed here: ahead of its end, and when it is refused.

Both of its tokens rotate [official]: the refresh token is spent when it is used, and a second use
ends everything. So one process at a time renews it, under a lease in the database, and the new
pair is kept before anybody uses it.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import secrets
from contextlib import suppress

import structlog

from reelgate.clock import Clock
from reelgate.domain.credentials import Credential, CredentialKind
from reelgate.errors import (
    ReelgateError,
    SecretsUnreadable,
    StorageFailed,
    UpstreamError,
    UpstreamUnauthorized,
    UpstreamUnavailable,
)
from reelgate.net.client import HttpClient
from reelgate.net.redact import MASK
from reelgate.providers.expiry import moment
from reelgate.providers.imagine.credentials import read_claims
from reelgate.providers.imagine.token_requests import DeadCredential, Renewed, renew
from reelgate.providers.signin import CredentialStore

log = structlog.get_logger()

LOGIN = "reelgate login imagine"
AHEAD_S = 600.0
"""How long before its end a token is renewed [seen]; a short-lived one in its last quarter."""
LEASE_S = 120.0
"""Longer than a refresh and the writing down of its outcome may take."""
WAIT_S = 60.0
"""How long a request waits for a renewal, its own or another process's."""
LOOK_EVERY_S = 0.2
CHECK_EVERY_S = 15.0
"""How often a process that is idle looks whether a token is due, or was replaced."""
PAUSE_S = 5.0
LONGEST_PAUSE_S = 60.0
KEEP_PAUSE_S = 1.0
KEEP_S = 300.0
YOUNG_S = 60.0
"""A token this young that was never accepted is not renewed again because it is refused."""


class RenewedCredentials:
    """A credential in the database, as one process uses it."""

    def __init__(
        self,
        store: CredentialStore,
        credential: Credential,
        http: HttpClient,
        auth_url: str,
        clock: Clock,
    ) -> None:
        self._store = store
        self._current = credential
        self._http = http
        self._auth_url = auth_url
        self._clock = clock
        self._holder = secrets.token_hex(8)
        self._renewal: asyncio.Task[None] | None = None
        self._failures = 0
        self._not_before_s = 0.0
        self._looked_s = clock.monotonic()
        self._accepted_version: int | None = None
        self._obtained_version = 0
        self._refused_version = 0
        self._trouble = ""
        self._gone = ""
        self._told = ""
        self._hidden = {credential.tokens.access, credential.tokens.refresh} - {""}

    def __repr__(self) -> str:
        return f"RenewedCredentials({self._current!r})"

    @property
    def expiry(self) -> RenewedCredentials:
        """What is to be known of its end: itself."""
        return self

    @property
    def current(self) -> Credential:
        """The credential as this process last saw it."""
        return self._current

    @property
    def user_id(self) -> str:
        """The account's own id, empty where the token does not tell."""
        return read_claims(self._current.tokens.access).user_id

    @property
    def org_id(self) -> str:
        """The organisation that was chosen at the sign-in."""
        return self._current.org_id

    @property
    def parent_id(self) -> str:
        """The folder that was chosen at the sign-in."""
        return self._current.parent_id

    @property
    def needs_parent(self) -> bool:
        """A submit with a web token and without a folder was charged and never produced [seen]."""
        return self._current.kind is CredentialKind.WEB

    @property
    def left_s(self) -> float:
        """How long the access token is good for; infinite where it does not say."""
        ends_at_s = self._current.expires_at_s
        return math.inf if ends_at_s is None else ends_at_s - self._clock.now()

    @property
    def is_over(self) -> bool:
        """Whether nothing can be sent with it, and somebody must do something."""
        return bool(self._gone) or (bool(self._current.dead) and not self._is_alive)

    @property
    def _is_alive(self) -> bool:
        """Whether the access token is good as far as is known."""
        return self._is_unexpired and self._refused_version != self._current.version

    @property
    def _is_unexpired(self) -> bool:
        return bool(self._current.tokens.access) and self.left_s > 0

    @property
    def is_near(self) -> bool:
        """Whether somebody must do something soon."""
        return not self.is_over and bool(self._current.dead or self._trouble)

    @property
    def next_s(self) -> float:
        """When to look at it again."""
        return CHECK_EVERY_S

    def told(self) -> str:
        """What is the matter, and what to do."""
        if self._gone:
            return self._gone
        if not self._current.dead:
            return self._trouble
        ends_at_s = self._current.expires_at_s
        until = f" Videos can be made until {moment(ends_at_s)}." if ends_at_s else ""
        return f"{self._current.dead}{until if self._is_alive else ''} {self.remedy}"

    @property
    def remedy(self) -> str:
        """What to do about a dead credential."""
        if self._current.kind is CredentialKind.WEB:
            return (
                f"Sign in with `{LOGIN}`, or put a new pair in IMAGINE_TOKEN and"
                " IMAGINE_REFRESH_TOKEN and start again."
            )
        return f"Sign in again with `{LOGIN}`."

    def tell_log(self) -> None:
        """Log what is the matter, once."""
        told = self.told() if self.is_over or self.is_near else ""
        if told and told != self._told:
            event = "credential_dead" if self.is_over or self._current.dead else "refresh_failed"
            (log.error if self.is_over else log.warning)(event, account="imagine.art", note=told)
        self._told = told

    async def bearer(self) -> str:
        """The token to send, renewed where it is over.

        Raises:
            UpstreamUnauthorized: it is dead; says which command to run.
            UpstreamUnavailable: it could not be renewed for now.
        """
        if self._is_stale():
            await self._look()
        if self._gone:
            raise UpstreamUnauthorized(self._gone)
        if self.left_s <= 0 or not self._current.tokens.access:
            await self._renewed(self._current.version)
        elif self._is_due():
            self._begin(self._current.version)
        return self._usable()

    async def renew(self, refused: str) -> bool:
        """Get another token because this one was refused; whether there is another now.

        Raises:
            UpstreamUnavailable: it could not be renewed for now.
        """
        if self._current.tokens.access == refused:
            await self._look()
        current = self._current
        if current.tokens.access != refused:
            return not self._gone
        if self._gone or self._is_unproven(current):
            return False
        if not current.dead and current.tokens.refresh:
            await self._renewed(current.version)
        return self._has_another(refused, current)

    def _is_unproven(self, current: Credential) -> bool:
        """Whether a token is young and was never accepted: another one would be refused, too.

        One that another process got may have been accepted there. Here, the one before it must
        have been: two processes whose account is refused would renew in turns for ever.
        """
        age_s = self._clock.now() - current.obtained_at_s
        if self._accepted_version == current.version or not 0 <= age_s < YOUNG_S:
            return False
        is_own = self._obtained_version == current.version
        return is_own or self._accepted_version != current.version - 1

    def _has_another(self, refused: str, before: Credential) -> bool:
        if self._current.tokens.access != refused and not self._gone:
            return True
        self._refused_version = before.version
        if self._current.dead or self._gone or not before.tokens.refresh:
            return False
        raise self._unavailable()

    def accepted(self, bearer: str) -> None:
        """The upstream took this token."""
        if bearer == self._current.tokens.access:
            self._accepted_version = self._current.version

    def hide(self, text: str) -> str:
        """The text without any secret of ours."""
        for secret in self._hidden:
            text = text.replace(secret, MASK)
        return text

    async def run(self) -> None:
        """Keep it fresh for ever, also while nobody asks: a refresh token dies of disuse."""
        while True:
            with suppress(ReelgateError):
                await self._look()
            if self._is_due():
                self._begin(self._current.version)
            self.tell_log()
            await asyncio.sleep(min(CHECK_EVERY_S, max(LOOK_EVERY_S, self.left_s / 4)))

    async def close(self) -> None:
        """Wait for a renewal that is under way: its answer comes only once."""
        if self._renewal is not None:
            await asyncio.wait([self._renewal])

    def _usable(self) -> str:
        current = self._current
        if self._gone:
            raise UpstreamUnauthorized(self._gone)
        if self._is_alive or (not current.dead and self._is_unexpired):
            return current.tokens.access
        if current.dead:
            raise UpstreamUnauthorized(self.told())
        raise self._unavailable()

    def _unavailable(self) -> UpstreamUnavailable:
        return UpstreamUnavailable(
            self._trouble or "The credential of imagine.art is being renewed.",
            retry_after_s=max(1.0, self._not_before_s - self._clock.monotonic()),
        )

    def _is_stale(self) -> bool:
        """Whether another process may have changed it since, which matters only near its end."""
        near = bool(self._current.dead or self._gone) or self._is_due()
        return near and self._clock.monotonic() - self._looked_s > LOOK_EVERY_S

    def _is_due(self) -> bool:
        current = self._current
        if current.dead or not current.tokens.refresh or current.expires_at_s is None:
            return False
        if self.left_s <= 0:
            return True
        lifetime_s = current.expires_at_s - current.obtained_at_s
        # Perhaps the refresh token is spent: what is left of the access token is used first.
        return not current.in_doubt and self.left_s <= min(AHEAD_S, lifetime_s / 4)

    def _begin(self, version: int) -> asyncio.Task[None] | None:
        if self._renewal is None or self._renewal.done():
            if self._clock.monotonic() < self._not_before_s:
                return None
            self._renewal = asyncio.create_task(self._renew_once(version))
        return self._renewal

    async def _renewed(self, version: int) -> None:
        """Wait until this version was renewed, or could not be."""
        task = self._begin(version)
        if task is not None:
            # Whoever waits may go; the answer to a refresh comes only once.
            await asyncio.wait([task], timeout=WAIT_S)

    async def _renew_once(self, version: int) -> None:
        gives_up_s = self._clock.monotonic() + WAIT_S
        try:
            while self._clock.monotonic() < gives_up_s:
                await self._look()
                current = self._current
                if current.version != version or current.dead or self._gone:
                    return
                if await self._store.claim(current, self._holder, LEASE_S):
                    await self._trade(current)
                    return
                await asyncio.sleep(LOOK_EVERY_S)
            self._trouble = "Another process renews the credential of imagine.art and is not done."
        except ReelgateError as error:
            self._trouble = f"The credential of imagine.art cannot be renewed: {error.message}"
            self._pause()
        except Exception:
            # Nobody reads this task's outcome, and the next request tries again.
            log.exception("refresh_broke")
            self._trouble = "The credential of imagine.art cannot be renewed; the log says why."
            self._pause()

    async def _trade(self, current: Credential) -> None:
        try:
            renewed = await renew(self._http, current, self._auth_url, self._clock)
        except DeadCredential as error:
            await self._store.die(current, error.message)
            await self._look()
            self.tell_log()
            return
        except UpstreamError as error:
            pause_s = self._pause()
            self._trouble = (
                f"{error.message} It is tried again"
                f"{' when the token ends' if not error.surely_refused and self.left_s > 0 else ''};"
                f" if that does not help, run `{LOGIN}`."
            )
            await self._store.release(
                current, self._holder, in_doubt=not error.surely_refused, pause_s=pause_s
            )
            self.tell_log()
            return
        self._hidden |= {renewed.tokens.access, renewed.tokens.refresh}
        await self._keep(current, renewed)
        self._failures, self._trouble = 0, ""
        log.info("credential_renewed", account="imagine.art", version=self._current.version)

    async def _keep(self, current: Credential, renewed: Renewed) -> None:
        """Write the new pair down, however often that must be tried, before anybody uses it."""
        gives_up_s = self._clock.monotonic() + KEEP_S
        while True:
            try:
                await self._store.renewed(
                    current, renewed.tokens, self._clock.now(), renewed.expires_at_s
                )
                break
            except StorageFailed as error:
                if self._clock.monotonic() >= gives_up_s:
                    raise
                log.warning("refresh_not_recorded", error=error.message)
            await asyncio.sleep(KEEP_PAUSE_S)
        self._obtained_version = current.version + 1
        await self._look()

    def _pause(self) -> float:
        self._failures += 1
        pause_s = min(PAUSE_S * 2.0 ** (self._failures - 1), LONGEST_PAUSE_S)
        self._not_before_s = self._clock.monotonic() + pause_s
        return pause_s

    async def _look(self) -> None:
        """Read what is kept: another process may have renewed it, or somebody signed in again."""
        self._looked_s = self._clock.monotonic()
        try:
            found = await self._store.find(self._current.account)
        except SecretsUnreadable as error:
            self._gone = error.message
            return
        if found is None or not (found.tokens.access or found.tokens.refresh):
            self._gone = f"The gateway was signed out. Sign in with `{LOGIN}`."
            return
        self._gone = ""
        if found.version != self._current.version:
            self._failures, self._not_before_s, self._trouble = 0, 0.0, ""
        self._current = found
        self._hidden |= {found.tokens.access, found.tokens.refresh} - {""}


class UnusableCredentials:
    """A credential that is kept and cannot be read: the gateway runs on and says what to do."""

    user_id = ""
    org_id = ""
    parent_id = ""
    needs_parent = False
    is_over = True
    is_near = False
    left_s = 0.0
    next_s = math.inf

    def __init__(self, why: str) -> None:
        self._why = why
        self._is_told = False

    @property
    def expiry(self) -> UnusableCredentials:
        """What is to be known of its end: itself."""
        return self

    def told(self) -> str:
        """What is the matter, and what to do."""
        return self._why

    def tell_log(self) -> None:
        """Log it, once."""
        if not self._is_told:
            self._is_told = True
            log.error("credential_unusable", account="imagine.art", note=self._why)

    async def bearer(self) -> str:
        """Never one.

        Raises:
            UpstreamUnauthorized: always.
        """
        raise UpstreamUnauthorized(self._why)

    async def renew(self, _refused: str) -> bool:
        """Never."""
        return False

    def accepted(self, _bearer: str) -> None:
        """Nothing is ever sent."""

    def hide(self, text: str) -> str:
        """The text: no secret is known."""
        return text


def origin_of(token: str, refresh: str) -> str:
    """A digest that tells whether the settings name the same pair as before."""
    return hashlib.sha256(f"{token}\0{refresh}".encode(errors="replace")).hexdigest()
