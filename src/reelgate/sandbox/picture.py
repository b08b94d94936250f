"""What a clip looks like: a drifting field of colour whose palette and motion follow the prompt."""

from __future__ import annotations

import colorsys
import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from PIL import Image

from reelgate.sandbox.chance import Chance

if TYPE_CHECKING:
    from collections.abc import Sequence

Colour = tuple[int, int, int]

FIELD_LONG_SIDE_PX = 96
"""The field is drawn this small and enlarged smoothly: it has no detail to lose."""

GLOW_PX = 64
HUE_STEPS = (0.0, 0.06, -0.07, 0.12, -0.14, 0.36)
"""Neighbouring hues and one for contrast, as parts of a turn."""


@dataclass(frozen=True, slots=True)
class Glow:
    """A soft light on a Lissajous path; lengths are shares of the frame's long side.

    It turns a whole number of times in a clip, so that the clip loops without a seam.
    """

    colour: Colour
    radius: float
    centre: tuple[float, float]
    swing: tuple[float, float]
    turns: tuple[int, int]
    phase: tuple[float, float]

    def at(self, along: float) -> tuple[float, float]:
        """Return the centre at a point of the clip, 0 to 1."""
        x, y = (
            middle + swing * math.sin(math.tau * (turns * along + phase))
            for middle, swing, turns, phase in zip(
                self.centre, self.swing, self.turns, self.phase, strict=True
            )
        )
        return x, y


@dataclass(frozen=True, slots=True)
class Field:
    """The background of one clip."""

    width_px: int
    height_px: int
    ground: Colour
    glows: tuple[Glow, ...]

    def draw(self, along: float) -> Image.Image:
        """Draw the field at a point of the clip, 0 to 1."""
        image = Image.new("RGB", (self.width_px, self.height_px), self.ground)
        long_px = max(image.size)
        for glow in self.glows:
            x, y = (part * long_px for part in glow.at(along))
            scale = GLOW_PX / (2 * glow.radius * long_px)
            shift = (GLOW_PX / 2 - x * scale, GLOW_PX / 2 - y * scale)
            light = _glow().transform(
                image.size,
                Image.Transform.AFFINE,
                (scale, 0, shift[0], 0, scale, shift[1]),
                Image.Resampling.BILINEAR,
            )
            image.paste(glow.colour, mask=light)
        return image


def make_field(prompt: str, width_px: int, height_px: int) -> Field:
    """Derive a clip's background from its prompt."""
    chance = Chance(f"field:{prompt}")
    factor = FIELD_LONG_SIDE_PX / max(width_px, height_px)
    hue = chance.share()
    across, down = width_px / max(width_px, height_px), height_px / max(width_px, height_px)
    glows = tuple(
        _make_glow(chance, hue + step, across, down) for step in _shuffled(chance, HUE_STEPS)
    )
    return Field(
        max(4, round(width_px * factor)),
        max(4, round(height_px * factor)),
        _colour(hue + 0.04, 0.15, 0.6),
        glows,
    )


def accent(prompt: str) -> Colour:
    """Return a light colour that goes with the prompt's field."""
    return _colour(Chance(f"field:{prompt}").share(), 0.78, 0.8)


def _make_glow(chance: Chance, hue: float, across: float, down: float) -> Glow:
    return Glow(
        colour=_colour(hue, chance.between(0.32, 0.52), chance.between(0.6, 0.9)),
        radius=chance.between(0.3, 0.55),
        centre=(across * chance.between(0.15, 0.85), down * chance.between(0.15, 0.85)),
        swing=(across * chance.between(0.1, 0.3), down * chance.between(0.1, 0.3)),
        turns=(chance.one_of((-1, 1)), chance.one_of((-1, 1))),
        phase=(chance.share(), chance.share()),
    )


def _shuffled(chance: Chance, values: Sequence[float]) -> list[float]:
    return sorted(values, key=lambda _: chance.share())


def _colour(hue: float, lightness: float, saturation: float) -> Colour:
    red, green, blue = colorsys.hls_to_rgb(hue % 1, lightness, saturation)
    return round(red * 255), round(green * 255), round(blue * 255)


@cache
def _glow() -> Image.Image:
    """A round light that fades out smoothly to nothing well inside its square."""
    middle = (GLOW_PX - 1) / 2
    light = Image.new("L", (GLOW_PX, GLOW_PX))
    light.putdata(
        [
            round(235 * _smooth(1 - math.hypot(x - middle, y - middle) / (middle - 1)))
            for y in range(GLOW_PX)
            for x in range(GLOW_PX)
        ]
    )
    return light


def _smooth(value: float) -> float:
    inside = min(1.0, max(0.0, value))
    return inside * inside * (3 - 2 * inside)
