"""Templates of what is sent, and paths into what comes back.

A text that is one placeholder, `"{duration}"`, stands for the value itself, a number stays one; in
a longer text, `"{duration}s"`, the value is written out. What a request does not say is left out,
with its key, and with a table of which nothing is left.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


class _Unsaid:
    """The type of `UNSAID`."""


UNSAID: Final = _Unsaid()


def filled(template: object, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - as the template
    """A template with values in place of its placeholders; `UNSAID` where nothing is left of it."""
    if isinstance(template, str):
        return filled_text(template, values)
    if isinstance(template, dict):
        pairs = ((name, filled(inner, values)) for name, inner in template.items())
        said = {name: value for name, value in pairs if value is not UNSAID}
        return said if said or not template else UNSAID
    if isinstance(template, list):
        found = [value for each in template if (value := filled(each, values)) is not UNSAID]
        return found if found or not template else UNSAID
    return template


def filled_text(template: str, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - likewise
    """The same of a text."""
    names = PLACEHOLDER.findall(template)
    if any(values.get(name) is None for name in names):
        return UNSAID
    if PLACEHOLDER.fullmatch(template):
        return values[names[0]]
    return PLACEHOLDER.sub(lambda found: written(values[found[1]]), template)


def filled_path(template: str, values: Mapping[str, str]) -> str:
    """A path; what is put into it is quoted."""
    return PLACEHOLDER.sub(lambda found: quote(values[found[1]], safe="/:~="), template)


def written(value: object) -> str:
    """A value in the middle of a text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def placeholders(template: object) -> Iterator[str]:
    """The names in a template, in their order."""
    if isinstance(template, str):
        yield from PLACEHOLDER.findall(template)
    elif isinstance(template, dict | list):
        for inner in template.values() if isinstance(template, dict) else template:
            yield from placeholders(inner)


def at(payload: object, path: str) -> object:
    """What stands at `data.videos.0.url` in an answer; None where there is nothing."""
    for step in path.split("."):
        if isinstance(payload, dict):
            payload = payload.get(step)
        elif isinstance(payload, list) and step.isdecimal() and int(step) < len(payload):
            payload = payload[int(step)]
        else:
            return None
    return payload
