"""The `Prefer` header (RFC 7240): how long a caller wants to wait."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_WAIT_S = 86_400.0
"""A number beyond all sense would become infinite, and be echoed as such."""


@dataclass(frozen=True, slots=True)
class Preference:
    """What a caller prefers: `wait_s` caps the wait, `respond_async` wants 202 in its place."""

    wait_s: float | None = None
    respond_async: bool = False

    def applied(self) -> str | None:
        """What `Preference-Applied` echoes; None where nothing was asked."""
        parts = ["respond-async"] if self.respond_async else []
        if self.wait_s is not None:
            parts.append(f"wait={self.wait_s:.0f}")
        return ", ".join(parts) or None


def parse_prefer(header: str | None) -> Preference:
    """Read a `Prefer` header; what is unknown or makes no sense is ignored, as the RFC asks."""
    wait_s: float | None = None
    respond_async = False
    for part in (header or "").split(","):
        name, _, value = part.partition(";")[0].partition("=")
        value = value.strip().strip('"')
        match name.strip().lower():
            case "respond-async":
                respond_async = True
            case "wait" if wait_s is None and value.isascii() and value.isdigit():
                wait_s = min(float(value), LONGEST_WAIT_S)
            case _:
                continue
    return Preference(wait_s, respond_async)
