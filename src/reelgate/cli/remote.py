"""A video as the gateway shows it over HTTP, read into frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

COMPLETED = "completed"
FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RemoteVideo:
    """What the command line reads of a video object; `raw` is all of it.

    Attributes:
        progress: percent, 0 to 100.
        eta_s: the time left in seconds, None where nobody can say.
        error_code: why it failed, None otherwise.
    """

    id: str
    status: str
    progress: int
    eta_s: float | None
    error_code: str | None
    error_message: str
    raw: Mapping[str, Any]

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in {COMPLETED, FAILED}

    def text(self, key: str) -> str:
        """One of the object's plain fields, empty where it has none."""
        value = self.raw.get(key)
        return "" if value is None else str(value)

    @property
    def ours(self) -> Mapping[str, Any]:
        """What Reelgate adds to the shape; empty for another server's."""
        value = self.raw.get("reelgate")
        return value if isinstance(value, dict) else {}

    @property
    def frame(self) -> str:
        """Its picture in words, as `1280x720, 5 s`."""
        seconds = self.text("seconds")
        parts = [self.text("size"), f"{seconds} s" if seconds else ""]
        return ", ".join(part for part in parts if part)


def read_video(body: Mapping[str, Any]) -> RemoteVideo:
    """Read a video object.

    Raises:
        KeyError: it lacks its id or status.
        TypeError, ValueError: one of its fields is of another type.
    """
    error = body.get("error") or {}
    eta_s = (body.get("reelgate") or {}).get("eta_s")
    return RemoteVideo(
        id=str(body["id"]),
        status=str(body["status"]),
        progress=int(body.get("progress") or 0),
        eta_s=None if eta_s is None else float(eta_s),
        error_code=str(error.get("code") or "upstream_failed") if error else None,
        error_message=str(error.get("message") or "") if error else "",
        raw=body,
    )
