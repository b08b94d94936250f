"""Tells who is calling by the key they bring, and whether they call too often."""

from __future__ import annotations

from reelgate.clock import Clock
from reelgate.errors import InvalidApiKey, RateLimited
from reelgate.keys import Allowance, ApiKey, digest_of
from reelgate.store.api_keys import ApiKeys
from reelgate.store.request_rates import RequestRates

FRESH_S = 2.0
"""How long the keys are remembered: a key made or revoked elsewhere counts after that."""
NOBODY = ""
"""The owner of everything where there are no keys."""


class Gatekeeper:
    """Stands at the HTTP door."""

    def __init__(
        self, keys: ApiKeys, rates: RequestRates, clock: Clock, *, open_without_keys: bool
    ) -> None:
        """`open_without_keys`: anybody may come in while there is no key at all."""
        self._keys = keys
        self._rates = rates
        self._clock = clock
        self._open_without_keys = open_without_keys
        self._by_digest: dict[str, ApiKey] = {}
        self._by_id: dict[str, ApiKey] = {}
        self._known_at_s: float | None = None

    async def identify(self, authorization: str | None) -> str:
        """The owner behind an `Authorization` header: the key's id, or nobody where all may enter.

        Raises:
            InvalidApiKey: there are keys, and this is none of them.
            RateLimited: the key's requests per minute are used up.
            StorageFailed: the database, which counts them, cannot be used.
        """
        await self._refresh()
        if not self._by_digest and self._open_without_keys:
            return NOBODY
        key = self._by_digest.get(digest_of(bearer(authorization)))
        if key is None:
            raise InvalidApiKey
        if key.allowance.rpm is not None:
            await self._count(key.id, key.allowance.rpm)
        return key.id

    def allowance_of(self, owner: str) -> Allowance:
        """What an owner may do."""
        key = self._by_id.get(owner)
        return Allowance() if key is None else key.allowance

    async def _refresh(self) -> None:
        now_s = self._clock.monotonic()
        if self._known_at_s is not None and now_s - self._known_at_s <= FRESH_S:
            return
        if self._known_at_s is not None:
            # Of a crowd that finds the keys stale one asks, and the others use what was known.
            self._known_at_s = now_s
        self._by_digest = await self._keys.by_digest()
        self._by_id = {key.id: key for key in self._by_digest.values()}
        self._known_at_s = now_s

    async def _count(self, key_id: str, rpm: int) -> None:
        wait_s = await self._rates.take(key_id, rpm)
        if wait_s > 0:
            message = f"this API key may make {rpm} requests a minute"
            raise RateLimited(message, retry_after_s=wait_s)


def bearer(authorization: str | None) -> str:
    """The token of an `Authorization: Bearer` header (RFC 6750)."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
