"""What is laid over a clip's background: the prompt, the watermark, a caption and a time bar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFilter

from reelgate.sandbox.lettering import LINE_HEIGHT, Paragraph, draw_line, fit, measure
from reelgate.sandbox.picture import accent

if TYPE_CHECKING:
    from reelgate.sandbox.clip import Clip

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


def lettering(clip: Clip) -> Layer:
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
