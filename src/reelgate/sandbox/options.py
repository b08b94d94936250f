"""The options of a sandbox."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1024 * 1024

Listing = Literal["markers", "plain", "off"]
"""The list of finished jobs: each with its `placeholderUuid`, without it, or no such list. Which is
true of imagine.art is unknown."""


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """The options of a sandbox; the defaults suit a laptop.

    Attributes:
        host: Address to listen on.
        port: TCP port; 0 takes a free one.
        speed: How many times faster than the published times a job gets ready.
        seed: Another seed draws other ready times for the same prompts.
        token: The one bearer token that is accepted; None accepts any that is not empty.
        refresh_token: The one refresh token accepted at first; None accepts any that is not empty.
        credits: What the account holds at the start.
        data_dir: Where accepted jobs and rendered clips survive a restart; None forgets them.
        render_workers: Rendering processes at most; none is started before the first job.
        max_short_side_px: Shrinks every clip to this short side, for load tests; None keeps the
            size that was asked for.
        max_request_bytes: The largest body taken.
        max_cache_bytes: Rendered clips kept on disk; the least recently used go first.
        max_records: Requests remembered; the oldest go first.
        listing: Whether there is a list of finished jobs, and whether it has markers.
        key_requests_per_minute: What the key-based API takes, in a minute of its own time.
        key_old_status: Whether its jobs are only known to `/v2/video/status/{id}`.
        key_url_lists: Whether its addresses come in lists.
    """

    host: str = "127.0.0.1"
    port: int = 0
    speed: float = 20.0
    seed: int = 0
    token: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    credits: int = 1_000_000
    data_dir: Path | None = None
    render_workers: int = 1
    max_short_side_px: int | None = None
    max_request_bytes: int = 32 * MIB
    max_cache_bytes: int = 2048 * MIB
    max_records: int = 200_000
    listing: Listing = "markers"
    key_requests_per_minute: int = 50
    key_old_status: bool = False
    key_url_lists: bool = False

    def __post_init__(self) -> None:
        """Refuse values that could only fail later.

        Raises:
            ValueError: If a number is out of its range.
        """
        if not self.speed > 0:
            raise ValueError(f"speed must be above 0, not {self.speed}")
        if self.render_workers < 1:
            raise ValueError(f"render_workers must be at least 1, not {self.render_workers}")
        if self.max_short_side_px is not None and self.max_short_side_px < MIN_SIDE_PX:
            raise ValueError(f"max_short_side_px must be at least {MIN_SIDE_PX}")


MIN_SIDE_PX = 32
"""Below this x264 has too few blocks to work with and no text could be read anyway."""
