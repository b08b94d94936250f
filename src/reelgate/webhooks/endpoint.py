"""Where webhooks may go."""

from __future__ import annotations

from yarl import URL

from reelgate.errors import InvalidRequest, Problem
from reelgate.netguard import check_url


def check_endpoint(url: str, *, can_sign: bool, allow_private: bool) -> str:
    """An address that a caller wants to be told at.

    Raises:
        InvalidRequest: naming `webhook_url` and what is wrong with it.
    """
    if not can_sign:
        message = (
            "webhook_url cannot be used: this gateway has no REELGATE_WEBHOOK_SECRET to sign with"
        )
        raise InvalidRequest(problems=(Problem("webhook_url", message),))
    check_url(url, param="webhook_url", allow_private=allow_private)
    return url


def origin_of(url: str) -> str:
    """The server behind an address: scheme, host and port."""
    return str(URL(url).origin())
