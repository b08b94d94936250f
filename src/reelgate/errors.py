"""Every way a request or a job can end badly, in one tree; docs/errors.md lists them.

A class's docstring is its default message. Each class knows its public code, its HTTP status and
whether waiting helps; an upstream error also knows whether the upstream surely refused the
request, because only then may a submit be sent again.
"""

from __future__ import annotations

import reprlib
from dataclasses import dataclass
from typing import Any, ClassVar

MAX_SHOWN_CHARS = 80
"""How much of a refused value an error repeats."""

SHORT = reprlib.Repr()
SHORT.maxlevel = 3
SHORT.maxstring = SHORT.maxlong = SHORT.maxother = MAX_SHOWN_CHARS


def brief(value: object) -> str:
    """A value that a caller sent, for a message: as Python writes it, however long or deep."""
    return SHORT.repr(value)


@dataclass(frozen=True, slots=True)
class Problem:
    """One field that cannot be accepted: which, what it held and what would be allowed."""

    param: str
    message: str
    value: Any = None
    allowed: tuple[Any, ...] | None = None


class ReelgateError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    kind: ClassVar[str] = "server_error"
    """The ``error.type`` that OpenAI's clients know."""

    def __init__(
        self,
        message: str | None = None,
        *,
        param: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        self.message = message or " ".join((type(self).__doc__ or "").split())
        self.param = param
        self.retry_after_s = retry_after_s
        super().__init__(self.message)


class CallerError(ReelgateError):
    """The caller has to change something."""

    kind = "invalid_request_error"


class InvalidRequest(CallerError):
    """The request holds a value that is not allowed."""

    code = "invalid_request"
    status = 422

    def __init__(self, message: str | None = None, *, problems: tuple[Problem, ...] = ()) -> None:
        sentence = message or "; ".join(problem.message for problem in problems) or None
        super().__init__(sentence, param=problems[0].param if problems else None)
        self.problems = problems


class MalformedRequest(InvalidRequest):
    """The request cannot be read."""

    status = 400


class InvalidApiKey(ReelgateError):
    """The API key is missing or wrong: send `Authorization: Bearer rg_...`."""

    code = "invalid_api_key"
    status = 401
    kind = "authentication_error"


class InsufficientScope(ReelgateError):
    """This API key may not be used for this."""

    code = "insufficient_scope"
    status = 403
    kind = "permission_error"


class ModelNotAllowed(ReelgateError):
    """This API key may not ask for this model."""

    code = "model_not_allowed"
    status = 403
    kind = "permission_error"


class PriceRefused(ReelgateError):
    """This API key may not pay what the video costs, or what nobody knows the price of."""

    code = "price_refused"
    status = 403
    kind = "permission_error"


class ForeignOrigin(ReelgateError):
    """A page of another origin may not do this without an API key."""

    code = "foreign_origin"
    status = 403
    kind = "permission_error"


class UnknownHost(ReelgateError):
    """The gateway may not be called by this host name without an API key."""

    code = "unknown_host"
    status = 403
    kind = "permission_error"


class CameThroughProxy(ReelgateError):
    """A request that came through a proxy may come from anywhere, and needs an API key."""

    code = "proxied_request"
    status = 403
    kind = "permission_error"


class VideoNotFound(CallerError):
    """There is no such video."""

    code = "video_not_found"
    status = 404


class CharacterNotFound(CallerError):
    """There is no such character."""

    code = "character_not_found"
    status = 404


class KeyNotFound(CallerError):
    """There is no such API key."""

    code = "key_not_found"
    status = 404


class ModelNotFound(CallerError):
    """There is no such model."""

    code = "model_not_found"
    status = 404


class RouteNotFound(CallerError):
    """There is nothing at this address; /docs lists what there is."""

    code = "not_found"
    status = 404


class MethodNotAllowed(CallerError):
    """This address does not take this method; /docs lists what it takes."""

    code = "method_not_allowed"
    status = 405


class VideoNotReady(CallerError):
    """The video is not finished yet; ask again when its status is `completed`."""

    code = "video_not_ready"
    status = 409


class VideoExpired(CallerError):
    """The video's file is no longer kept."""

    code = "video_expired"
    status = 410


class ReferenceExpired(CallerError):
    """A picture, video or sound of this request is no longer kept: send it again with the file."""

    code = "reference_expired"
    status = 410


class RequestTimeout(CallerError):
    """The request took too long to arrive."""

    code = "request_timeout"
    status = 408


class UriTooLong(CallerError):
    """The request's address is longer than the 8192 bytes allowed."""

    code = "uri_too_long"
    status = 414


class HeadersTooLarge(CallerError):
    """The request's headers are more than the 100, or larger than the 32768 bytes, allowed."""

    code = "headers_too_large"
    status = 431


class RequestTooLarge(CallerError):
    """The request's body is too large."""

    code = "request_too_large"
    status = 413


class UnsupportedMedia(CallerError):
    """The request's content type is not one this address reads."""

    code = "unsupported_media"
    status = 415


class RangeNotSatisfiable(CallerError):
    """The range lies beyond the end of the file."""

    code = "range_not_satisfiable"
    status = 416

    def __init__(self, message: str | None = None, *, size_bytes: int | None = None) -> None:
        super().__init__(message)
        self.size_bytes = size_bytes


class IdempotencyMismatch(CallerError):
    """This Idempotency-Key was used before with another request."""

    code = "idempotency_mismatch"
    status = 422


class InternalError(ReelgateError):
    """The gateway made a mistake; its log tells more under this request's id."""


class Overloaded(ReelgateError):
    """The gateway has as much work as it can take; try again later."""

    code = "overloaded"
    status = 503


class ShuttingDown(ReelgateError):
    """The gateway is stopping; the job goes on when it is back, so ask again."""

    code = "shutting_down"
    status = 503


class StorageFailed(ReelgateError):
    """The finished video could not be stored."""

    code = "storage_failed"
    status = 507
    temporary: ClassVar[bool] = True
    """Does waiting help? A full disk is freed, a bucket comes back."""


class DatabaseAway(StorageFailed):
    """The database cannot be used for now, by anybody; the log has said so already."""


class SecretsUnreadable(StorageFailed):
    """The credential in the database cannot be read: sign in again."""

    temporary = False


class TooLargeToKeep(StorageFailed):
    """The finished video is larger than what this gateway keeps."""

    temporary = False


class Cancelled(CallerError):
    """The video was cancelled."""

    code = "cancelled"
    status = 409


class SubmissionUnknown(ReelgateError):
    """The gateway cannot tell whether the upstream accepted the job, so it did not send it again.

    Look in the provider's own gallery before you ask for the same video once more: it may have
    been made and paid for.
    """

    code = "submission_unknown"
    status = 502


class UpstreamError(ReelgateError):
    """The upstream refused or failed the job."""

    code = "upstream_failed"
    status = 502
    temporary: ClassVar[bool] = False
    """Does waiting help?"""
    surely_refused: ClassVar[bool] = True
    """Is it certain that the upstream did not act on the request that this error answers?"""

    def __init__(
        self,
        message: str | None = None,
        *,
        param: str | None = None,
        retry_after_s: float | None = None,
        upstream: str | None = None,
    ) -> None:
        super().__init__(message, param=param, retry_after_s=retry_after_s)
        self.upstream = upstream
        """A short, redacted excerpt of what the upstream said: for the log, never for a caller."""


class RateLimited(UpstreamError):
    """Too many requests; slow down."""

    code = "rate_limited"
    status = 429
    kind = "rate_limit_error"
    temporary = True


class UpstreamUnavailable(UpstreamError):
    """The upstream could not be reached or said that it is not available for now."""

    temporary = True


class UpstreamFault(UpstreamError):
    """The upstream answered with a fault of its own."""

    temporary = True
    surely_refused = False


class ProxyAnswered(UpstreamError):
    """Something between the gateway and the upstream answered in the upstream's place."""

    temporary = True
    surely_refused = False


class AnswerLost(UpstreamError):
    """The request was sent, but the connection broke or timed out before the answer."""

    code = "upstream_timeout"
    status = 504
    temporary = True
    surely_refused = False


class UpstreamTimeout(UpstreamError):
    """The upstream did not finish the video in time; it may still make it, and it may be paid."""

    code = "upstream_timeout"
    status = 504
    surely_refused = False


class UpstreamBadResponse(UpstreamError):
    """The upstream's answer makes no sense."""

    code = "upstream_bad_response"
    surely_refused = False


class UnplayableVideo(UpstreamBadResponse):
    """The upstream served a whole file that is no playable video."""


class UpstreamUnauthorized(UpstreamError):
    """The gateway's own credentials for the upstream are no longer accepted."""

    code = "upstream_unauthorized"


class InsufficientCredits(UpstreamError):
    """The upstream account has no credits left."""

    code = "insufficient_credits"
    status = 402
    kind = "insufficient_quota"


class ModerationBlocked(UpstreamError):
    """The upstream's moderation refused the prompt."""

    code = "moderation_blocked"
    status = 403
    kind = "invalid_request_error"


JOB_ERRORS: dict[str, type[ReelgateError]] = {
    error.code: error
    for error in (
        UpstreamError,
        RateLimited,
        UpstreamTimeout,
        UpstreamBadResponse,
        UpstreamUnauthorized,
        InsufficientCredits,
        ModerationBlocked,
        SubmissionUnknown,
        StorageFailed,
        Cancelled,
        VideoExpired,
        InternalError,
        ModelNotFound,
    )
}
"""What a failed job's stored code means to a caller who waits for it."""


def job_error(code: str, message: str, *, retry_after_s: float | None = None) -> ReelgateError:
    """The error that answers a caller whose job failed with this code."""
    return JOB_ERRORS.get(code, UpstreamError)(message, retry_after_s=retry_after_s)
