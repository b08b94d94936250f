"""Keys that encrypt, and keys that sign webhooks, as settings and files spell them."""

from __future__ import annotations

import base64
import binascii

KEY_BYTES = 32
HOW_TO_MAKE_ONE = "make one with: openssl rand -base64 32"
NOT_BASE64_URL = bytes.maketrans(b"+/", b"-_")
WEBHOOK_PREFIX = "whsec_"
SIGNING_BYTES = range(24, 65)


def decode_keys(keys: str) -> tuple[bytes, ...]:
    """The keys in a setting that holds several, separated by blanks: the first one encrypts.

    Returns:
        Each as Fernet writes it.

    Raises:
        ValueError: one of them is none; the message does not repeat it.
    """
    return tuple(_decode_key(key.encode(errors="replace")) for key in keys.split())


def _decode_key(key: bytes) -> bytes:
    try:
        raw = base64.b64decode(key.translate(NOT_BASE64_URL), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        message = f"it is not base64: {HOW_TO_MAKE_ONE}"
        raise ValueError(message) from None
    if len(raw) != KEY_BYTES:
        message = f"it has {len(raw)} bytes instead of {KEY_BYTES}: {HOW_TO_MAKE_ONE}"
        raise ValueError(message)
    return base64.urlsafe_b64encode(raw)


def decode_secret(secret: str) -> bytes:
    """The key in a secret, as Standard Webhooks 1.0 spells it.

    Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

    Raises:
        ValueError: it is none; the message does not repeat it.
    """
    how = f"make one with: echo {WEBHOOK_PREFIX}$(openssl rand -base64 32)"
    if not secret.startswith(WEBHOOK_PREFIX):
        message = f"it does not begin with {WEBHOOK_PREFIX}: {how}"
        raise ValueError(message)
    try:
        key = base64.b64decode(secret.removeprefix(WEBHOOK_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        message = f"what follows {WEBHOOK_PREFIX} is not base64: {how}"
        raise ValueError(message) from None
    if len(key) not in SIGNING_BYTES:
        least, most = SIGNING_BYTES[0], SIGNING_BYTES[-1]
        message = f"its key has {len(key)} bytes instead of {least} to {most}"
        raise ValueError(f"{message}: {how}")
    return key


def decode_secrets(secrets: str) -> tuple[bytes, ...]:
    """The keys in a setting that holds several secrets, separated by blanks.

    Raises:
        ValueError: one of them is none.
    """
    return tuple(decode_secret(secret) for secret in secrets.split())
