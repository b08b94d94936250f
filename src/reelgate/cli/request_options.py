"""The options of `reelgate generate`, made of the table of fields and what the models declare."""

from __future__ import annotations

import json
from inspect import Parameter
from typing import Annotated, Any

import typer

from reelgate.domain.catalog import DeclaredField, declared_fields
from reelgate.domain.fields import AUTO, PROMPT, FieldType
from reelgate.providers.registry import registered_models

TRUTH_PREFIX = "is_"
"""A name such as `is_sharp` is the option `--sharp`."""


def read_seconds(text: str) -> str:
    """Whole seconds or `auto`; which of them a model takes, the gateway knows."""
    if text == AUTO or (text.isascii() and text.isdigit()):
        return text
    message = f"{text!r} is not a whole number of seconds, nor {AUTO}"
    raise typer.BadParameter(message)


KINDS: dict[FieldType, tuple[type, dict[str, Any]]] = {
    FieldType.TEXT: (str, {}),
    FieldType.INTEGER: (int, {}),
    FieldType.SECONDS: (str, {"metavar": "SECONDS", "parser": read_seconds}),
    FieldType.NUMBER: (float, {}),
    FieldType.BOOLEAN: (bool, {}),
}
"""How an option of each type is read."""


def request_fields() -> tuple[DeclaredField, ...]:
    """Every field that a registered model takes."""
    return declared_fields(registered_models())


def request_parameters() -> list[Parameter]:
    """The options as parameters of a command."""
    return [parameter_of(declared) for declared in request_fields()]


def parameter_of(declared: DeclaredField) -> Parameter:
    """A field as an option that may be left out."""
    row = declared.field
    kind, more = KINDS[row.type]
    option = typer.Option(option_of(declared), help=help_of(declared), **more)
    return Parameter(
        row.name, Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
    )


def option_of(declared: DeclaredField) -> str:
    """`--aspect-ratio`, or `--sharp/--no-sharp` where it is a truth value."""
    row = declared.field
    if row.type is not FieldType.BOOLEAN:
        return "--" + row.name.replace("_", "-")
    name = row.name.removeprefix(TRUTH_PREFIX).replace("_", "-")
    return f"--{name}/--no-{name}"


def help_of(declared: DeclaredField) -> str:
    """What it is for, and what the first model that takes it takes."""
    row = declared.field
    if row.type is FieldType.BOOLEAN:
        state = "" if row.default is None else f"; {'on' if row.default else 'off'} by default"
        return f"{row.help.removesuffix('.')}{state}."
    if not row.allowed:
        return row.help
    *most, last = (
        f"{json.dumps(choice).strip(chr(34))}{' (default)' if choice == row.default else ''}"
        for choice in row.allowed
    )
    values = f"{', '.join(most)} or {last}" if most else last
    return f"{row.help} {values[:1].upper()}{values[1:]}."


def option_names() -> dict[str, str]:
    """How the command line calls each field of a request, in every spelling."""
    return {PROMPT.name: "PROMPT"} | {
        name: option_of(declared)
        for declared in request_fields()
        for name in (declared.field.name, *(each.name for each in declared.field.spellings))
        if not any(each.name == name and each.is_frame for each in declared.field.spellings)
    }
