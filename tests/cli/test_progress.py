from __future__ import annotations

from reelgate.cli.progress import Lines, Step, left_text


class Typewriter:
    """Plain lines on a clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.written: list[str] = []
        self.lines = Lines(self.written.append, lambda: self.now, every_s=3.0)

    def step(self, after_s: float, step: Step) -> None:
        self.now += after_s
        self.lines.update(step)


def test_a_line_is_written_for_a_change_but_not_more_than_one_every_few_seconds() -> None:
    paper = Typewriter()
    for percent in range(60):
        paper.step(0.5, Step("rendering", percent))
    assert paper.written == [f"rendering {percent} %" for percent in range(0, 60, 6)]


def test_what_does_not_change_is_not_written_again() -> None:
    paper = Typewriter()
    for left_s in range(60, 0, -1):
        paper.step(1.0, Step("rendering", 40, float(left_s)))
    assert paper.written == ["rendering 40 %, about 1 min 0 s left"]


def test_a_time_left_reads_as_people_say_it() -> None:
    assert left_text(0.2) == "about 1 s left"
    assert left_text(59.5) == "about 1 min 0 s left"
    assert left_text(125.0) == "about 2 min 5 s left"
