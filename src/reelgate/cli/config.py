"""The settings, or a message that says which variable to change."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import AliasChoices, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsError

from reelgate.cli.console import say
from reelgate.cli.exits import CliError, ExitCode
from reelgate.settings import Settings

PREFIXES = ("REELGATE_", "IMAGINE_")
OPTIONS = ("REELGATE_SERVER", "REELGATE_API_KEY")
"""What the command line's own options read."""
NOT_MEANT_FOR_US = re.compile(
    # Kubernetes and Docker's links describe a service that is called like us.
    r"REELGATE(_\w+)?_(SERVICE_(HOST|PORT)(_\w+)?|PORT_\d+_(TCP|UDP)(_\w+)?)"
    # Our own tests.
    r"|REELGATE_TEST_\w+"
)
ALIKE = 0.75
NEARLY_THE_SAME = 0.9
"""How alike a name must be whose first word is not one of ours: it may be anybody's."""


def known_variables() -> set[str]:
    """Every variable that is read."""
    names = set(OPTIONS)
    for field, info in Settings.model_fields.items():
        if isinstance(info.validation_alias, AliasChoices):
            names |= {name for name in info.validation_alias.choices if isinstance(name, str)}
        else:
            names.add(info.alias or f"REELGATE_{field.upper()}")
    return names


def misspelled(env_file: Path = Path(".env")) -> Iterator[str]:
    """A sentence for each variable that looks like a setting and is none.

    Looks into the environment and into `env_file`. No value is repeated: it may be a secret.
    """
    known = known_variables()
    yield from sentences_for(os.environ, known, "")
    if env_file.is_file():
        yield from sentences_for(
            dotenv_values(env_file, encoding="utf-8"), known, f" in {env_file}"
        )


def sentences_for(names: Iterable[str], known: set[str], where: str) -> Iterator[str]:
    """The sentences for the names of one source."""
    for name in sorted(names):
        upper = name.upper()
        if upper in known or NOT_MEANT_FOR_US.fullmatch(upper):
            continue
        is_ours = upper.startswith(PREFIXES)
        close = closest(upper, known, is_ours=is_ours)
        if close is not None:
            yield f"{name}{where} is not a setting and changes nothing: did you mean {close}?"
        elif is_ours:
            listed = "docs/configuration.md lists the settings"
            yield f"{name}{where} is not a setting and changes nothing: {listed}."


def closest(name: str, known: set[str], *, is_ours: bool) -> str | None:
    """The setting that is probably meant."""
    by_bare = {bare(candidate): candidate for candidate in sorted(known)}
    if is_ours:
        # Without what all of them begin with, which would make any two names alike.
        found = get_close_matches(bare(name), by_bare, n=1, cutoff=ALIKE)
        return by_bare[found[0]] if found else None
    long_enough = [candidate for candidate in known if candidate.startswith(PREFIXES)]
    found = get_close_matches(name, long_enough, n=1, cutoff=NEARLY_THE_SAME)
    return found[0] if found else None


def bare(name: str) -> str:
    """A name without its first word and its blanks: `MAXINFLIGHT`."""
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name.replace("_", "")


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
