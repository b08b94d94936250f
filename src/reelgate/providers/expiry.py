"""When a credential ends, and the warnings before."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol

import structlog

from reelgate.clock import Clock

log = structlog.get_logger()

WARNED_BEFORE_S = (3600.0, 600.0)
"""An hour to find somebody who has a new one, ten minutes as the last call."""
MINUTE_S = 60.0


class CredentialEnd(Protocol):
    """What is to be known of a credential's end, of one that is renewed here or cannot be."""

    @property
    def left_s(self) -> float:
        """How long it is good for as it is now, negative when it is over; infinite: not known."""
        ...

    @property
    def is_over(self) -> bool:
        """Whether nothing can be made with it before somebody does something."""
        ...

    @property
    def is_near(self) -> bool:
        """Whether that is so soon."""
        ...

    @property
    def next_s(self) -> float:
        """How long until it is to be looked at again; infinite: never."""
        ...

    def told(self) -> str:
        """What is to be known of it and what to do, in a sentence or two."""
        ...

    def tell_log(self) -> None:
        """Log what is due and was not logged."""
        ...


class Expiry:
    """The end of one credential; told to the log once for each time that a warning is due."""

    def __init__(self, account: str, ends_at_s: float, renew: str, clock: Clock) -> None:
        """An end.

        Args:
            account: the upstream whose credential it is.
            ends_at_s: when it ends, Unix time.
            renew: a sentence that says what to do.
            clock: the time.
        """
        self._account = account
        self._ends_at_s = ends_at_s
        self._renew = renew
        self._clock = clock
        self._told_s = float("inf")

    @property
    def left_s(self) -> float:
        """How long it is good for, negative when it is over."""
        return self._ends_at_s - self._clock.now()

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.left_s <= 0

    @property
    def is_near(self) -> bool:
        """Whether it ends soon."""
        return 0 < self.left_s <= max(WARNED_BEFORE_S)

    @property
    def next_s(self) -> float:
        """How long until the next warning is due; infinite after the last."""
        left_s = self.left_s
        ahead = [left_s - mark_s for mark_s in (*WARNED_BEFORE_S, 0.0) if mark_s < self._told_s]
        return max(0.0, min(ahead, default=float("inf")))

    def told(self) -> str:
        """What is to be known of it, in a sentence or two."""
        at = moment(self._ends_at_s)
        if self.is_over:
            return f"The credential of {self._account} expired at {at}. {self._renew}"
        minutes = max(1, round(self.left_s / MINUTE_S))
        return f"The credential of {self._account} expires at {at}, in {minutes} min. {self._renew}"

    def tell_log(self) -> None:
        """Warn if that is due and was not done."""
        due = [mark_s for mark_s in (*WARNED_BEFORE_S, 0.0) if self.left_s <= mark_s < self._told_s]
        if not due:
            return
        self._told_s = min(due)
        if self.is_over:
            log.error("credential_expired", account=self._account, note=self.told())
        else:
            log.warning(
                "credential_expires",
                account=self._account,
                left_s=round(self.left_s),
                note=self.told(),
            )


def moment(unix_s: float) -> str:
    """A time in words."""
    try:
        return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return "an unknown time"
