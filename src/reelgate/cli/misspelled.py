"""Variables that look like settings and are none: a typo must not change nothing in silence."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path

from dotenv import dotenv_values
from pydantic import AliasChoices

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
    yield from told(os.environ, known, "")
    if env_file.is_file():
        yield from told(dotenv_values(env_file, encoding="utf-8"), known, f" in {env_file}")


def told(names: Iterable[str], known: set[str], where: str) -> Iterator[str]:
    """The sentences for the names of one place."""
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
