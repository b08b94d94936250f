"""The settings, or a message that says which variable to change."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from dotenv import dotenv_values
from pydantic import AliasChoices, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsError

from reelgate.cli.config_file import in_variables, read_config
from reelgate.cli.console import say
from reelgate.cli.exits import CliError, ExitCode
from reelgate.domain.routing import VirtualModel
from reelgate.provider_settings import PROVIDERS_PREFIX, ProviderSettings
from reelgate.providers.registry import PROVIDERS, credential_variables, first_word, login_command
from reelgate.settings import Settings

OPTIONS = ("REELGATE_SERVER", "REELGATE_API_KEY")
"""What the command line's own options read."""
NOT_MEANT_FOR_US = re.compile(
    # Kubernetes and Docker's links describe a service that is called like us.
    r"REELGATE(_\w+)?_(SERVICE_(HOST|PORT)(_\w+)?|PORT_\d+_(TCP|UDP)(_\w+)?)"
    # Our own tests.
    r"|REELGATE_TEST_\w+"
)
OF_A_PROVIDER = re.compile(rf"{PROVIDERS_PREFIX}.+?__")
READ_FROM_ELSEWHERE = frozenset({"providers", "virtual_models"})
ALIKE = 0.75
NEARLY_THE_SAME = 0.9
"""How alike a name must be whose first word is not one of ours: it may be anybody's."""


def known_variables(providers: Iterable[str] = PROVIDERS) -> set[str]:
    """Every variable that is read, of these providers'."""
    kinds: list[type[BaseSettings]] = [Settings, *(PROVIDERS[name].settings for name in providers)]
    names = {name for kind in kinds for field in fields_of(kind) for name in variables(kind, field)}
    return names | set(OPTIONS) | set(of_named_accounts())


def of_named_accounts() -> Iterator[str]:
    """The variables of the accounts beside each provider's own."""
    for name, told in in_variables().items():
        for field in PROVIDERS[told["kind"]].settings.model_fields:
            yield f"{PROVIDERS_PREFIX}{name.upper()}__{field.upper()}"


@cache
def prefixes() -> tuple[str, ...]:
    """How our variables begin: with our own name, or a provider's."""
    providers = (f"{known.settings.credential.partition('_')[0]}_" for known in PROVIDERS.values())
    return ("REELGATE_", *providers)


def fields_of(kind: type[BaseSettings]) -> list[str]:
    """The settings of a class that are read from a variable."""
    return [field for field in kind.model_fields if field not in READ_FROM_ELSEWHERE]


def variables(kind: type[BaseSettings], field: str) -> tuple[str, ...]:
    """The variables that a setting is read from, the one to be told first."""
    alias = kind.model_fields[field].validation_alias
    if isinstance(alias, AliasChoices):
        return tuple(choice for choice in alias.choices if isinstance(choice, str))
    return (f"{kind.model_config['env_prefix']}{field.upper()}",)


def misspelled(env_file: Path = Path(".env"), providers: Collection[str] = ()) -> Iterator[str]:
    """A sentence for each variable that looks like a setting and is none.

    Looks into the environment and into `env_file`. No value is repeated: it may be a secret.

    Args:
        env_file: the file.
        providers: those whose settings were read. The others' are loaded only if need be.
    """
    in_file = dotenv_values(env_file, encoding="utf-8") if env_file.is_file() else {}
    known = known_variables(providers)
    if all(name.upper() in known or not may_be_meant(name) for name in (*os.environ, *in_file)):
        return
    known = known_variables()
    yield from sentences_for(os.environ, known, "")
    yield from sentences_for(in_file, known, f" in {env_file}")


def may_be_meant(name: str) -> bool:
    """Whether a variable may be one of ours or nearly so, told without loading any provider."""
    words = ["REELGATE", *map(first_word, PROVIDERS)]
    upper = name.upper()
    if NOT_MEANT_FOR_US.fullmatch(upper):
        return False
    return upper.startswith(tuple(words)) or bool(
        get_close_matches(upper.partition("_")[0], words, n=1, cutoff=ALIKE)
    )


def sentences_for(names: Iterable[str], known: set[str], where: str) -> Iterator[str]:
    """The sentences for the names of one source."""
    for name in sorted(names):
        upper = name.upper()
        if upper in known or NOT_MEANT_FOR_US.fullmatch(upper):
            continue
        is_ours = upper.startswith(prefixes())
        close = closest(upper, known, is_ours=is_ours)
        if close is not None:
            yield f"{name}{where} is not a setting and changes nothing: did you mean {close}?"
        elif is_ours:
            listed = "docs/configuration.md lists the settings"
            yield f"{name}{where} is not a setting and changes nothing: {listed}."


