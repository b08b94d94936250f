"""Boxes of probability, and sums of them: constant between their edges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise


@dataclass(frozen=True, slots=True)
class Box:
    """Probability `weight`, spread evenly over `left_s` to `right_s`."""

    left_s: float
    right_s: float
    weight: float

    @property
    def height(self) -> float:
        """Its density."""
        return self.weight / (self.right_s - self.left_s)

    def after(self, time_s: float) -> float:
        """The part of its weight that lies after a time."""
        return self.height * max(0.0, self.right_s - max(self.left_s, time_s))


def edges_of(boxes: Iterable[Box]) -> list[float]:
    """Where their sum may change, ascending."""
    return sorted({edge for box in boxes for edge in (box.left_s, box.right_s)})


def heights_of(boxes: Iterable[Box], edges: Sequence[float]) -> list[float]:
    """The sum of their densities between edges that hold all of theirs."""
    slope = dict.fromkeys(edges, 0.0)
    for box in boxes:
        slope[box.left_s] += box.height
        slope[box.right_s] -= box.height
    return between(slope, edges)


def between(slope: Mapping[float, float], edges: Sequence[float]) -> list[float]:
    """What steps up and down at edges is between them, none below 0."""
    steps = accumulate(slope[edge] for edge in edges[:-1])
    return [max(0.0, step) for step in steps]  # adding and taking away leaves dust below zero


def pieces(heights: Iterable[float], edges: Sequence[float]) -> list[Box]:
    """The same as boxes that follow each other."""
    stretches = zip(heights, pairwise(edges), strict=True)
    return [Box(left, right, height * (right - left)) for height, (left, right) in stretches]
