"""The keys that encrypt what is secret in the database, as a setting or a file spells them."""

from __future__ import annotations

import base64
import binascii

KEY_BYTES = 32
HOW_TO_MAKE_ONE = "make one with: openssl rand -base64 32"
NOT_BASE64_URL = bytes.maketrans(b"+/", b"-_")


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
