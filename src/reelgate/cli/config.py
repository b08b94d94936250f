"""The settings, or a message that says which variable to change."""

from __future__ import annotations

import os
from typing import Any

from pydantic import AliasChoices, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsError

from reelgate.cli.console import say
from reelgate.cli.exits import CliError, ExitCode
from reelgate.cli.misspelled import misspelled
from reelgate.settings import Settings

SECRET_WORDS = ("token", "secret", "key", "password")
MAX_SHOWN_CHARS = 80
SERVICE_LINK = "tcp://"
OF_KUBERNETES = (
    "  Kubernetes sets it for a service called reelgate: give the pod `enableServiceLinks: false`, "
    "or the service another name."
)

_warned: set[str] = set()
"""What was said already: a command may read the settings more than once."""


def load_settings(**overrides: Any) -> Settings:  # noqa: ANN401 - Settings checks their types
    """The settings from the environment and `.env`; what an option said goes first.

    A variable that is probably a mistyped setting is told to the person.

    Raises:
        CliError: a value cannot be used.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        settings = Settings(**given)
        warn_of_misspelled()
    except ValidationError as error:
        problems = [explain(problem, given) for problem in error.errors()]
        raise CliError("\n".join(problems), ExitCode.USAGE, code="invalid_settings") from None
    except (SettingsError, OSError, UnicodeDecodeError) as error:
        message = f"the settings cannot be read: {error}"
        raise CliError(message, ExitCode.USAGE, code="invalid_settings") from error
    return settings


def warn_of_misspelled() -> None:
    """Name each variable that looks like a setting and is none."""
    for sentence in misspelled():
        if sentence not in _warned:
            _warned.add(sentence)
            say(sentence, "yellow")


def explain(problem: ErrorDetails, given: dict[str, Any]) -> str:
    """One wrong setting: the variable or option, the value unless it is secret, what is allowed."""
    loc = str(problem["loc"][0]) if problem["loc"] else "the settings"
    field = field_of(loc)
    name = f"--{field}" if field in given else variable_of(loc)
    value = "" if is_secret(name) else f"={shortened(problem.get('input'))}"
    allowed = problem["msg"].removeprefix("Value error, ")
    lines = [f"{name}{value}: {allowed[:1].lower()}{allowed[1:]}."]
    if name == "REELGATE_PORT" and str(problem.get("input")).startswith(SERVICE_LINK):
        lines.append(OF_KUBERNETES)
    description = Settings.model_fields[field].description if field else None
    return "\n".join([*lines, f"  {description}"] if description else lines)


def field_of(loc: str) -> str | None:
    """The setting that Pydantic means by the name it gives: a field's own, or an alias."""
    for field, info in Settings.model_fields.items():
        if loc in {field, info.alias, *choices_of(field)}:
            return field
    return None


def variable_of(loc: str) -> str:
    """The environment variable that holds a setting; where several may, the one that is set."""
    field = field_of(loc)
    for choice in choices_of(field) if field else ():
        if choice in os.environ:
            return choice
    return f"REELGATE_{loc.upper()}" if loc == field else loc


def choices_of(field: str) -> tuple[str, ...]:
    """The variables a setting may stand in, where there are several."""
    alias = Settings.model_fields[field].validation_alias
    if not isinstance(alias, AliasChoices):
        return ()
    return tuple(choice for choice in alias.choices if isinstance(choice, str))


def is_secret(variable: str) -> bool:
    """Whether a variable's value must not be repeated."""
    return any(word in variable.lower() for word in SECRET_WORDS)


def shortened(value: object) -> str:
    """A value as it may be repeated."""
    text = str(value)
    return text if len(text) <= MAX_SHOWN_CHARS else f"{text[:MAX_SHOWN_CHARS]}..."
