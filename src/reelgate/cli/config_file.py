"""The file that `REELGATE_CONFIG` names: upstream accounts and virtual models, as TOML.

[providers.fal]                 # the account of that provider
key = "..."

[providers.fal-team]            # another account of one
kind = "fal"
key = "..."

[models.best]                   # a virtual model
targets = ["gemini/veo-3.1-generate-preview", "fal/fal-ai/veo3.1"]
goal = "cheapest"
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, get_args

from dotenv import dotenv_values
from pydantic import BaseModel, ValidationError

from reelgate.domain.routing import Goal, Target, VirtualModel
from reelgate.errors import brief
from reelgate.provider_settings import PROVIDERS_PREFIX, ProviderSettings
from reelgate.providers.registry import KINDS, PROVIDERS, may_mean
from reelgate.toml_file import Fault, TomlFile

ACCOUNT = re.compile(r"[a-z][a-z0-9_-]{0,31}", re.ASCII)
NAMED_ACCOUNT = re.compile(rf"{PROVIDERS_PREFIX}([A-Z][A-Z0-9_]*?)__KIND")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
TABLES = ("providers", "models")
MODEL_KEYS = ("targets", "goal")
TARGET_KEYS = ("model", "weight")
MAX_WEIGHT = 1_000_000


class ReadSettings(Protocol):
    """Reads the settings of a class from the variables and from values that go before these."""

    def __call__(self, kind: type[ProviderSettings], /, **given: Any) -> ProviderSettings:  # noqa: ANN401
        """An error names what is wrong."""
        ...


def read_config(
    path: Path | None, read: ReadSettings
) -> tuple[dict[str, ProviderSettings], dict[str, VirtualModel]]:
    """Every account's settings, and the virtual models.

    Without a file: the accounts that the environment names.

    Raises:
        ValueError: naming the file, each line that is wrong, and what is allowed there.
        Exception: what `read` raises.
    """
    if path is None:
        return accounts({}, read), {}
    file = TomlFile.read(path)
    file.refuse(faults_in(file.tables))
    tables = file.tables.get("providers", {})
    file.refuse(account_faults(tables))
    return accounts(tables, read), virtual_models(file.tables.get("models", {}))


def accounts(
    tables: Mapping[str, Mapping[str, Any]], read: ReadSettings
) -> dict[str, ProviderSettings]:
    """The accounts that variables or the file name, each provider's own one first.

    Where accounts are named and none has credentials, every provider's own one is there: stand-ins
    take their places.
    """
    variables = all_variables()
    others: dict[str, ProviderSettings] = {}
    for name, told in {**in_variables(), **tables}.items():
        if name not in PROVIDERS:
            kind_name = str(told.get("kind", name))
            others[name] = read(KINDS[kind_name].settings, **{"kind": kind_name, **told})
    own = {
        name: own_account(name, tables, read)
        for name in PROVIDERS
        if name in tables or any(may_mean(variable, name) for variable in variables)
    }
    found = [*own.values(), *others.values()]
    if found and not any(account.is_configured for account in found):
        own = {name: own.get(name) or own_account(name, tables, read) for name in PROVIDERS}
    return {**own, **others}


def own_account(
    name: str, tables: Mapping[str, Mapping[str, Any]], read: ReadSettings
) -> ProviderSettings:
    """A provider's own account: what a variable says goes before the file."""
    kind, told = PROVIDERS[name].settings, tables.get(name, {})
    return read(kind, **{key: said for key, said in told.items() if not in_environment(kind, key)})


def all_variables() -> dict[str, str | None]:
    """What stands in `.env` and in the environment, which goes before it."""
    return {**dotenv_values(".env"), **os.environ}


def in_variables() -> dict[str, dict[str, str]]:
    """The accounts that variables name by `REELGATE_PROVIDERS__NAME__KIND`, and their values.

    Raises:
        ValueError: a kind is no provider.
    """
    variables = all_variables()
    found: dict[str, dict[str, str]] = {}
    for variable, said in variables.items():
        named = NAMED_ACCOUNT.fullmatch(variable.upper())
        if named and said and named[1].lower() not in PROVIDERS:
            prefix = f"{PROVIDERS_PREFIX}{named[1]}__"
            found[named[1].lower()] = {
                each.upper().removeprefix(prefix).lower(): value or ""
                for each, value in variables.items()
                if each.upper().startswith(prefix)
            }
    for name, told in found.items():
        if told["kind"] not in PROVIDERS:
            variable = f"{PROVIDERS_PREFIX}{name.upper()}__KIND"
            message = f"{variable}={told['kind']}: use one of {', '.join(PROVIDERS)}"
            raise ValueError(message)
    return found


def in_environment(kind: type[ProviderSettings], field: str) -> bool:
    """Whether a variable holds this setting: it goes before the file."""
    alias = kind.model_fields[field].validation_alias
    choices = getattr(alias, "choices", [f"{kind.model_config['env_prefix']}{field.upper()}"])
    return any(str(choice) in os.environ for choice in choices)


def virtual_models(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, VirtualModel]:
    """The virtual models of tables that were checked."""
    return {
        name: VirtualModel(
            name,
            tuple(target_of(each) for each in told["targets"]),
            Goal(told.get("goal", Goal.FIRST)),
        )
        for name, told in tables.items()
    }


