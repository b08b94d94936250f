"""The table of faults a sandbox can inject, and which applies to which request."""

from __future__ import annotations

import re
import shlex
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


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


class UnknownFaultError(ValueError):
    """No such fault, operation or parameter; the message says what there is."""


@dataclass(frozen=True, slots=True)
class FaultRule:
    """A fault with its operation, its parameters and how often it applies (None: always).

    `for_s` counts from the first time.
    """

    fault: Fault
    operation: Operation
    parameters: Mapping[str, Parameter]
    times: int | None = None
    for_s: float | None = None

    def number(self, name: str) -> float | None:
        """The value of a parameter that is a number."""
        value = self.parameters.get(name)
        return None if isinstance(value, str) else value

    def text(self, name: str) -> str:
        """The value of a parameter that is a text; empty when it has none."""
        value = self.parameters.get(name)
        return value if isinstance(value, str) else ""

    def __str__(self) -> str:
        """Write it as a directive's inside, so that `parse_rule` reads it back."""
        default = self.operation is self.fault.operations[0]
        words = [self.fault.name if default else f"{self.operation}-{self.fault.name}"]
        given = {key: value for key, value in self.parameters.items() if value is not None}
        words += [f"{key}={_formatted(value)}" for key, value in given.items()]
        limits = {"times": self.times, "for": self.for_s}
        words += [f"{key}={value:g}" for key, value in limits.items() if value is not None]
        return " ".join(words)


def make_rule(
    name: str,
    *,
    operation: str | None = None,
    parameters: Mapping[str, object] | None = None,
) -> FaultRule:
    """Check a fault's name, operation and parameters against the table.

    Raises:
        UnknownFaultError: If the table has no such thing.
    """
    fault, applied = _look_up(name, operation)
    given = dict(parameters or {})
    times, for_s = given.pop("times", None), given.pop("for", None)
    unknown = sorted(set(given) - set(fault.defaults))
    if unknown:
        allowed = ", ".join(["times", "for", *fault.defaults])
        raise UnknownFaultError(f"{fault.name} takes {allowed}; not {', '.join(unknown)}")
    values = {key: _value(fault, key, value) for key, value in given.items()}
    return FaultRule(
        fault,
        applied,
        {**fault.defaults, **values},
        None if times is None else int(_number("times", times)),
        None if for_s is None else _number("for", for_s),
    )


def parse_rule(text: str) -> FaultRule:
    """Read a directive's inside, such as `429 retry-after=2 times=3`.

    Raises:
        UnknownFaultError: If the table has no such thing.
    """
    try:
        name, *pairs = shlex.split(text) or [""]
    except ValueError as exc:
        raise UnknownFaultError(f"{text!r} cannot be read: {exc}") from None
    wrong = [pair for pair in pairs if "=" not in pair]
    if wrong:
        raise UnknownFaultError(f"a parameter is written key=value, not {wrong[0]}")
    return make_rule(name, parameters=dict(pair.split("=", 1) for pair in pairs))


def find_directives(prompt: str) -> tuple[FaultRule, ...]:
    """The rules that a prompt asks for, in its order.

    Raises:
        UnknownFaultError: If one is not in the table.
    """
    return tuple(parse_rule(text) for text in _DIRECTIVE.findall(prompt))


_DIRECTIVE = re.compile(r"\[\[([^\[\]]*)\]\]")


def _look_up(name: str, operation: str | None) -> tuple[Fault, Operation]:
    prefix, _, rest = name.partition("-")
    if operation is None and name not in FAULTS and rest in FAULTS:
        operation, name = prefix, rest
    fault = FAULTS.get(name)
    if fault is None:
        raise UnknownFaultError(f"unknown fault {name!r}: the faults are {', '.join(FAULTS)}")
    if operation is None:
        return fault, fault.operations[0]
    if operation not in {str(one) for one in fault.operations}:
        allowed = ", ".join(fault.operations)
        raise UnknownFaultError(f"{name} applies to {allowed}; not {operation!r}")
    return fault, Operation(operation)


