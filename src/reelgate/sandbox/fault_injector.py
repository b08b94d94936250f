"""Decides which fault applies to a response, and counts it."""

from __future__ import annotations

import time
from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING

from reelgate.sandbox.faults import SHAPING, Effect, Operation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reelgate.sandbox.fault_rule import FaultRule


class FaultInjector:
    """Keeps the armed faults and counts how often each has applied."""

    def __init__(self) -> None:
        self._armed: list[FaultRule] = []
        self._applied: Counter[tuple[str, str]] = Counter()
        self._applied_armed: Counter[int] = Counter()
        self._began_s: dict[object, float] = {}

    @property
    def armed(self) -> tuple[tuple[FaultRule, int], ...]:
        """The armed rules, each with how often it has applied."""
        return tuple((rule, self._applied_armed[id(rule)]) for rule in self._armed)

    def arm(self, rule: FaultRule) -> None:
        """Let a fault rule from now on, whatever the prompt."""
        self._armed.append(rule)

    def disarm(self) -> None:
        """Forget all armed faults."""
        self._armed.clear()
        self._applied_armed.clear()
        self._began_s.clear()

    def take(
        self,
        operation: Operation,
        scope: str,
        directives: Iterable[FaultRule],
        *,
        skip: frozenset[Effect] = frozenset(),
    ) -> FaultRule | None:
        """The fault for this response; it is counted as applied.

        Armed faults come before directives. `scope` is what a directive's `times` and `for` count
        for: the prompt at a submit, the job's id at a poll. Effects in `skip` do not
        apply this time.
        """

        def fits(rule: FaultRule) -> bool:
            return rule.operation is operation and rule.fault.effect not in SHAPING | skip

        armed = (one for one in self._armed if fits(one) and self._use_armed(one))
        asked = (one for one in directives if fits(one) and self._use(one, scope))
        return next(chain(armed, asked), None)

    def moderates(self, prompt: str, directives: Iterable[FaultRule]) -> bool:
        """Whether moderation stops this submit; it is counted as applied."""
        return any(
            rule.fault.effect is Effect.MODERATED
            and rule.text("at") == "submit"
            and self._use(rule, prompt)
            for rule in directives
        )

    def take_shaping(self) -> tuple[FaultRule, ...]:
        """The armed faults that shape the job accepted now, and count them."""
        shaping = [rule for rule in self._armed if rule.fault.effect in SHAPING]
        return tuple(rule for rule in shaping if self._use_armed(rule))

    def _use_armed(self, rule: FaultRule) -> bool:
        if rule.times is not None and self._applied_armed[id(rule)] >= rule.times:
            return False
        if self._is_past(rule, id(rule)):
            return False
        self._applied_armed[id(rule)] += 1
        return True

    def _use(self, rule: FaultRule, scope: str) -> bool:
        key = (scope, str(rule))
        if self._is_past(rule, key):
            return False
        if rule.times is None:
            return True
        if self._applied[key] >= rule.times:
            return False
        self._applied[key] += 1
        return True

    def _is_past(self, rule: FaultRule, key: object) -> bool:
        """Whether the seconds of a rule, counted from its first one, are over."""
        if rule.for_s is None:
            return False
        now_s = time.monotonic()
        return now_s - self._began_s.setdefault(key, now_s) >= rule.for_s