def closest(name: str, known: set[str], *, is_ours: bool) -> str | None:
    """The setting that is probably meant."""
    if is_ours:
        # Without what all of them begin with, which would make any two names alike.
        group = group_of(name)
        mates = sorted(candidate for candidate in known if group_of(candidate) == group)
        by_bare = {bare(candidate): candidate for candidate in mates}
        found = get_close_matches(bare(name), by_bare, n=1, cutoff=ALIKE)
        return by_bare[found[0]] if found else None
    long_enough = [candidate for candidate in known if candidate.startswith(prefixes())]
    found = get_close_matches(name, long_enough, n=1, cutoff=NEARLY_THE_SAME)
    return found[0] if found else None


def group_of(name: str) -> str:
    """What the name of one provider's setting begins with; empty for all others."""
    found = OF_A_PROVIDER.match(name)
    return found.group() if found else ""


def bare(name: str) -> str:
    """A name without its first words and its blanks: `MAXINFLIGHT`."""
    name = name.removeprefix(group_of(name))
    for prefix in prefixes():
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
        settings = read(Settings, **given)
        providers, virtual = read_config_file(settings.config)
        settings = settings.model_copy(update={"providers": providers, "virtual_models": virtual})
        warn_of_misspelled([name for name in providers if name in PROVIDERS])
    except (SettingsError, OSError, UnicodeDecodeError) as error:
        message = f"the settings cannot be read: {error}"
        raise CliError(message, ExitCode.USAGE, code="invalid_settings") from error
    return settings


def read_config_file(
    path: Path | None,
) -> tuple[dict[str, ProviderSettings], dict[str, VirtualModel]]:
    """See `config_file.read_config`.

    Raises:
        CliError: a line cannot be used.
    """
    try:
        return read_config(path, read)
    except ValueError as error:
        raise CliError(str(error), ExitCode.USAGE, code="invalid_settings") from None


def check_account(settings: Settings) -> None:
    """Refuse to let a sandbox stand in for the providers where that is switched off.

    Raises:
        CliError: no provider has credentials, and the sandbox is not wanted.
    """
    if settings.sandbox == "off" and not settings.configured:
        message = (
            "no provider has credentials, and REELGATE_SANDBOX=off forbids the sandbox: run "
            f"`{login_command()}`, or set {credential_variables()}"
        )
        raise CliError(message, ExitCode.CREDENTIALS, code="upstream_unauthorized")


S = TypeVar("S", bound=BaseSettings)


def read(kind: type[S], /, **given: Any) -> S:  # noqa: ANN401 - Pydantic checks their types
    """The settings of one class.

    Raises:
        CliError: a value cannot be used.
    """
    try:
        return kind(**given)
    except ValidationError as error:
        problems = [explain(problem, kind, given) for problem in error.errors()]
        raise CliError("\n".join(problems), ExitCode.USAGE, code="invalid_settings") from None


def warn_of_misspelled(providers: Collection[str]) -> None:
    """Name each variable that looks like a setting and is none."""
    for sentence in misspelled(providers=providers):
        if sentence not in _warned:
            _warned.add(sentence)
            say(sentence, "yellow")


def explain(problem: ErrorDetails, kind: type[BaseSettings], given: dict[str, Any]) -> str:
    """One wrong setting: the variable or option, the value unless it is secret, what is allowed."""
    loc = str(problem["loc"][0]) if problem["loc"] else "the settings"
    field = field_of(kind, loc)
    name = f"--{field}" if field in given else variable_of(kind, loc)
    value = "" if is_secret(name) else f"={shortened(problem.get('input'))}"
    allowed = problem["msg"].removeprefix("Value error, ")
    lines = [f"{name}{value}: {allowed[:1].lower()}{allowed[1:]}."]
    if name == "REELGATE_PORT" and str(problem.get("input")).startswith(SERVICE_LINK):
        lines.append(OF_KUBERNETES)
    description = kind.model_fields[field].description if field else None
    return "\n".join([*lines, f"  {description}"] if description else lines)


def field_of(kind: type[BaseSettings], loc: str) -> str | None:
    """The setting that Pydantic means by the name it gives: a field's own, or a variable's."""
    return next(
        (field for field in kind.model_fields if loc in {field, *variables(kind, field)}), None
    )


def variable_of(kind: type[BaseSettings], loc: str) -> str:
    """The environment variable that holds a setting; where several may, the one that is set."""
    field = field_of(kind, loc)
    choices = variables(kind, field) if field else (loc,)
    return next((choice for choice in choices if choice in os.environ), choices[0])


def is_secret(variable: str) -> bool:
    """Whether a variable's value must not be repeated."""
    return any(word in variable.lower() for word in SECRET_WORDS)


def shortened(value: object) -> str:
    """A value as it may be repeated."""
    text = str(value)
    return text if len(text) <= MAX_SHOWN_CHARS else f"{text[:MAX_SHOWN_CHARS]}..."
