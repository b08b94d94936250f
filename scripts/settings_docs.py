"""Writes every setting into docs/configuration.md and .env.example: `make docs`.

Both are made from the fields of `Settings` and of each provider's own settings, so that none can be
forgotten; a test compares.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from reelgate.cli.config import fields_of, variables
from reelgate.provider_settings import PROVIDERS_PREFIX, ProviderSettings
from reelgate.providers.registry import PROVIDERS
from reelgate.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "configuration.md"
EXAMPLE = ROOT / ".env.example"
BEGIN = "<!-- settings: written by `make docs` -->"
END = "<!-- end of settings -->"
WIDTH = 100

COMPUTED = {"data_dir": "the user's data folder, such as `~/.local/share/reelgate`"}
"""Defaults that depend on the machine, in words."""

HEADING = re.compile(r"\n\n    # (?P<heading>.+)(?=\n)|\n    (?P<field>[a-z]\w*): ")
"""A one-line comment after a blank line begins a group of fields."""

INTRODUCTION = """\
# Copy this to `.env` beside where Reelgate runs, and keep that file to yourself.
# A line that is commented out shows the default, or an example that says so.
# docs/configuration.md explains.
"""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as its readers see it."""

    group: str
    variables: tuple[str, ...]
    default: str
    default_in_words: str
    description: str
    example: str = ""
    """What .env.example shows, commented out, in place of an empty default.

    It is an account's own: with another's, videos are paid for and put where one cannot see them.
    """
    is_first: bool = False
    """Whether it is what nearly everybody sets: .env.example leaves its line to be filled in."""


def settings() -> Iterator[Setting]:
    """Every setting: each provider's own, and then the gateway's in the order of the class."""
    for known in PROVIDERS.values():
        kind = known.settings
        own = [name for name in kind.model_fields if name not in ProviderSettings.model_fields]
        for name in own:
            yield setting(kind, name, f"The {kind.title} account")
    for name in ProviderSettings.model_fields:
        yield replace(
            setting(ProviderSettings, name, "Each account, with its name for NAME"),
            variables=(f"{PROVIDERS_PREFIX}NAME__{name.upper()}",),
        )
    groups = groups_of(inspect.getsource(Settings))
    for name in fields_of(Settings):
        yield setting(Settings, name, groups[name])


def setting(kind: type[BaseSettings], name: str, group: str) -> Setting:
    """One setting of a class."""
    field = kind.model_fields[name]
    default = default_of(name, field)
    words = f"`{default}`" if default else "empty"
    return Setting(
        group=group,
        variables=variables(kind, name),
        default=default,
        default_in_words=COMPUTED.get(name, words),
        description=field.description or "",
        example=str(next(iter(field.examples or ()), "")),
        is_first=variables(kind, name)[0] == getattr(kind, "credential", None),
    )


def groups_of(source: str) -> dict[str, str]:
    """The heading above each field of the class."""
    groups = {}
    heading = "Settings"
    for found in HEADING.finditer(source):
        if found["heading"]:
            heading = found["heading"]
        else:
            groups[found["field"]] = heading
    return groups


def default_of(name: str, field: FieldInfo) -> str:
    """The default as one would write it in the environment."""
    return "" if name in COMPUTED else written(field.get_default(call_default_factory=True))


def written(value: Any) -> str:  # noqa: ANN401 - a setting may be of any type
    """A value as the environment holds it."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case SecretStr():
            return value.get_secret_value()
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return str(value)


def table() -> str:
    """The settings as Markdown, one table to a group."""
    parts = []
    for group, members in groupby(settings(), key=lambda each: each.group):
        rows = "\n".join(row(setting) for setting in members)
        parts.append(f"### {group}\n\n| variable | default | |\n|---|---|---|\n{rows}\n")
    return "\n".join(parts)


def row(setting: Setting) -> str:
    """One setting as a line of the table."""
    names = ", ".join(f"`{variable}`" for variable in setting.variables)
    description = setting.description.replace("|", "\\|")
    return f"| {names} | {setting.default_in_words} | {description} |"


def page(old: str) -> str:
    """The page on configuration with the settings put between its two marks."""
    before, _, rest = old.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table()}\n{END}{after}"


def example() -> str:
    """The whole of .env.example."""
    parts = [INTRODUCTION]
    for group, members in groupby(settings(), key=lambda each: each.group):
        lines = "\n".join(example_lines(setting) for setting in members)
        parts.append(f"# --- {group} ---\n{lines}\n")
    return "\n".join(parts)


def example_lines(setting: Setting) -> str:
    """One setting: what it is, and a line to change."""
    variable = setting.variables[0]
    told = textwrap.fill(setting.description, WIDTH, initial_indent="# ", subsequent_indent="# ")
    if setting.example:
        return f"{told}\n# (An example of an id, not yours.)\n#{variable}={setting.example}"
    line = f"{variable}={setting.default}"
    return f"{told}\n{line}" if setting.is_first else f"{told}\n#{line}"


def main() -> None:
    """Write both files."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    EXAMPLE.write_text(example(), encoding="utf-8")


if __name__ == "__main__":
    main()
