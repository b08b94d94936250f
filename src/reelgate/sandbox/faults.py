"""The table of faults a sandbox can inject, and which applies to which request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


class Operation(StrEnum):
    """What a caller wants of the provider."""

    SUBMIT = "submit"
    """`POST /v1/video/upload`."""
    STATUS = "status"
    """`GET /v1/assets/{id}/status`."""
    LIST = "list"
    """`GET /v1/assets/status`."""
    ASSET = "asset"
    """`HEAD` or `GET /processed/{id}`."""
    HEAD = "head"
    """`HEAD /processed/{id}` of a video that is ready."""
    DOWNLOAD = "download"
    """`GET /processed/{id}` of a video that is ready."""
    REFRESH = "refresh"
    """`POST /auth/auth/other/refresh/web`."""
    CREDIT = "credit"
    """`GET /v1/credit`."""
    ORG = "org"
    """`GET /team/org`."""
    FOLDERS = "folders"
    """`GET /team/org/asset/`."""
    UPLOAD = "upload"
    """`POST /v1/assets/upload`."""
    METADATA = "metadata"
    """`GET /mcp/.well-known/oauth-authorization-server`."""
    REGISTER = "register"
    """`POST /auth/mcp/register`."""
    AUTHORIZE = "authorize"
    """`GET` or `POST /mcp/authorize`, in a browser."""
    TOKEN = "token"  # noqa: S105 - no password
    """`POST /auth/mcp/token`."""
    OTHER = "other"
    """Any other path: always 404, but on record."""


class Effect(Enum):
    """What a fault does to an answer or to a job."""

    ERROR = auto()
    """An error status in place of the answer."""
    HTML = auto()
    """A web page with status 200 in place of the answer."""
    RESET_BEFORE = auto()
    """The connection is reset and nothing was done."""
    RESET_AFTER = auto()
    """The work is done, then the connection is reset."""
    CUT_OFF = auto()
    """The work is done, half of the answer's body arrives."""
    LATE = auto()
    """The work is done, the answer comes late."""
    SLOW_BYTES = auto()
    """The body trickles."""
    GZIP = auto()
    """The body comes compressed, and says so."""
    OCTET_STREAM = auto()
    """The body's type says nothing."""
    REDIRECT = auto()
    """The reader is sent on to a private address, where the same thing is served."""
    NO_ID = auto()
    """The answer has no `id`."""
    NO_BATCH = auto()
    """The answer has no `batchId`."""
    ARRAY = auto()
    """The answer is an array whose first element is the object."""
    ODD = auto()
    """The job is accepted, and the answer holds a value that nobody expects."""
    FRONT = auto()
    """What a proxy in front of the provider says of its own, after the provider did the work."""
    NEVER = auto()
    """The job never gets ready."""
    FAIL = auto()
    """The job fails after a while."""
    ENDS = auto()
    """The job ends without a video, under any word."""
    SAYS = auto()
    """The status endpoint has a word of its own for a job that is at work."""
    READY = auto()
    """The job is ready at a given time."""
    CARD = auto()
    """In place of the video a card is served: a still picture, one second long."""
    MOVED = auto()
    """The file is only where the status endpoint says, and asks for the bearer there."""
    NOT_READY_403 = auto()
    """The asset host says 403, not 404, until the job is ready."""
    MODERATED = auto()
    """Moderation stops the job, in one of the disguises that its vendor has."""
    EXPIRES = auto()
    """The file is gone some time after the job got ready."""
    FORGOTTEN = auto()
    """The job is not known any more some time after it got ready."""
    ROTATES = auto()
    """Each poll tells another address of the file, and those told before are gone."""


SHAPING = frozenset(
    {
        Effect.NEVER,
        Effect.FAIL,
        Effect.ENDS,
        Effect.SAYS,
        Effect.READY,
        Effect.CARD,
        Effect.MOVED,
        Effect.NOT_READY_403,
        Effect.MODERATED,
        Effect.EXPIRES,
        Effect.FORGOTTEN,
        Effect.ROTATES,
    }
)
"""Effects that change the accepted job and not the answer to its submit."""

EVERYWHERE = tuple(Operation)
Parameter = float | str | None
"""A fault's own parameter: a number, a text, or not set."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the table.

    Attributes:
        name: As written in a directive.
        effect: What it does.
        meaning: One sentence for people.
        operations: What it can apply to; the first is the default.
        defaults: Its own parameters and their values when left out; None means not set. A text
            as the default says that the parameter is one.
        status: The HTTP status it answers with, where it is an error.
        choices: Its text parameters that take certain values only.
    """

    name: str
    effect: Effect
    meaning: str
    operations: tuple[Operation, ...] = EVERYWHERE
    defaults: Mapping[str, Parameter] = field(default_factory=dict)
    status: int = 200
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def _error(status: int, meaning: str, **more: Parameter) -> Fault:
    defaults: dict[str, Parameter] = {"accepted": 0.0}
    defaults |= {name.replace("_", "-"): value for name, value in more.items()}
    return Fault(str(status), Effect.ERROR, meaning, EVERYWHERE, defaults, status)


