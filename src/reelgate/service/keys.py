"""The keys themselves, for whoever runs the gateway: made, changed, rotated, revoked."""

from __future__ import annotations

from reelgate.clock import Clock
from reelgate.db.api_keys import ApiKeys, KnownKeys
from reelgate.domain.api_keys import (
    BOOTSTRAP_ID,
    USUAL_SCOPES,
    Allowance,
    ApiKey,
    KeyStanding,
    Scope,
    digest_of,
    new_key_id,
    new_secret,
)
from reelgate.errors import InvalidRequest, KeyNotFound, brief

OVERLAP_S = 86400.0
"""How long the secret before works, too, where nothing else is said."""


class Keys:
    """The keys of a gateway, whether or not it runs."""

    def __init__(self, kept: ApiKeys, clock: Clock) -> None:
        self._kept = kept
        self._clock = clock

    async def create(
        self,
        name: str,
        allowance: Allowance,
        scopes: frozenset[Scope] = USUAL_SCOPES,
        expires_at: float | None = None,
    ) -> tuple[ApiKey, str]:
        """A new key, and its secret, which is not kept."""
        secret = new_secret()
        key = ApiKey(new_key_id(), name, allowance, self._clock.now(), scopes, expires_at)
        await self._kept.add(key, digest_of(secret))
        return key, secret

    async def known(self) -> KnownKeys:
        """Those that were not revoked."""
        return await self._kept.known()

    async def find(self, key_id: str) -> ApiKey:
        """One of them.

        Raises:
            KeyNotFound: there is none, or it was revoked.
        """
        known = await self._kept.known()
        by_id = {key.id: key for key in known.by_digest.values()}
        return found(by_id.get(key_id), key_id)

    async def change(self, key: ApiKey) -> ApiKey:
        """Let a key be as this says; running gateways heed it within seconds.

        Raises:
            KeyNotFound: there is none, or it was revoked.
        """
        return found(await self._kept.change(key), key.id)

    async def rotate(self, key_id: str, overlap_s: float = OVERLAP_S) -> tuple[ApiKey, str]:
        """Give a key a new secret; the one before works for so long, one before that no more.

        Raises:
            KeyNotFound: there is none, or it was revoked.
            InvalidRequest: its secret comes from the settings.
        """
        if key_id == BOOTSTRAP_ID:
            message = "this key's secret is REELGATE_BOOTSTRAP_KEY: change it there"
            raise InvalidRequest(message)
        secret = new_secret()
        until = self._clock.now() + overlap_s
        return found(await self._kept.rotate(key_id, digest_of(secret), until), key_id), secret

    async def revoke(self, key_id: str) -> KeyStanding:
        """Let nobody use a key any more; its videos stay. How the gateway stands without it.

        Raises:
            KeyNotFound: there is none, or it was revoked before.
        """
        if not await self._kept.revoke(key_id):
            found(None, key_id)
        return (await self._kept.known()).standing


def found(key: ApiKey | None, key_id: str) -> ApiKey:
    if key is None:
        message = f"there is no API key {brief(key_id)}"
        raise KeyNotFound(message, param="key_id")
    return key
