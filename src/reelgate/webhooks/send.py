"""One attempt to deliver one message."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

import aiohttp

from reelgate.clock import Clock
from reelgate.outbound import was_refused
from reelgate.providers.answer import Answer
from reelgate.providers.refusal import retry_after_s
from reelgate.providers.transport import transport_error
from reelgate.store.webhooks import Message
from reelgate.webhooks.sign import Signer

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
        """`session` is one of `reelgate.outbound`, with `TIMEOUT_S`."""
        self._session = session
        self._signer = signer
        self._clock = clock

    async def send(self, message: Message) -> Reply:
        """Try once. Redirects are not followed: only the address that was named is told."""
        body = message.body.encode()
        headers = self._signer.headers(message.id, self._clock.now(), body)
        headers["Content-Type"] = "application/json"
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
        answer = Answer(response.status, response.headers, received_at_s=self._clock.now())
        return Reply(response.status, retry_after_s(answer))


def failed(error: Exception, origin: str) -> Reply:
    """An attempt without an answer."""
    if was_refused(error):
        return Reply(error="the address lies in a private or reserved network", refused=True)
    return Reply(error=transport_error(error, origin).message)