ODD_VALUES = (
    "cost-2-31",
    "cost-2-63",
    "cost-5000-digits",
    "cost-negative",
    "cost-fraction",
    "cost-text",
    "cost-nan",
    "batch-surrogate",
    "batch-nul",
    "batch-long",
    "batch-number",
    "id-number",
    "id-long",
    "latin-1",
    "control-character",
)
"""What an accepted submit's answer can hold; `answers.py` makes each."""
FRONTS = ("empty", "nginx", "envoy", "cloudflare", "haproxy", "alb", "gateway-json", "kong")
"""Proxies that can stand before the provider; `wire.py` has their responses."""
SUBMIT_ONLY = (Operation.SUBMIT,)
ASSET_FIRST = (Operation.ASSET, *(one for one in Operation if one is not Operation.ASSET))
ASSET_ONLY = (Operation.ASSET, Operation.HEAD, Operation.DOWNLOAD)

TABLE: tuple[Fault, ...] = (
    _error(400, "bad request"),
    _error(401, "the bearer token is dead"),
    _error(402, "the credits are used up"),
    _error(403, "refused; a submit's parent belongs to someone else"),
    _error(404, "not found"),
    _error(405, "method not allowed"),
    _error(410, "gone"),
    _error(429, "slow down, with `Retry-After` if given", retry_after=None),
    _error(500, "internal error"),
    _error(501, "not implemented"),
    _error(502, "bad gateway"),
    _error(503, "unavailable, with `Retry-After` if given", retry_after=None),
    _error(504, "gateway timeout"),
    Fault("html", Effect.HTML, "a web page with status 200; nothing was done"),
    Fault("reset-before", Effect.RESET_BEFORE, "connection reset; nothing was done"),
    Fault("reset-after", Effect.RESET_AFTER, "done (a submit: accepted), then connection reset"),
    Fault("cut-off", Effect.CUT_OFF, "done, but the answer's body ends in the middle"),
    Fault(
        "late", Effect.LATE, "done, but answered `after` seconds later", EVERYWHERE, {"after": 5}
    ),
    Fault(
        "slow-bytes",
        Effect.SLOW_BYTES,
        "the body comes at `rate` bytes a second",
        ASSET_FIRST,
        {"rate": 65536},
    ),
    Fault("gzip", Effect.GZIP, "the body comes compressed, and says so", ASSET_ONLY),
    Fault("octet-stream", Effect.OCTET_STREAM, "the body's type says nothing", ASSET_ONLY),
    Fault(
        "redirect",
        Effect.REDIRECT,
        "the reader is sent on to a private address, where the same thing is served",
        ASSET_ONLY,
    ),
    Fault("no-id", Effect.NO_ID, "accepted, but the answer has no `id`", SUBMIT_ONLY),
    Fault("no-batch", Effect.NO_BATCH, "the answer has no `batchId`", SUBMIT_ONLY),
    Fault("array", Effect.ARRAY, "the answer is an array with the object in it", SUBMIT_ONLY),
    Fault(
        "odd",
        Effect.ODD,
        "accepted, and the answer holds the odd `value`",
        SUBMIT_ONLY,
        {"value": "cost-2-63"},
        choices={"value": ODD_VALUES},
    ),
    Fault(
        "front",
        Effect.FRONT,
        "`status` in the words of the proxy `by`, after the work was done unless `accepted=0`",
        EVERYWHERE,
        {"status": 503, "by": "nginx", "accepted": 1, "retry-after": None},
        choices={"by": FRONTS},
    ),
    Fault("never", Effect.NEVER, "the job never gets ready", SUBMIT_ONLY),
    Fault("fail", Effect.FAIL, "the job fails `after` seconds", SUBMIT_ONLY, {"after": 1}),
    Fault(
        "ends",
        Effect.ENDS,
        "the job ends `after` seconds, under the word `as`, without a video",
        SUBMIT_ONLY,
        {"as": "finished", "after": 1, "reason": ""},
    ),
    Fault(
        "says",
        Effect.SAYS,
        "the status endpoint says `as` while the job is at work",
        SUBMIT_ONLY,
        {"as": "upscaling"},
    ),
    Fault(
        "ready", Effect.READY, "the job is ready `after` exactly so long", SUBMIT_ONLY, {"after": 0}
    ),
    Fault("card", Effect.CARD, "a card in place of the video: one second, still", SUBMIT_ONLY),
    Fault("moved", Effect.MOVED, "the file is only where the status endpoint says", SUBMIT_ONLY),
    Fault(
        "not-ready-403",
        Effect.NOT_READY_403,
        "the asset host says 403, not 404, until the job is ready",
        SUBMIT_ONLY,
    ),
    Fault(
        "moderated",
        Effect.MODERATED,
        "moderation stops it `at` the submit, in the job, or in its result",
        SUBMIT_ONLY,
        {"at": "job", "after": 0},
        choices={"at": ("submit", "job", "result")},
    ),
    Fault(
        "expires",
        Effect.EXPIRES,
        "the file is gone `after` seconds of being ready (not imagine.art)",
        SUBMIT_ONLY,
        {"after": 0},
    ),
    Fault(
        "forgotten",
        Effect.FORGOTTEN,
        "the job is not known `after` seconds of being ready (not imagine.art)",
        SUBMIT_ONLY,
        {"after": 0},
    ),
    Fault(
        "rotates",
        Effect.ROTATES,
        "each poll tells a new address of the file, and the old one is gone (not imagine.art)",
        SUBMIT_ONLY,
    ),
)
FAULTS: Mapping[str, Fault] = {fault.name: fault for fault in TABLE}
