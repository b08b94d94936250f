"""Who calls, by API key, and whether too often."""

from __future__ import annotations

from dataclasses import dataclass

from reelgate.cache import Cache
from reelgate.clock import Clock
from reelgate.db.api_keys import ApiKeys, KnownKeys
from reelgate.domain.api_keys import Allowance, ApiKey, KeyStanding, digest_of
from reelgate.domain.signed import about_of, signed, until_of
from reelgate.errors import InvalidApiKey, RateLimited
from reelgate.limits.rate import RequestRates

FRESH_S = 2.0
"""How long the keys are remembered: a key made or revoked elsewhere counts after that."""
NOBODY = ""
"""The owner of everything where there are no keys."""
ALL_REVOKED = (
    "every API key of this gateway was revoked, so that nobody may call: make one with "
    "`reelgate keys create NAME`, or set REELGATE_ALLOW_OPEN=true to let everybody in"
)


SESSION_S = 30 * 86400
"""How long a browser stays signed in."""
SESSION_PURPOSE = "session"


@dataclass(frozen=True, slots=True)
class Session:
    """Who a browser is.

    Attributes:
        keyed: whether the gateway asks for keys at all.
        owner: whose videos it sees; None where it is nobody we know.
        name: the key's name.
        cookie: what a browser keeps to be known again; empty where it needs none.
    """

    keyed: bool
    owner: str | None
    name: str | None = None
    cookie: str = ""


class Gatekeeper:
    """Authenticates callers and counts their requests."""

    def __init__(
        self, keys: ApiKeys, rates: RequestRates, clock: Clock, *, open_to: frozenset[KeyStanding]
    ) -> None:
        """`open_to`: how the gateway's keys may stand for anybody to come in without one."""
        self._keys = keys
        self._rates = rates
        self._clock = clock
        self._open_to = open_to
        self._known: Cache[None, KnownKeys] = Cache(FRESH_S, clock, serves_stale=True)
        self._by_id: dict[str, ApiKey] = {}
        self._digests: dict[str, str] = {}

    async def identify(self, authorization: str | None, cookie: str | None = None) -> str:
        """The owner behind an `Authorization` header: the key's id, or nobody where all may enter.

        Without such a header a session's cookie says who it is.

        Raises:
            InvalidApiKey: there are keys, and this is none of them.
            RateLimited: the key's requests per minute are used up.
            StorageFailed: the database, which counts them, cannot be used.
        """
        known = await self._known.get(None, self._read)
        if known.standing in self._open_to:
            return NOBODY
        key = (
            known.by_digest.get(digest_of(bearer(authorization)))
            if authorization or not cookie
            else self._key_of_session(cookie)
        )
        if key is None:
            all_revoked = known.standing is KeyStanding.REVOKED
            raise InvalidApiKey(ALL_REVOKED if all_revoked else None)
        if key.allowance.rpm is not None:
            await self._count(key.id, key.allowance.rpm)
        return key.id

    async def session(self, cookie: str | None) -> Session:
        """Who a browser with this cookie is."""
        known = await self._known.get(None, self._read)
        if known.standing in self._open_to:
            return Session(keyed=False, owner=NOBODY)
        key = self._key_of_session(cookie) if cookie else None
        if key is None:
            return Session(keyed=True, owner=None)
        return Session(keyed=True, owner=key.id, name=key.name)

    async def sign_in(self, secret: str) -> Session:
        """A new session for whoever has a key's secret.

        Raises:
            InvalidApiKey: nobody knows it.
            RateLimited: the key's requests per minute are used up.
        """
        owner = await self.identify(f"Bearer {secret}")
        if owner == NOBODY:
            return Session(keyed=False, owner=NOBODY)
        until = int(self._clock.now()) + SESSION_S
        key = self.secret_of(owner) or b""
        cookie = signed(owner, purpose=SESSION_PURPOSE, until=until, secret=key)
        return Session(keyed=True, owner=owner, name=self._by_id[owner].name, cookie=cookie)

    def secret_of(self, owner: str) -> bytes | None:
        """What signs for an owner: what is kept of its key; None for one that has no key."""
        digest = self._digests.get(owner)
        return None if digest is None else digest.encode()

    def _key_of_session(self, cookie: str) -> ApiKey | None:
        """The key that signed in; None once it is revoked, or the session is over."""
        owner = about_of(cookie) or ""
        secret = self.secret_of(owner)
        if secret is None:
            return None
        now = self._clock.now()
        until = until_of(cookie, purpose=SESSION_PURPOSE, secret=secret, now=now)
        return None if until is None else self._by_id.get(owner)

    def allowance_of(self, owner: str) -> Allowance:
        key = self._by_id.get(owner)
        return Allowance() if key is None else key.allowance

    async def _read(self) -> KnownKeys:
        known = await self._keys.known()
        self._by_id = {key.id: key for key in known.by_digest.values()}
        self._digests = {key.id: digest for digest, key in known.by_digest.items()}
        return known

    async def _count(self, key_id: str, rpm: int) -> None:
        wait_s = await self._rates.take(key_id, rpm)
        if wait_s > 0:
            message = f"this API key may make {rpm} requests a minute"
            raise RateLimited(message, retry_after_s=wait_s)


def open_standings(*, is_loopback: bool, allow_open: bool) -> frozenset[KeyStanding]:
    """How a gateway's keys may stand for anybody to come in: never while there is one.

    Only the operator's word opens a gateway that had keys: whoever revokes the last one wants
    less access, not more.
    """
    if allow_open:
        return frozenset({KeyStanding.NEVER, KeyStanding.REVOKED})
    return frozenset({KeyStanding.NEVER}) if is_loopback else frozenset()


def bearer(authorization: str | None) -> str:
    """The token of an `Authorization: Bearer` header (RFC 6750)."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
