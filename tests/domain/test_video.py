"""The life of a job, as pure data."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from reelgate.domain.video import (
    MOVES,
    OPEN_STATES,
    STATUS,
    State,
    Timeline,
    Video,
    VideoRequest,
    VideoStatus,
    new_video_id,
)
from reelgate.polling.distribution import Distribution
from reelgate.polling.forecast import Forecast
from reelgate.polling.observations import Observation, Prior

BEGAN_S = 1_800_000_000.0
REQUEST = VideoRequest(
    model="m",
    prompt="a cat",
    aspect_ratio="16:9",
    duration=5,
    resolution="720p",
    options={"style_id": 1, "is_enhance": True},
)
ENDS = {State.COMPLETED, State.FAILED}


class JobLife(RuleBasedStateMachine):
    """A job on which anything is tried at any time, while the clock goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = BEGAN_S
        self.video = Video(
            id=new_video_id(),
            owner="",
            request=REQUEST,
            provider="p",
            timeline=Timeline(created_at=BEGAN_S),
        )
        self.seen = 0
        self.ended_in: State | None = None
        self.forecast = Forecast.of(Distribution.learn([], Prior(60, 90)))

    @initialize(
        seen=st.lists(st.floats(0.1, 1000).map(Observation.exact), max_size=5),
        low_s=st.floats(0, 200),
        width_s=st.floats(0.5, 500),
    )
    def learn(self, seen: list[Observation], low_s: float, width_s: float) -> None:
        self.forecast = Forecast.of(Distribution.learn(seen, Prior(low_s, low_s + width_s)))

    @rule(seconds=st.floats(0, 400))
    def wait(self, seconds: float) -> None:
        self.now_s += seconds

    @rule(to=st.sampled_from(State))
    def try_to_move(self, to: State) -> None:
        """What the store does: the table of moves decides."""
        if to not in MOVES[self.video.state]:
            return
        self.video = replace(self.video, state=to, timeline=self._timeline(to))
        if to is State.RENDERING:
            self.video = replace(self.video, forecast=self.forecast)

    @precondition(lambda self: self.video.is_over)
    @rule()
    def remember_the_end(self) -> None:
        self.ended_in = self.ended_in or self.video.state

    @invariant()
    def nothing_leads_out_of_an_end(self) -> None:
        assert self.ended_in in {None, self.video.state}
        assert self.video.is_over == (self.video.state in ENDS)

    @invariant()
    def progress_never_falls_and_is_whole_only_when_completed(self) -> None:
        progress = self.video.progress(self.now_s)
        assert self.seen <= progress <= 100
        assert (progress == 100) == (self.video.state is State.COMPLETED)
        self.seen = progress

    @invariant()
    def time_left_is_told_only_while_it_renders(self) -> None:
        eta_s = self.video.eta_s(self.now_s)
        assert (eta_s is not None) == (self.video.state is State.RENDERING)
        assert eta_s is None or eta_s >= 0

    def _timeline(self, target: State) -> Timeline:
        match target:
            case State.RENDERING:
                return replace(self.video.timeline, submitted_at=self.now_s)
            case State.FETCHING:
                return replace(self.video.timeline, ready_at=self.now_s)
            case State.COMPLETED | State.FAILED:
                return replace(self.video.timeline, completed_at=self.now_s)
            case _:
                return self.video.timeline


TestJobLife = JobLife.TestCase
TestJobLife.settings = settings(max_examples=60, stateful_step_count=25)


def test_every_state_has_a_public_status_and_a_row_of_moves() -> None:
    assert set(STATUS) == set(MOVES) == set(State)
    assert set(State) - ENDS == OPEN_STATES
    assert {STATUS[state] for state in OPEN_STATES} == {
        VideoStatus.QUEUED,
        VideoStatus.IN_PROGRESS,
    }


def test_nothing_that_may_have_been_submitted_goes_back_to_the_queue() -> None:
    """Only a submit that was surely refused does, straight from SUBMITTING."""
    assert [state for state in State if State.QUEUED in MOVES[state]] == [State.SUBMITTING]


def test_every_job_can_come_to_its_end() -> None:
    for state in OPEN_STATES:
        assert State.FAILED in MOVES[state]


def test_ids_are_unique_and_sort_by_time() -> None:
    ids = [new_video_id() for _ in range(5000)]
    assert ids == sorted(set(ids))
