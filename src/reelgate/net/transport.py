"""Network failures, told as errors of ours once and for all.

What decides is whether any byte of the request may have been sent. aiohttp tells: everything that
can go wrong before a connection stands is a `ClientConnectorError`, a `ClientSSLError` or a
`ConnectionTimeoutError` (`aiohttp.client_exceptions`); whatever else happens, happens later.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from reelgate.errors import AnswerLost, UpstreamBadResponse, UpstreamError, UpstreamUnavailable


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one class of failures means, and the sentence that says so."""

    of: type[Exception]
    kind: type[UpstreamError]
    sentence: str


# The first row that fits counts.
MEANINGS = (
    Meaning(
        aiohttp.RedirectClientError, UpstreamBadResponse, "{host} redirects to what is no address."
    ),
    Meaning(aiohttp.InvalidURL, UpstreamError, "The address of {host} is not a valid URL."),
    Meaning(
        aiohttp.NonHttpUrlClientError, UpstreamError, "The address of {host} is not an HTTP one."
    ),
    Meaning(
        aiohttp.ClientConnectorDNSError,
        UpstreamUnavailable,
        "The name {host} could not be resolved.",
    ),
    Meaning(
        aiohttp.ClientSSLError,
        UpstreamUnavailable,
        "No trusted TLS connection to {host} could be made.",
    ),
    Meaning(
        aiohttp.ConnectionTimeoutError, UpstreamUnavailable, "Connecting to {host} took too long."
    ),
    Meaning(
        aiohttp.ClientConnectorError,
        UpstreamUnavailable,
        "No connection to {host} could be made.",
    ),
    Meaning(
        aiohttp.ClientResponseError,
        UpstreamBadResponse,
        "The answer of {host} cannot be read as HTTP.",
    ),
    Meaning(TimeoutError, AnswerLost, "{host} did not answer in time."),
    Meaning(
        Exception, AnswerLost, "The connection to {host} broke before the whole answer was there."
    ),
)


@contextmanager
def network_errors_are_ours(url: str) -> Iterator[None]:
    """Run a piece of network work.

    Raises:
        UpstreamError: instead of every `aiohttp.ClientError`, `OSError` and `TimeoutError`.
    """
    try:
        yield
    except (aiohttp.ClientError, OSError) as exc:
        raise transport_error(exc, host_of(url)) from bare(exc)


def transport_error(exc: Exception, host: str) -> UpstreamError:
    """What this failure of the network means for the request that met it."""
    meaning = next(meaning for meaning in MEANINGS if isinstance(exc, meaning.of))
    return meaning.kind(meaning.sentence.format(host=host))


def read_url(address: str) -> URL:
    """An address that a stranger wrote.

    Raises:
        aiohttp.InvalidURL: it is none; this is a `ValueError`, too.
    """
    try:
        return URL(address)
    except (ValueError, IndexError):
        # The second is what yarl 1.25 makes of `https://[]@`.
        raise aiohttp.InvalidURL(address) from None


def host_of(url: str) -> str:
    """The host of a URL, for messages; addresses that cannot be read have none."""
    try:
        return read_url(url).host or "the upstream"
    except ValueError:
        return "the upstream"


def bare(exc: Exception) -> Exception:
    """The same error without its traceback and its request.

    The frames of the traceback hold a connection's buffers, which hold the error: together they
    would wait for the garbage collector. The request's headers hold the bearer token.
    """
    exc.__traceback__ = None
    if isinstance(exc, aiohttp.ClientResponseError):
        info = exc.request_info
        nothing: CIMultiDictProxy[str] = CIMultiDictProxy(CIMultiDict())
        exc.request_info = aiohttp.RequestInfo(info.url, info.method, nothing, info.real_url)
        exc.history = ()
        exc.args = ()
    return exc