def target_of(told: object) -> Target:
    """One target: a name, or a table with a weight."""
    if isinstance(told, dict):
        return Target(told["model"], float(told["weight"]) if "weight" in told else None)
    return Target(str(told))


def faults_in(told: Mapping[str, Any]) -> Iterator[Fault]:
    """Everything that is wrong with the file's form, in its order."""
    for name, value in told.items():
        if name not in TABLES:
            yield Fault((name,), f"{name} is not known: use {' and '.join(TABLES)}")
        elif not isinstance(value, dict):
            yield Fault((name,), f"{name} is not a table: write [{name}.NAME]")
        else:
            for inner, table in value.items():
                if not isinstance(table, dict):
                    yield Fault((name, inner), f"{inner} is not a table: write [{name}.{inner}]")
                elif name == "models":
                    yield from model_faults(inner, table, value)


def account_faults(tables: Mapping[str, Mapping[str, Any]]) -> Iterator[Fault]:
    """What is wrong with the accounts; no value is repeated, for it may be a secret."""
    for name, told in tables.items():
        kind = told.get("kind", name)
        if kind not in KINDS:
            known = ", ".join(KINDS)
            message = f"{brief(kind)} is no provider: give {name} a kind, one of {known}"
            yield Fault(("providers", name, *(("kind",) if "kind" in told else ())), message)
            continue
        if not ACCOUNT.fullmatch(name) or (name in KINDS and kind != name):
            message = (
                f"{brief(name)} cannot be the name of an account of {kind}: use small letters,"
                " digits, - and _, and no other provider's name"
            )
            yield Fault(("providers", name), message)
        settings = KINDS[str(kind)].settings
        for key in told.keys() - settings.model_fields.keys():
            fields = ", ".join(settings.model_fields)
            yield Fault(("providers", name, key), f"{key} is not known for {kind}: use {fields}")
        if told.keys() <= settings.model_fields.keys():
            yield from value_faults(name, settings, told)


def value_faults(
    name: str, settings: type[ProviderSettings], told: Mapping[str, Any]
) -> Iterator[Fault]:
    """What is wrong with an account's values."""
    place = ("providers", name)
    try:
        own = settings(**{"kind": name, **told})
    except ValidationError as error:
        for problem in error.errors():
            path = tuple(str(each) for each in problem["loc"])
            allowed = problem["msg"].removeprefix("Value error, ")
            if problem["type"] == "extra_forbidden":
                allowed = f"it is not known: use {', '.join(fields_beside(settings, path))}"
            yield Fault((*place, *path), f"{'.'.join(path)} of {name}: {allowed}")
        return
    for path, message in own.faults():
        yield Fault((*place, *path), f"{'.'.join(path)} of {name}: {message}")


def fields_beside(settings: type[BaseModel], path: Sequence[str]) -> list[str]:
    """The names that may stand where a path ends."""
    tables: list[type[BaseModel]] = [settings]
    for step in path[:-1]:
        row = tables[-1].model_fields.get(step)
        inner = () if row is None else (row.annotation, *get_args(row.annotation))
        tables += [each for each in inner if isinstance(each, type) and issubclass(each, BaseModel)]
    return list(tables[-1].model_fields)


def model_faults(name: str, table: Mapping[str, Any], tables: Mapping[str, Any]) -> Iterator[Fault]:
    """What is wrong with one virtual model."""
    place = ("models", name)
    if not NAME.fullmatch(name):
        message = f"{brief(name)} is no model's name: it takes letters, digits, dots, - and _"
        yield Fault(place, message)
    for key in table.keys() - set(MODEL_KEYS):
        known = " and ".join(MODEL_KEYS)
        yield Fault((*place, key), f"{key} is not known for {name}: use {known}")
    goal = table.get("goal", Goal.FIRST.value)
    if goal not in list(Goal):
        allowed = ", ".join(Goal)
        yield Fault((*place, "goal"), f"goal {brief(goal)} is not allowed: use one of {allowed}")
    targets = table.get("targets")
    if not isinstance(targets, list) or not targets:
        message = f"{name} needs targets, a list of models"
        yield Fault((*place, "targets") if "targets" in table else place, message)
        return
    for told in targets:
        for message in target_faults(name, told, tables):
            yield Fault((*place, "targets"), message)
    weighted = any(isinstance(told, dict) and "weight" in told for told in targets)
    if weighted and goal != Goal.FIRST:
        message = f"weights and the goal {goal} of {name} do not go together: leave one of them out"
        yield Fault((*place, "targets"), message)


def target_faults(name: str, told: object, tables: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with one target."""
    table = told if isinstance(told, dict) else {"model": told}
    model, weight = table.get("model"), table.get("weight", 1)
    if not isinstance(model, str) or not model:
        yield f"target {brief(told)} of {name} names no model"
    elif model == name:
        yield f"{name} cannot be a target of itself"
    elif model in tables:
        yield f"{model} is a virtual model, too: name its targets instead"
    if unknown := table.keys() - set(TARGET_KEYS):
        yield f"{', '.join(sorted(unknown))} is not known for a target: use model and weight"
    if not is_weight(weight):
        yield f"weight {brief(weight)} is not allowed: it takes a number above 0"


def is_weight(value: object) -> bool:
    """Whether a value can be a target's weight."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 < float(str(value)) <= MAX_WEIGHT
