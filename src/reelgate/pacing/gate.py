"""One account's looks, spaced so that they never exceed its budget."""

from __future__ import annotations

from dataclasses import dataclass

BURST_S = 1.0
"""The looks of so long may fall into one instant, after as long without any."""


@dataclass(slots=True)
class Gate:
    """Tells each look how long to wait: the generic cell rate algorithm (ITU-T I.371).

    In any window of w seconds no more than `per_s * (w + BURST_S) + 1` looks pass.

    Attributes:
        free_at_s: when the looks let through so far are all paid for, on the caller's clock.
    """

    free_at_s: float = 0.0

    def wait_s(self, now_s: float, per_s: float) -> float:
        """Take the next turn; returns the seconds until it, 0 for at once."""
        turn_s = max(now_s, self.free_at_s - BURST_S)
        self.free_at_s = max(self.free_at_s, now_s) + 1 / per_s
        return turn_s - now_s

    def close(self, until_s: float) -> None:
        """Let nobody pass until then, and everybody one after the other from then on."""
        self.free_at_s = max(self.free_at_s, until_s + BURST_S)
