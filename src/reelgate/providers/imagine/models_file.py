"""A user's own rows of the table of models, in a TOML file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from reelgate.domain.fields import Medium
from reelgate.domain.reference import Kind
from reelgate.errors import brief
from reelgate.providers.imagine.models import SEEDANCE_2_5, Row, seedance_2_5
from reelgate.toml_file import Fault, TomlFile, quoted

MAX_NUMBER = 2**31 - 1
MAX_SECONDS = 600
MAX_REFERENCES = 16
KINDS = frozenset(kind.value for kind in Kind)
MODEL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
RATIO = re.compile(r"[1-9][0-9]{0,2}:[1-9][0-9]{0,2}|auto|adaptive", re.ASCII)
RESOLUTION = re.compile(r"[1-9][0-9]{2,3}p|[1-9][0-9]?k", re.ASCII)
TABLE = "models"


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a model's table: the row's field it sets, and which values it takes."""

    field: str
    allowed: str
    fits: Callable[[object], bool]


def _is_number(least: int, most: int) -> Callable[[object], bool]:
    return lambda value: type(value) is int and least <= value <= most


def _is_list_of(fits: Callable[[object], bool]) -> Callable[[object], bool]:
    def fit(value: object) -> bool:
        if not isinstance(value, list) or not all(fits(each) for each in value):
            return False
        return len(set(value)) == len(value)

    return fit


def _is_text(pattern: re.Pattern[str]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


_seconds = _is_number(1, MAX_SECONDS)
_count = _is_number(1, MAX_REFERENCES)

KEYS: Mapping[str, Key] = {
    "style_id": Key(
        "style_id", f"a whole number from 1 to {MAX_NUMBER}", _is_number(1, MAX_NUMBER)
    ),
    "aspect_ratios": Key(
        "aspect_ratios",
        'a list of different ratios such as "16:9", or "auto" or "adaptive"',
        _is_list_of(_is_text(RATIO)),
    ),
    "durations": Key(
        "durations",
        f'a list of different whole seconds from 1 to {MAX_SECONDS}, or "auto"',
        _is_list_of(lambda value: value == "auto" or _seconds(value)),
    ),
    "resolutions": Key(
        "resolutions",
        'a list of different resolutions such as "720p" or "4k", the default one first',
        _is_list_of(_is_text(RESOLUTION)),
    ),
    "input_reference": Key(
        "takes_reference", "true or false", lambda value: isinstance(value, bool)
    ),
    "input_references": Key(
        "references",
        f"a table such as {{image = 4, video = 1}}, each 1 to {MAX_REFERENCES}",
        lambda value: (
            isinstance(value, dict)
            and all(kind in KINDS and _count(most) for kind, most in value.items())
        ),
    ),
    "price": Key(
        "price", f"credits, a whole number from 0 to {MAX_NUMBER}", _is_number(0, MAX_NUMBER)
    ),
}
"""What a model's table may hold."""


def read_rows(path: Path, rows: Iterable[Row]) -> tuple[Row, ...]:
    """The rows, with those of the file in their place or after them.

    Raises:
        ValueError: naming the file, each line that is wrong, and what is allowed there.
    """
    file = TomlFile.read(path)
    known = {row.id: row for row in rows}
    file.refuse(faults_in(file.tables, known))
    for name, table in file.tables.get(TABLE, {}).items():
        known[name] = changed(base_row(name, known), table)
    return tuple(known.values())


def base_row(name: str, known: Mapping[str, Row]) -> Row:
    """What a table of this name changes: the row there is, else an empty one."""
    if name in known:
        return known[name]
    return seedance_2_5(0) if name == SEEDANCE_2_5 else Row(name, 0)


def changed(row: Row, table: Mapping[str, Any]) -> Row:
    """A row with what a table says of it, which was checked."""
    for name, value in table.items():
        key = KEYS[name]
        told: Any = tuple(value) if isinstance(value, list) else value
        if isinstance(value, dict):
            told = tuple(Medium(Kind(kind), most) for kind, most in value.items())
        row = replace(row, **{key.field: told})
    certainty = "configured" if "price" in table else row.price_certainty
    only = row.ratio_with_picture if row.ratio_with_picture in row.aspect_ratios else None
    return replace(row, price_certainty=certainty, ratio_with_picture=only)


def faults_in(told: Mapping[str, Any], known: Mapping[str, Row]) -> Iterator[Fault]:
    """Everything that is wrong, in the file's order."""
    for name, value in told.items():
        if name != TABLE:
            yield Fault((name,), f"{name} is not known: models stand in tables [{TABLE}.NAME]")
        elif not isinstance(value, dict):
            yield Fault((name,), f"{TABLE} is not a table: models stand in tables [{TABLE}.NAME]")
        else:
            for model, table in value.items():
                yield from model_faults(model, table, is_new=model not in known)


def model_faults(model: str, table: object, *, is_new: bool) -> Iterator[Fault]:
    """What is wrong with one model's table."""
    place = (TABLE, model)
    if not MODEL_ID.fullmatch(model):
        message = (
            f"{brief(model)} is no model's name: it takes 1 to 64 letters, digits, dots, - and _,"
            " and begins with a letter or digit; a name with a dot stands in quotes"
        )
        yield Fault(place, message)
    if not isinstance(table, dict):
        yield Fault(place, f"{model} is not a table: write [{TABLE}.{quoted(model)}]")
        return
    for name, value in table.items():
        key = KEYS.get(name)
        if key is None:
            yield Fault((*place, name), unknown_key(model, name, value))
        elif not key.fits(value):
            message = f"{name} {brief(value)} is not allowed for {model}: it takes {key.allowed}"
            yield Fault((*place, name), message)
    if is_new and "style_id" not in table and MODEL_ID.fullmatch(model):
        takes = KEYS["style_id"].allowed
        yield Fault(place, f"{model} is a new model and needs its style_id: {takes}")


def unknown_key(model: str, name: str, value: object) -> str:
    """A key that no model's table has."""
    if isinstance(value, dict) and "." not in model:
        whole = quoted(f"{model}.{name}")
        return f"a name with a dot stands in quotes: write [{TABLE}.{whole}]"
    close = get_close_matches(name, KEYS, n=1)
    meant = f"; did you mean {close[0]}?" if close else ""
    return f"{brief(name)} is not known for {model}: use {', '.join(KEYS)}{meant}"
