"""Reads a request by a model's rows: what is taken, what is refused, and what may be left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from reelgate.domain.fields import (
    MEDIA,
    PROMPT,
    Field,
    FieldType,
    Source,
    is_same,
    not_taken,
)
from reelgate.domain.reference import Kind, Reference
from reelgate.errors import Problem, brief

NAMES = {
    Kind.IMAGE: ("picture", "pictures"),
    Kind.VIDEO: ("video", "videos"),
    Kind.AUDIO: ("sound", "sounds"),
}
"""One and several references of a kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What one field of a model means for another.

    A request that says `field`, as one of `values` where there are any, may say `other` only as
    one of `only`; where it leaves that out, it means the first. Without `only` it may not say it.
    """

    field: str
    other: str
    only: tuple[Any, ...] = ()
    values: tuple[Any, ...] = ()

    def described(self) -> dict[str, Any]:
        """The rule as the capabilities tell it."""
        given = {"values": list(self.values)} if self.values else {}
        return {"field": self.field} | given | {"other": self.other, "only": list(self.only)}


class Reading:
    """One request, while it is read.

    Attributes:
        values: what it says, and the model's defaults.
        references: its references, as far as the model takes them.
        problems: why it is refused.
        left_out: what it holds that the model cannot honour, where that does not matter.
    """

    def __init__(
        self,
        model: str,
        rows: Mapping[str, Field],
        defaults: Mapping[str, Any],
        *,
        strict: bool,
        spelled: Mapping[str, str],
    ) -> None:
        """Begin with the defaults.

        Args:
            model: its name, for messages.
            rows: the fields that it takes.
            defaults: what a request means that says nothing.
            strict: whether everything must be honoured.
            spelled: the name under which the request holds a reference, by its address, where
                that is not the field's own.
        """
        self._model = model
        self._rows = rows
        self._strict = strict
        self._spelled = spelled
        self._said: set[str] = set()
        self._names: dict[str, str] = {}
        self.values = dict(defaults)
        self.references: tuple[Reference, ...] = ()
        self.problems: list[Problem] = []
        self.left_out: list[Problem] = []

    def read_values(self, told: Mapping[str, object]) -> None:
        """Take each plain value that may be taken."""
        for name, value in told.items():
            if value is None:
                continue
            row = self._rows.get(name)
            if row is None:
                self._cannot(not_taken(name, value, self._model))
                continue
            read = row.read(value)
            if problem := row.check(read, self._model):
                is_understood = row is not self._rows[PROMPT.name] and row.is_of_type(read)
                self._cannot(problem, may_leave_out=is_understood)
                continue
            self.values[name] = read
            self._said.add(name)

    def read_references(self, told: Iterable[Reference]) -> None:
        """Take each reference that may be taken, in the order of their roles."""
        listed = list(told)
        if not listed:
            return
        kept: list[Reference] = []
        for role, common in MEDIA.items():
            of_role = [each for each in listed if each.role is role]
            if of_role:
                name = self._spelled.get(of_role[0].url, common.name)
                self._names[common.name] = name
                kept += self._of_field(self._rows.get(common.name), name, of_role)
        self.references = tuple(kept)
        self._said |= {MEDIA[each.role].name for each in kept}

    def check_required(self, names: Iterable[str]) -> None:
        """Refuse a request that lacks one of these."""
        for name in names:
            if name not in self._said:
                self.problems.append(Problem(name, f"{self._model} needs {name}: send it"))

    def keep(self, rules: Iterable[Rule]) -> None:
        """Let each field have its say in the others; first, which of them are there at all."""
        for rule in rules:
            if not rule.only:
                self._keep_rule(rule)
        for row in self._rows.values():
            if row.needs and row.name in self._said and row.needs not in self._said:
                name = self._names.get(row.name, row.name)
                message = f"{name} needs {row.needs} beside it: send that, too"
                may_leave_out = row.type is not FieldType.VIDEO
                self._cannot(Problem(name, message), may_leave_out=may_leave_out)
                self._drop(row.name)
        for rule in rules:
            if rule.only:
                self._keep_rule(rule)

    def _keep_rule(self, rule: Rule) -> None:
        if not self._holds(rule):
            return
        value = self.values.get(rule.other)
        is_said = rule.other in self._said
        is_allowed = any(is_same(value, each) for each in rule.only)
        if is_allowed if is_said else value is None:
            return
        if is_said:
            self._cannot(self._disagreement(rule))
            self._drop(rule.other)
        self.values[rule.other] = rule.only[0] if rule.only else None

    def _holds(self, rule: Rule) -> bool:
        if not rule.values:
            return rule.field in self._said
        value = self.values.get(rule.field)
        return any(is_same(value, each) for each in rule.values)

    def _disagreement(self, rule: Rule) -> Problem:
        value = self.values.get(rule.other)
        shown = "" if value is None else f" {brief(value)}"
        beside = f"{rule.field} {brief(self.values[rule.field])}" if rule.values else rule.field
        allowed = " or ".join(str(each) for each in rule.only)
        instead = f"use {allowed}, or leave it out" if rule.only else "leave one of them out"
        message = (
            f"{rule.other}{shown} is not allowed for {self._model} together with {beside}: "
            f"{instead}"
        )
        return Problem(rule.other, message, value, rule.only)

    def _of_field(self, row: Field | None, name: str, told: list[Reference]) -> Iterable[Reference]:
        """Those of one field that the model takes; `name`: what the request calls the field."""
        if row is None:
            self._cannot(not_taken(name, None, self._model))
            return ()
        if row.type is FieldType.VIDEO:
            # Without it another video would be made than was asked for.
            self.problems += misplaced(row, name, told, self._model)
        kept = list(self._of_its_kinds(row, told))
        if row.maximum is not None and len(kept) > row.maximum:
            most = int(row.maximum)
            self._cannot(too_many(name, len(kept), most, self._model, ("reference", "references")))
            kept = kept[:most]
        for medium in row.media:
            found = sum(each.kind is medium.kind for each in kept)
            if kept and found < medium.least:
                one = NAMES[medium.kind][0]
                least = f"a {one}" if medium.least == 1 else f"{medium.least} {one}s"
                self._cannot(Problem(name, f"{name} needs {least} for {self._model}"))
                return ()
        return kept

    def _of_its_kinds(self, row: Field, told: list[Reference]) -> Iterable[Reference]:
        most = {medium.kind: medium.most for medium in row.media}
        counted = dict.fromkeys(most, 0)
        for each in told:
            if each.kind not in most:
                param = self._spelled.get(each.url, row.name)
                takes = ", ".join(NAMES[kind][1] for kind in most)
                message = f"{param} is a {NAMES[each.kind][0]}: {self._model} takes {takes} there"
                self._cannot(Problem(param, message))
                continue
            counted[each.kind] += 1
            if counted[each.kind] <= most[each.kind]:
                yield each
        for kind, number in counted.items():
            if number > most[kind]:
                self._cannot(too_many(row.name, number, most[kind], self._model, NAMES[kind]))

    def _cannot(self, problem: Problem, *, may_leave_out: bool = True) -> None:
        """Refuse something, or leave it out where the caller allows that."""
        if self._strict or not may_leave_out:
            self.problems.append(problem)
            return
        why = problem.message.removesuffix("leave it out").rstrip(" ,:").removesuffix(", or")
        self.left_out.append(replace(problem, message=f"{problem.param} was left out: {why}"))

    def _drop(self, name: str) -> None:
        self._said.discard(name)
        self.references = tuple(each for each in self.references if MEDIA[each.role].name != name)


def misplaced(row: Field, param: str, told: Iterable[Reference], model: str) -> Iterator[Problem]:
    """The videos of a field that its model's upstream cannot be given."""
    for each in told:
        source = Source.FILE if each.own_id is None else Source.OWN
        if source not in row.sources:
            message = f"{param} is not a video that {model} can take: it takes only "
            message += "those that its own account has made" if source is Source.FILE else "files"
            yield Problem(param, message)


def too_many(name: str, number: int, most: int, model: str, what: tuple[str, str]) -> Problem:
    """More references than a model takes; `what`: one and several of them."""
    one, several = what
    message = (
        f"{name} holds {number} {one if number == 1 else several}: "
        f"{model} takes up to {most} {one if most == 1 else several}"
    )
    return Problem(name, message)
