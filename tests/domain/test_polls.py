"""How the polls of a job are kept, however many there are."""

from __future__ import annotations

import pytest

from reelgate.domain.polls import MOST_KEPT, Poll, Polls


@pytest.mark.parametrize("made", [1, MOST_KEPT, MOST_KEPT + 1, 5 * MOST_KEPT])
def test_of_many_polls_the_first_and_the_latest_are_kept(made: int) -> None:
    every = [Poll(float(at), "not_ready") for at in range(made)]
    polls = Polls()
    for poll in every:
        polls = polls.followed_by(poll)
    half = MOST_KEPT // 2
    kept = every if made <= MOST_KEPT else every[:half] + every[-half:]
    assert polls == Polls(made, tuple(kept))
