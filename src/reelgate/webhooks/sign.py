"""Signatures of Standard Webhooks 1.0.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

Ours, because it is one HMAC: the reference library would bring itself in as a dependency of every
installation, takes the time as a `datetime` whose zone it overwrites, and signs with one key only.
The tests verify with it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence


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
