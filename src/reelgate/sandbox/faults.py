"""The faults a sandbox can show: one table for the prompt's directives and the control endpoint.

A directive is written `[[name key=value ...]]` inside the prompt. A name may carry the operation
it strikes as a prefix (`[[status-503 times=2]]`, `[[asset-cut-off]]`); without one it strikes the
first of its operations in the table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto


class Operation(StrEnum):
    """What a caller wants of the provider."""

    SUBMIT = "submit"
    """`POST /v1/video/upload`."""
    STATUS = "status"
    """`GET /v1/assets/{id}/status`."""
    ASSET = "asset"
    """`HEAD` or `GET /processed/{id}`."""
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
    NO_ID = auto()
    """The answer has no `id`."""
    NO_BATCH = auto()
    """The answer has no `batchId`."""
    ARRAY = auto()
    """The answer is an array whose first element is the object."""
    NEVER = auto()
    """The job never gets ready."""
    FAIL = auto()
    """The job fails after a while."""
    READY = auto()
    """The job is ready at a given time."""
    NOT_READY_403 = auto()
    """The asset host says 403, not 404, until the job is ready."""


SHAPING = frozenset({Effect.NEVER, Effect.FAIL, Effect.READY, Effect.NOT_READY_403})
"""Effects that change the accepted job and not the answer to its submit."""

EVERYWHERE = tuple(Operation)


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the table.

    Attributes:
        name: As written in a directive.
        effect: What it does.
        meaning: One sentence for people.
        operations: What it can strike; the first is meant when none is said.
        defaults: Its own parameters and their values when left out; None means not set.
        status: The HTTP status it answers with, where it is an error.
    """

    name: str
    effect: Effect
    meaning: str
    operations: tuple[Operation, ...] = EVERYWHERE
    defaults: Mapping[str, float | None] = field(default_factory=dict)
    status: int = 200


def _error(status: int, meaning: str, **more: float | None) -> Fault:
    defaults = {"accepted": 0.0} | {name.replace("_", "-"): value for name, value in more.items()}
    return Fault(str(status), Effect.ERROR, meaning, EVERYWHERE, defaults, status)


SUBMIT_ONLY = (Operation.SUBMIT,)
ASSET_FIRST = (Operation.ASSET, *(one for one in Operation if one is not Operation.ASSET))

TABLE: tuple[Fault, ...] = (
    _error(400, "bad request"),
    _error(401, "the bearer token is dead"),
    _error(402, "the credits are used up"),
    _error(403, "refused; a submit's parent belongs to someone else"),
    _error(404, "not found"),
    _error(429, "slow down, with `Retry-After` if given", retry_after=None),
    _error(500, "internal error"),
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
    Fault("no-id", Effect.NO_ID, "accepted, but the answer has no `id`", SUBMIT_ONLY),
    Fault("no-batch", Effect.NO_BATCH, "the answer has no `batchId`", SUBMIT_ONLY),
    Fault("array", Effect.ARRAY, "the answer is an array with the object in it", SUBMIT_ONLY),
    Fault("never", Effect.NEVER, "the job never gets ready", SUBMIT_ONLY),
    Fault("fail", Effect.FAIL, "the job fails `after` seconds", SUBMIT_ONLY, {"after": 1}),
    Fault(
        "ready", Effect.READY, "the job is ready `after` exactly so long", SUBMIT_ONLY, {"after": 0}
    ),
    Fault(
        "not-ready-403",
        Effect.NOT_READY_403,
        "the asset host says 403, not 404, until the job is ready",
        SUBMIT_ONLY,
    ),
)
FAULTS: Mapping[str, Fault] = {fault.name: fault for fault in TABLE}


class UnknownFaultError(ValueError):
    """No such fault, operation or parameter; the message says what there is."""


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault with its operation, its parameters and how often it strikes (None: always)."""

    fault: Fault
    operation: Operation
    parameters: Mapping[str, float | None]
    times: int | None = None

    def __str__(self) -> str:
        """Write it as a directive's inside, so that `parse_strike` reads it back."""
        default = self.operation is self.fault.operations[0]
        words = [self.fault.name if default else f"{self.operation}-{self.fault.name}"]
        words += [f"{key}={value:g}" for key, value in self.parameters.items() if value is not None]
        return " ".join(words if self.times is None else [*words, f"times={self.times}"])


def make_strike(
    name: str,
    *,
    operation: str | None = None,
    parameters: Mapping[str, object] | None = None,
) -> Strike:
    """Check a fault's name, operation and parameters against the table.

    Raises:
        UnknownFaultError: If the table has no such thing.
    """
    fault, struck = _look_up(name, operation)
    given = dict(parameters or {})
    times = given.pop("times", None)
    unknown = sorted(set(given) - set(fault.defaults))
    if unknown:
        allowed = ", ".join(["times", *fault.defaults])
        raise UnknownFaultError(f"{fault.name} takes {allowed}; not {', '.join(unknown)}")
    values = {key: _number(key, value) for key, value in given.items()}
    return Strike(
        fault,
        struck,
        {**fault.defaults, **values},
        None if times is None else int(_number("times", times)),
    )


def parse_strike(text: str) -> Strike:
    """Read a directive's inside, such as `429 retry-after=2 times=3`.

    Raises:
        UnknownFaultError: If the table has no such thing.
    """
    name, *pairs = text.split() or [""]
    wrong = [pair for pair in pairs if "=" not in pair]
    if wrong:
        raise UnknownFaultError(f"a parameter is written key=value, not {wrong[0]}")
    return make_strike(name, parameters=dict(pair.split("=", 1) for pair in pairs))


def find_directives(prompt: str) -> tuple[Strike, ...]:
    """Return the strikes that a prompt asks for, in its order.

    Raises:
        UnknownFaultError: If one is not in the table.
    """
    return tuple(parse_strike(text) for text in _DIRECTIVE.findall(prompt))


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
        raise UnknownFaultError(f"{name} strikes {', '.join(fault.operations)}; not {operation!r}")
    return fault, Operation(operation)


def _number(key: str, value: object) -> float:
    try:
        number = float(str(value))
    except ValueError:
        raise UnknownFaultError(f"{key} is a number, not {value!r}") from None
    if not 0 <= number < float("inf"):
        raise UnknownFaultError(f"{key} is a number from 0 up, not {value!r}")
    return number
