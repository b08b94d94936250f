"""Who calls, by API key, and whether too often."""

from __future__ import annotations

from dataclasses import dataclass

from reelgate.cache import Cache
from reelgate.clock import Clock
from reelgate.db.api_keys import ApiKeys, KnownKeys
from reelgate.domain.api_keys import UNLIMITED, Allowance, ApiKey, KeyStanding, Scope, digest_of
from reelgate.domain.signed import about_of, signed, until_of
from reelgate.errors import InsufficientScope, InvalidApiKey, RateLimited
from reelgate.limits.rate import RequestLimit, RequestRate, RequestRates

FRESH_S = 2.0
"""How long the keys are remembered: a key made or revoked elsewhere counts after that."""
NOBODY = ""
"""The owner of everything where there are no keys."""
ALL_REVOKED = (
    "every API key of this gateway was revoked, so that nobody may call: make one with "
    "`reelgate keys create NAME`, or set REELGATE_ALLOW_OPEN=true to let everybody in"
)
EXPIRED = "this API key has expired: ask whoever runs the gateway for another one"

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
        self._digests: dict[str, tuple[str, str | None]] = {}

    async def identify(self, authorization: str | None, cookie: str | None = None) -> str:
        """The owner behind an `Authorization` header: the key's id, or nobody where all may enter.

        Without such a header a session's cookie says who it is.

        Raises:
            InvalidApiKey: there are keys, and this is none of them, or works no more.
            StorageFailed: the database cannot be used.
        """
        known = await self._known.get(None, self._read)
        if known.standing in self._open_to:
            return NOBODY
        if authorization or not cookie:
            digest = digest_of(bearer(authorization))
            key = known.by_digest.get(digest) or self._rotated(known, digest)
        else:
            key = self._key_of_session(cookie)
        if key is None:
            all_revoked = known.standing is KeyStanding.REVOKED
            raise InvalidApiKey(ALL_REVOKED if all_revoked else None)
        if key.expires_at is not None and key.has_expired(self._clock.now()):
            raise InvalidApiKey(EXPIRED)
        return key.id

    def may(self, owner: str, scope: Scope) -> bool:
        """Whether an owner's key is for this; where there are no keys, everybody may do all."""
        return owner == NOBODY or scope in self._scopes_of(owner)

    def _scopes_of(self, owner: str) -> frozenset[Scope]:
        key = self._by_id.get(owner)
        return frozenset() if key is None else key.scopes

    def require(self, owner: str, scope: Scope) -> None:
        """Refuse what a key is not for.

        Raises:
            InsufficientScope: saying which scope it takes.
        """
        if not self.may(owner, scope):
            has = ", ".join(sorted(self._scopes_of(owner))) or "none"
            message = f"this takes an API key with the scope `{scope}`, and this one has {has}"
            raise InsufficientScope(message)

    async def count(self, owner: str) -> RequestRate | None:
        """Count a request of an owner's; None where nothing limits how many it may make.

        Raises:
            StorageFailed: the database, which counts them, cannot be used.
        """
        key = self._by_id.get(owner)
        if key is None or key.allowance.rpm is None:
            return None
        return await self._rates.take(key.id, RequestLimit.of_key(key.allowance.rpm))

    async def refresh(self) -> None:
        """Know at once of a key that this process has changed.

        Raises:
            StorageFailed: the database cannot be used.
        """
        await self._known.reload(None, self._read)

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
        check_rate(await self.count(owner))
        if owner == NOBODY:
            return Session(keyed=False, owner=NOBODY)
        until = int(self._clock.now()) + SESSION_S
        key, *_ = self.secrets_of(owner)
        cookie = signed(owner, purpose=SESSION_PURPOSE, until=until, secret=key)
        return Session(keyed=True, owner=owner, name=self._by_id[owner].name, cookie=cookie)

    def secrets_of(self, owner: str) -> tuple[bytes, ...]:
        """What signs for an owner: what is kept of its key's secret, and of the one before.

        The second only checks signatures, as long as it works. Empty for who has no key that works.
        """
        key = self._by_id.get(owner)
        now = self._clock.now()
        if key is None or key.has_expired(now):
            return ()
        current, previous = self._digests[owner]
        works = previous is not None and now < (key.previous_until or 0.0)
        return (current.encode(), previous.encode()) if previous and works else (current.encode(),)

    def _rotated(self, known: KnownKeys, digest: str) -> ApiKey | None:
        """The key that had this secret before its last rotation, while that one still works."""
        key = known.by_previous.get(digest)
        return key if key and self._clock.now() < (key.previous_until or 0.0) else None

    def _key_of_session(self, cookie: str) -> ApiKey | None:
        """The key that signed in; None once it is revoked, or the session is over."""
        owner = about_of(cookie) or ""
        now = self._clock.now()
        for secret in self.secrets_of(owner):
            if until_of(cookie, purpose=SESSION_PURPOSE, secret=secret, now=now) is not None:
                return self._by_id.get(owner)
        return None

    def allowance_of(self, owner: str) -> Allowance:
        key = self._by_id.get(owner)
        return UNLIMITED if key is None else key.allowance

    async def _read(self) -> KnownKeys:
        known = await self._keys.known()
        self._by_id = {key.id: key for key in known.by_digest.values()}
        before = {key.id: digest for digest, key in known.by_previous.items()}
        self._digests = {
            key.id: (digest, before.get(key.id)) for digest, key in known.by_digest.items()
        }
        return known


def check_rate(rate: RequestRate | None) -> None:
    """Refuse a request that comes too early.

    Raises:
        RateLimited: saying when to come back.
    """
    if rate is not None and rate.wait_s > 0:
        message = f"this API key may make {rate.limit.most} requests a minute"
        raise RateLimited(message, retry_after_s=rate.wait_s)


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