def _formatted(value: float | str) -> str:
    return shlex.quote(value) if isinstance(value, str) else f"{value:g}"


def _value(fault: Fault, key: str, value: object) -> Parameter:
    if not isinstance(fault.defaults[key], str):
        return _number(key, value)
    choices = fault.choices.get(key)
    if choices is not None and value not in choices:
        raise UnknownFaultError(f"{key} is one of {', '.join(choices)}; not {value!r}")
    return str(value)


def _number(key: str, value: object) -> float:
    try:
        number = float(str(value))
    except ValueError:
        raise UnknownFaultError(f"{key} is a number, not {value!r}") from None
    if not 0 <= number < float("inf"):
        raise UnknownFaultError(f"{key} is a number from 0 up, not {value!r}")
    return number


class FaultInjector:
    """Keeps the armed faults and counts how often each has applied."""

    def __init__(self) -> None:
        self._armed: list[FaultRule] = []
        self._applied: Counter[tuple[str, str]] = Counter()
        self._applied_armed: Counter[int] = Counter()
        self._began_s: dict[object, float] = {}

    @property
    def armed(self) -> tuple[tuple[FaultRule, int], ...]:
        """The armed rules, each with how often it has applied."""
        return tuple((rule, self._applied_armed[id(rule)]) for rule in self._armed)

    def arm(self, rule: FaultRule) -> None:
        """Let a fault rule from now on, whatever the prompt."""
        self._armed.append(rule)

    def disarm(self) -> None:
        """Forget all armed faults."""
        self._armed.clear()
        self._applied_armed.clear()
        self._began_s.clear()

    def take(
        self,
        operation: Operation,
        scope: str,
        directives: Iterable[FaultRule],
        *,
        skip: frozenset[Effect] = frozenset(),
    ) -> FaultRule | None:
        """The fault for this response; it is counted as applied.

        Armed faults come before directives. `scope` is what a directive's `times` and `for` count
        for: the prompt at a submit, the job's id at a poll. Effects in `skip` do not
        apply this time.
        """

        def fits(rule: FaultRule) -> bool:
            return rule.operation is operation and rule.fault.effect not in SHAPING | skip

        armed = (one for one in self._armed if fits(one) and self._use_armed(one))
        asked = (one for one in directives if fits(one) and self._use(one, scope))
        return next(chain(armed, asked), None)

    def moderates(self, prompt: str, directives: Iterable[FaultRule]) -> bool:
        """Whether moderation stops this submit; it is counted as applied."""
        return any(
            rule.fault.effect is Effect.MODERATED
            and rule.text("at") == "submit"
            and self._use(rule, prompt)
            for rule in directives
        )

    def take_shaping(self) -> tuple[FaultRule, ...]:
        """The armed faults that shape the job accepted now, and count them."""
        shaping = [rule for rule in self._armed if rule.fault.effect in SHAPING]
        return tuple(rule for rule in shaping if self._use_armed(rule))

    def _use_armed(self, rule: FaultRule) -> bool:
        if rule.times is not None and self._applied_armed[id(rule)] >= rule.times:
            return False
        if self._is_past(rule, id(rule)):
            return False
        self._applied_armed[id(rule)] += 1
        return True

    def _use(self, rule: FaultRule, scope: str) -> bool:
        key = (scope, str(rule))
        if self._is_past(rule, key):
            return False
        if rule.times is None:
            return True
        if self._applied[key] >= rule.times:
            return False
        self._applied[key] += 1
        return True

    def _is_past(self, rule: FaultRule, key: object) -> bool:
        """Whether the seconds of a rule, counted from its first one, are over."""
        if rule.for_s is None:
            return False
        now_s = time.monotonic()
        return now_s - self._began_s.setdefault(key, now_s) >= rule.for_s
