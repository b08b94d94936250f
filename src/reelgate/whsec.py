"""A Standard Webhooks secret: `whsec_` and the key in base64."""

from __future__ import annotations

import base64
import binascii

PREFIX = "whsec_"
MIN_KEY_BYTES = 24
MAX_KEY_BYTES = 64


def decode_secret(secret: str) -> bytes:
    """The key in a secret, as Standard Webhooks 1.0 spells it.

    Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

    Raises:
        ValueError: it is none; the message does not repeat it.
    """
    how = f"make one with: echo {PREFIX}$(openssl rand -base64 32)"
    if not secret.startswith(PREFIX):
        message = f"it does not begin with {PREFIX}: {how}"
        raise ValueError(message)
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        message = f"what follows {PREFIX} is not base64: {how}"
        raise ValueError(message) from None
    if not MIN_KEY_BYTES <= len(key) <= MAX_KEY_BYTES:
        message = f"its key has {len(key)} bytes instead of {MIN_KEY_BYTES} to {MAX_KEY_BYTES}"
        raise ValueError(f"{message}: {how}")
    return key


def decode_secrets(secrets: str) -> tuple[bytes, ...]:
    """The keys in a setting that holds several secrets, separated by blanks.

    Raises:
        ValueError: one of them is none.
    """
    return tuple(decode_secret(secret) for secret in secrets.split())
