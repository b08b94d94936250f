"""Frame sizes in pixels: what `1280x720` means in a ratio and a resolution, and back."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from math import gcd

SHORT_SIDES = {"2k": 1440, "4k": 2160}
"""Resolutions that do not tell their short side by their own name."""


@lru_cache
def frame_size(aspect_ratio: str | None, resolution: str | None) -> str | None:
    """The frame as `WIDTHxHEIGHT`, both even; None where the two do not tell it."""
    ratio = parse_ratio(aspect_ratio)
    short = short_side(resolution)
    if ratio is None or short is None:
        return None
    wide, high = ratio
    long = even(short * max(wide, high) / min(wide, high))
    return f"{long}x{short}" if wide >= high else f"{short}x{long}"


def from_size(
    size: str, aspect_ratios: Iterable[str], resolutions: Iterable[str]
) -> tuple[str, str] | None:
    """The aspect ratio and resolution that give this frame; None where none of these do."""
    return sizes(aspect_ratios, resolutions).get(size)


def any_size(size: str) -> tuple[str, str] | None:
    """The aspect ratio and resolution of any frame as `WIDTHxHEIGHT`; None where it is none."""
    wide, _, high = size.partition("x")
    if not (wide.isdecimal() and high.isdecimal() and int(wide) and int(high)):
        return None
    across, down = int(wide), int(high)
    shared = gcd(across, down)
    return f"{across // shared}:{down // shared}", f"{min(across, down)}p"


def sizes(aspect_ratios: Iterable[str], resolutions: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Every frame these ratios and resolutions make, and what makes it."""
    ratios = list(aspect_ratios)
    return {
        size: (ratio, resolution)
        for resolution in resolutions
        for ratio in ratios
        if (size := frame_size(ratio, resolution)) is not None
    }


def parse_ratio(aspect_ratio: str | None) -> tuple[int, int] | None:
    """`16:9` as two numbers; None for `auto` and the like."""
    wide, _, high = (aspect_ratio or "").partition(":")
    if not (wide.isdigit() and high.isdigit()):
        return None
    return int(wide), int(high)


def short_side(resolution: str | None) -> int | None:
    """The shorter side of the frame in pixels."""
    name = (resolution or "").lower()
    if name in SHORT_SIDES:
        return SHORT_SIDES[name]
    return int(name[:-1]) if name.endswith("p") and name[:-1].isdigit() else None


def even(length: float) -> int:
    """The nearest even number: H.264's chroma planes have half the frame's sides."""
    return round(length / 2) * 2
