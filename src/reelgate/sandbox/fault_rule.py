"""A fault with its parameters: how it is written, read and checked against the table."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from reelgate.sandbox.faults import FAULTS, Fault, Operation, Parameter

_DIRECTIVE = re.compile(r"\[\[([^\[\]]*)\]\]")


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
