"""Text in many scripts: bundled fonts, tried in order for each character, wrapped and fitted."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path

from PIL import ImageDraw, ImageFont

FOLDER = Path(__file__).parent / "fonts"
FONT_FILES = (
    "NotoSans-Medium.ttf",
    "NotoSansHebrew-Medium.ttf",
    "NotoSansArabic-Medium.ttf",
    "NotoSansDevanagari-Medium.ttf",
    "NotoSansThai-Medium.ttf",
    "DroidSansFallback.ttf",
    "NotoEmoji-Medium.ttf",
)
"""Bundled, so that a clip looks the same everywhere; the first that has a character draws it."""

UNASSIGNED = "\u0378"
"""A code point without a character: it is drawn as the font's empty box."""

JOINING = frozenset({"Cf", "Mn", "Mc", "Me", "Cc"})
"""Unicode categories that are shaped with the character before: joiners, marks, selectors."""

LINE_HEIGHT = 1.32
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
SHRINK = 0.9


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Wrapped lines and the size they are set in."""

    lines: tuple[str, ...]
    size_px: int

    @property
    def line_px(self) -> int:
        """The distance between two baselines."""
        return round(self.size_px * LINE_HEIGHT)

    @property
    def height_px(self) -> int:
        return self.line_px * len(self.lines)


def fit(text: str, *, width_px: int, height_px: int, most_px: int, least_px: int) -> Paragraph:
    """Wrap a text in the largest size that fits a box; what cannot fit ends in an ellipsis."""
    plain = " ".join(text.split())
    size_px = most_px
    while True:
        paragraph = Paragraph(tuple(wrap(plain, size_px, width_px)), size_px)
        if paragraph.height_px <= height_px:
            return paragraph
        if size_px <= least_px:
            return _truncate(paragraph, height_px)
        size_px = max(least_px, int(size_px * SHRINK))


def wrap(text: str, size_px: int, width_px: int) -> list[str]:
    """Break a text into lines no wider than `width_px`, at spaces or inside a word too long."""
    lines: list[str] = []
    line, used = "", 0.0
    for word in _words(text, size_px, width_px):
        length = measure(word, size_px)
        if line and used + length > width_px:
            lines.append(line.rstrip())
            line, used = "", 0.0
        line += word
        used += length
    return [*lines, line.rstrip()] if line.strip() else lines


def measure(text: str, size_px: int) -> float:
    return sum(_length(run, file, size_px) for file, run in runs(text))


def draw_line(
    draw: ImageDraw.ImageDraw, at: tuple[float, float], text: str, size_px: int, fill: str
) -> None:
    """Draw a line with its baseline at a point, each run in the font that has its characters."""
    x, y = at
    for file, run in runs(text):
        draw.text((x, y), run, font=_font(file, size_px), fill=fill, anchor="ls")
        x += _length(run, file, size_px)


def runs(text: str) -> list[tuple[str, str]]:
    """Split a text into (font file, run); characters that change nothing stay with their run."""
    files: list[str] = []
    for character in text:
        joins = files and (character == " " or unicodedata.category(character) in JOINING)
        files.append(files[-1] if joins else _file_for(character))
    pairs = zip(files, text, strict=True)
    return [(file, "".join(c for _, c in run)) for file, run in groupby(pairs, lambda one: one[0])]


def _truncate(paragraph: Paragraph, height_px: int) -> Paragraph:
    kept = paragraph.lines[: max(1, height_px // paragraph.line_px)]
    last = kept[-1][: max(1, len(kept[-1]) - 2)].rstrip()
    return Paragraph((*kept[:-1], last + ELLIPSIS), paragraph.size_px)


def _words(text: str, size_px: int, width_px: int) -> list[str]:
    """Split into words with their trailing space; wide scripts break between any two characters."""
    pieces: list[str] = []
    for word in text.split(" "):
        spaced = word + " "
        if _breaks_anywhere(word) or measure(word, size_px) > width_px:
            pieces += list(spaced)
        else:
            pieces.append(spaced)
    return pieces


def _breaks_anywhere(word: str) -> bool:
    return any(unicodedata.east_asian_width(character) == "W" for character in word)


@lru_cache(maxsize=4096)
def _file_for(character: str) -> str:
    return next((file for file in FONT_FILES if _covers(file, character)), FONT_FILES[0])


def _covers(file: str, character: str) -> bool:
    """Ask by drawing: what comes out as the empty box is not in the font."""
    font = _font(file, 16)
    return bytes(font.getmask(character)) != bytes(font.getmask(UNASSIGNED))


@lru_cache(maxsize=8192)
def _length(run: str, file: str, size_px: int) -> float:
    return _font(file, size_px).getlength(run)


@lru_cache(maxsize=64)
def _font(file: str, size_px: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FOLDER / file), size_px)
