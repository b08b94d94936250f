"""What a clip looks like: a drifting field of colour, and what is laid over it."""

from __future__ import annotations

import colorsys
import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFilter

from reelgate.rendering.clip import SeededRandom
from reelgate.rendering.text import LINE_HEIGHT, Paragraph, draw_line, fit, measure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reelgate.rendering.clip import Clip

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
        """The centre at a point of the clip, 0 to 1."""
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
    chance = SeededRandom(f"field:{prompt}")
    factor = FIELD_LONG_SIDE_PX / max(width_px, height_px)
    hue = chance.random()
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
    return _colour(SeededRandom(f"field:{prompt}").random(), 0.78, 0.8)


def _make_glow(chance: SeededRandom, hue: float, across: float, down: float) -> Glow:
    return Glow(
        colour=_colour(hue, chance.uniform(0.32, 0.52), chance.uniform(0.6, 0.9)),
        radius=chance.uniform(0.3, 0.55),
        centre=(across * chance.uniform(0.15, 0.85), down * chance.uniform(0.15, 0.85)),
        swing=(across * chance.uniform(0.1, 0.3), down * chance.uniform(0.1, 0.3)),
        turns=(chance.choice((-1, 1)), chance.choice((-1, 1))),
        phase=(chance.random(), chance.random()),
    )


def _shuffled(chance: SeededRandom, values: Sequence[float]) -> list[float]:
    return sorted(values, key=lambda _: chance.random())


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


WATERMARK = "sandbox"
BOX_SHARE = (0.84, 0.70)
"""The prompt's box, as shares of width and height."""

MOST_SHARE, LEAST_SHARE, NOTE_SHARE = 0.088, 0.020, 0.030
"""Letter sizes as shares of the short side: the prompt's largest and smallest, and the notes'."""

SHADOW_BELOW_PX = 200
"""Frames smaller than this get no shadow: nobody reads them."""

LEAST_PX = 5


@dataclass(frozen=True, slots=True)
class Layer:
    """A picture with transparency and the frame's pixel of its upper left corner."""

    image: Image.Image
    x_px: int
    y_px: int


def text_layer(clip: Clip) -> Layer:
    """Draw everything that stands still, cut to what is covered."""
    image = Image.new("RGBA", (clip.width_px, clip.height_px))
    _draw_prompt(image, clip)
    _draw_notes(ImageDraw.Draw(image), clip)
    box = image.getbbox() or (0, 0, 2, 2)
    even = (box[0] & ~1, box[1] & ~1, box[2] + (box[2] & 1), box[3] + (box[3] & 1))
    return Layer(image.crop(even), even[0], even[1])


def time_bar(clip: Clip) -> Layer:
    """Draw the full bar; it is slid in from the left as time passes."""
    height_px = max(2, clip.short_side_px // 120 * 2)
    image = Image.new("RGBA", (clip.width_px, height_px), (*accent(clip.prompt), 210))
    return Layer(image, 0, clip.height_px - height_px)


def _draw_prompt(image: Image.Image, clip: Clip) -> None:
    short_px = clip.short_side_px
    paragraph = fit(
        clip.prompt,
        width_px=int(clip.width_px * BOX_SHARE[0]),
        height_px=int(clip.height_px * BOX_SHARE[1]),
        most_px=max(LEAST_PX, int(short_px * MOST_SHARE)),
        least_px=max(LEAST_PX, int(short_px * LEAST_SHARE)),
    )
    if short_px >= SHADOW_BELOW_PX:
        shade = Image.new("L", image.size)
        _draw_lines(ImageDraw.Draw(shade), clip, paragraph, "white")
        spread = shade.filter(ImageFilter.BoxBlur(max(2, paragraph.size_px // 5)))
        soft = spread.point([min(150, value * 2) for value in range(256)])
        image.paste((4, 6, 14, 255), mask=soft)
        image.putalpha(soft)
    _draw_lines(ImageDraw.Draw(image), clip, paragraph, "white")


def _draw_lines(draw: ImageDraw.ImageDraw, clip: Clip, paragraph: Paragraph, fill: str) -> None:
    top = (clip.height_px - paragraph.height_px) / 2
    drop = paragraph.size_px * (LINE_HEIGHT + 0.4) / 2
    for number, line in enumerate(paragraph.lines):
        x = (clip.width_px - measure(line, paragraph.size_px)) / 2
        draw_line(draw, (x, top + number * paragraph.line_px + drop), line, paragraph.size_px, fill)


def _draw_notes(draw: ImageDraw.ImageDraw, clip: Clip) -> None:
    """Write size and length at the lower left, the watermark in a frame at the lower right."""
    size_px = max(LEAST_PX, int(clip.short_side_px * NOTE_SHARE))
    margin_px = size_px * 1.6
    baseline = clip.height_px - margin_px - size_px * 0.4
    note = f"{clip.width_px} \N{MULTIPLICATION SIGN} {clip.height_px}   {clip.duration_s} s"
    draw_line(draw, (margin_px, baseline), note, size_px, "#ffffffb0")
    left = clip.width_px - margin_px - measure(WATERMARK, size_px) - size_px * 0.7
    frame = (
        left - size_px * 0.7,
        baseline - size_px * 1.15,
        clip.width_px - margin_px,
        baseline + size_px * 0.55,
    )
    draw.rounded_rectangle(frame, radius=size_px * 0.85, fill="#00000070", outline="#ffffff90")
    draw_line(draw, (left, baseline), WATERMARK, size_px, "#fffffff0")
