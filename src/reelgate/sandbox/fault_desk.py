"""Which fault strikes which request: the armed ones, and how often each has struck."""

from __future__ import annotations

import time
from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING

from reelgate.sandbox.faults import SHAPING, Effect, Operation, Strike

if TYPE_CHECKING:
    from collections.abc import Iterable


class FaultDesk:
    """Keeps the armed faults and counts how often each has struck."""

    def __init__(self) -> None:
        self._armed: list[Strike] = []
        self._struck: Counter[tuple[str, str]] = Counter()
        self._struck_armed: Counter[int] = Counter()
        self._began_s: dict[object, float] = {}

    @property
    def armed(self) -> tuple[tuple[Strike, int], ...]:
        """The armed strikes, each with how often it has struck."""
        return tuple((strike, self._struck_armed[id(strike)]) for strike in self._armed)

    def arm(self, strike: Strike) -> None:
        """Let a fault strike from now on, whatever the prompt."""
        self._armed.append(strike)

    def disarm(self) -> None:
        """Forget all armed faults."""
        self._armed.clear()
        self._struck_armed.clear()
        self._began_s.clear()

    def take(
        self,
        operation: Operation,
        scope: str,
        directives: Iterable[Strike],
        *,
        skip: frozenset[Effect] = frozenset(),
    ) -> Strike | None:
        """Return the fault that strikes this answer, and count it.

        Armed faults come before directives. `scope` is what a directive's `times` and `for` count
        for: the prompt at a submit, the job's id at a look. Effects in `skip` find nothing to
        spoil this time.
        """

        def fits(strike: Strike) -> bool:
            return strike.operation is operation and strike.fault.effect not in SHAPING | skip

        armed = (one for one in self._armed if fits(one) and self._spend_armed(one))
        asked = (one for one in directives if fits(one) and self._spend(one, scope))
        return next(chain(armed, asked), None)

    def take_shaping(self) -> tuple[Strike, ...]:
        """Return the armed faults that shape the job accepted now, and count them."""
        shaping = [strike for strike in self._armed if strike.fault.effect in SHAPING]
        return tuple(strike for strike in shaping if self._spend_armed(strike))

    def _spend_armed(self, strike: Strike) -> bool:
        if strike.times is not None and self._struck_armed[id(strike)] >= strike.times:
            return False
        if self._is_past(strike, id(strike)):
            return False
        self._struck_armed[id(strike)] += 1
        return True

    def _spend(self, strike: Strike, scope: str) -> bool:
        key = (scope, str(strike))
        if self._is_past(strike, key):
            return False
        if strike.times is None:
            return True
        if self._struck[key] >= strike.times:
            return False
        self._struck[key] += 1
        return True

    def _is_past(self, strike: Strike, key: object) -> bool:
        """Whether the seconds of a strike, counted from its first one, are over."""
        if strike.for_s is None:
            return False
        now_s = time.monotonic()
        return now_s - self._began_s.setdefault(key, now_s) >= strike.for_s
