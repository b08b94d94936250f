from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av


@dataclass(frozen=True)
class Movie:
    size: tuple[int, int]
    seconds: float


def read_movie(path: Path) -> Movie:
    """What PyAV makes of a file, every frame decoded."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        rate = stream.average_rate or Fraction(0)
        frames = sum(1 for _ in container.decode(stream))
        return Movie((stream.width, stream.height), float(frames / rate))
