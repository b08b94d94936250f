"""One signed attempt to deliver one message (Standard Webhooks 1.0)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

import aiohttp

from reelgate.clock import Clock
from reelgate.db.webhooks import Message
from reelgate.net.client import HttpResponse
from reelgate.net.ssrf import was_refused
from reelgate.net.transport import transport_error
from reelgate.providers.errors import retry_after_s


class Signer:
    """Signs with every key, so that a secret can be changed while receivers know the old one."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = tuple(keys)

    def __repr__(self) -> str:
        return f"Signer({len(self._keys)} keys)"

    def headers(self, message_id: str, now: float, body: bytes) -> dict[str, str]:
        """The three headers of an attempt made at this Unix time.

        The time is the attempt's own: receivers refuse one that is more than five minutes old.
        """
        timestamp = str(int(now))
        signed = b".".join((message_id.encode(), timestamp.encode(), body))
        return {
            "webhook-id": message_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": " ".join(signature(key, signed) for key in self._keys),
        }


def signature(key: bytes, signed: bytes) -> str:
    """`v1,` and the HMAC-SHA256 in base64."""
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


TIMEOUT_S = 15.0
PATIENT = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
"""The answers whose `Retry-After` is kept to."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of an attempt: a status, or why there is none.

    `refused`: the address is private, and nothing was sent.
    """

    status: int | None = None
    retry_after_s: float | None = None
    error: str | None = None
    refused: bool = False


class Sender:
    """Posts messages, each signed anew."""

    def __init__(self, session: aiohttp.ClientSession, signer: Signer, clock: Clock) -> None:
        """`session` is one of `reelgate.net.ssrf`, with `TIMEOUT_S`."""
        self._session = session
        self._signer = signer
        self._clock = clock

    async def send(self, message: Message, more: Mapping[str, str] | None = None) -> Reply:
        """Try once, with more headers; redirects are not followed: only who was named is told."""
        body = message.body.encode()
        headers = self._signer.headers(message.id, self._clock.now(), body)
        headers |= {"Content-Type": "application/json", **(more or {})}
        try:
            async with self._session.post(
                message.url, data=body, headers=headers, allow_redirects=False
            ) as response:
                return self._reply(response)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return failed(error, message.origin)

    def _reply(self, response: aiohttp.ClientResponse) -> Reply:
        """The head says it all; the body is not read."""
        if response.status not in PATIENT:
            return Reply(response.status)
        head = HttpResponse(response.status, response.headers, received_at_s=self._clock.now())
        return Reply(head.status, retry_after_s(head))


def failed(error: Exception, origin: str) -> Reply:
    """An attempt without an answer."""
    if was_refused(error):
        return Reply(error="the address lies in a private or reserved network", refused=True)
    return Reply(error=transport_error(error, origin).message)
