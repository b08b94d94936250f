"""What a clip shows, and a random stream that is the same in every process (SHA-256 of a key)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")


class SeededRandom:
    """A stream of draws that its key alone decides."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._drawn = 0

    def random(self) -> float:
        """Draw uniformly from 0 up to but not including 1."""
        self._drawn += 1
        digest = hashlib.sha256(f"{self._drawn}:{self._key}".encode()).digest()
        return int.from_bytes(digest[:4], "big") / 2**32

    def uniform(self, least: float, most: float) -> float:
        return least + (most - least) * self.random()

    def choice(self, values: Sequence[T]) -> T:
        return values[int(self.random() * len(values))]


PICTURE_VERSION = 1
"""Raised whenever the picture changes, so that cached clips of an older version are not served."""

SHORT_SIDE_PX = {
    "360p": 360,
    "480p": 480,
    "540p": 540,
    "720p": 720,
    "1080p": 1080,
    "1440p": 1440,
    "2160p": 2160,
    "4k": 2160,
}
DEFAULT_RESOLUTION = "720p"
DEFAULT_RATIO = "16:9"
DEFAULT_DURATION_S = 5
AUTO = "auto"
ADAPTIVE = "adaptive"
MAX_DURATION_S = 60
WIDEST = 4


@dataclass(frozen=True, slots=True)
class Clip:
    """Everything visible of a job: two jobs with the same clip share one file."""

    prompt: str
    width_px: int
    height_px: int
    duration_s: int
    is_still: bool = False

    @property
    def short_side_px(self) -> int:
        """The side that a resolution such as `720p` names."""
        return min(self.width_px, self.height_px)

    @property
    def key(self) -> str:
        """A name for the file, equal for equal clips in every process."""
        return _key(self)

    def as_json(self) -> dict[str, Any]:
        """Return plain data that `Clip(**data)` takes back."""
        told = asdict(self)
        # Files and journals of earlier versions know of no cards.
        return told if self.is_still else {k: v for k, v in told.items() if k != "is_still"}


def make_clip(prompt: str, *, ratio: str, duration: str, resolution: str) -> Clip:
    """Work out a clip's size and length from the submit's words.

    `auto` or an empty word means the default: 16:9, 5 seconds, 720p.

    Raises:
        ValueError: If a word is none that the provider documents.
    """
    width_px, height_px = frame_size_px(ratio or DEFAULT_RATIO, resolution or DEFAULT_RESOLUTION)
    return Clip(prompt, width_px, height_px, _duration_s(duration or AUTO))


def frame_size_px(ratio: str, resolution: str) -> tuple[int, int]:
    """Return even width and height: the resolution names the short side.

    Raises:
        ValueError: If the ratio or the resolution cannot be read.
    """
    short_px = SHORT_SIDE_PX.get(resolution.lower())
    if short_px is None:
        raise ValueError(f"resolution must be one of {', '.join(SHORT_SIDE_PX)}")
    across, down = _ratio(DEFAULT_RATIO if ratio in {AUTO, ADAPTIVE} else ratio)
    long_px = _even(short_px * max(across, down) / min(across, down))
    return (long_px, short_px) if across >= down else (short_px, long_px)


def shrink(clip: Clip, max_short_side_px: int | None) -> Clip:
    """The clip with its short side no longer than `max_short_side_px`, its ratio about kept."""
    if max_short_side_px is None or clip.short_side_px <= max_short_side_px:
        return clip
    factor = max_short_side_px / clip.short_side_px
    return replace(
        clip, width_px=_even(clip.width_px * factor), height_px=_even(clip.height_px * factor)
    )


@lru_cache(maxsize=16_384)
def _key(clip: Clip) -> str:
    """Cached: it is asked for at every poll."""
    visible = json.dumps([PICTURE_VERSION, clip.as_json()], sort_keys=True)
    return hashlib.sha256(visible.encode()).hexdigest()[:32]


def _ratio(text: str) -> tuple[int, int]:
    across, _, down = text.partition(":")
    if not (across.isdecimal() and down.isdecimal() and int(across) and int(down)):
        raise ValueError(f"aspect_ratio must look like 16:9 or be auto, not {text!r}")
    if not 1 / WIDEST <= int(across) / int(down) <= WIDEST:
        raise ValueError(f"aspect_ratio must lie between 1:{WIDEST} and {WIDEST}:1")
    return int(across), int(down)


def _duration_s(text: str) -> int:
    if text == AUTO:
        return DEFAULT_DURATION_S
    if not (text.isdecimal() and 1 <= int(text) <= MAX_DURATION_S):
        raise ValueError(f"duration must be whole seconds from 1 to {MAX_DURATION_S} or auto")
    return int(text)


def _even(length_px: float) -> int:
    """H.264 with 4:2:0 colour needs even sides."""
    return max(2, 2 * round(length_px / 2))
