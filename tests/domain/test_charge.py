"""What a job is known to have cost."""

from __future__ import annotations

import pytest

from reelgate.domain.charge import Charge, charge_of
from reelgate.domain.video import Failure, State
from reelgate.providers.imagine.wire import credits_of
from tests.db.factories import a_video

UNKNOWN, CANCELLED = "submission_unknown", "cancelled"

TABLE = (
    # state, attempts, provider_id, cost, marker, failure -> charge, cost
    (State.QUEUED, 0, None, None, None, None, Charge.FREE, None),
    (State.FAILED, 0, None, None, "", CANCELLED, Charge.FREE, None),
    (State.QUEUED, 2, None, None, "", None, Charge.FREE, None),
    (State.SUBMITTING, 1, None, None, "m", None, Charge.UNKNOWN, None),
    (State.SUBMITTING, 1, None, None, None, None, Charge.UNKNOWN, None),
    (State.FAILED, 1, None, None, "", "insufficient_credits", Charge.FREE, None),
    (State.FAILED, 1, None, None, "", "moderation_blocked", Charge.FREE, None),
    (State.FAILED, 1, None, None, "m", UNKNOWN, Charge.UNKNOWN, None),
    (State.FAILED, 1, None, None, None, UNKNOWN, Charge.UNKNOWN, None),
    (State.FAILED, 1, None, None, "m", "upstream_bad_response", Charge.UNKNOWN, None),
    # cancelled between two submits, inside one, and by a version that did not say
    (State.FAILED, 1, None, None, "", CANCELLED, Charge.FREE, None),
    (State.FAILED, 1, None, None, "m", CANCELLED, Charge.UNKNOWN, None),
    (State.FAILED, 1, None, None, None, CANCELLED, Charge.UNKNOWN, None),
    # accepted: what was told then counts, whatever came of the job
    (State.RENDERING, 1, "id", 12, "m", None, Charge.CHARGED, 12),
    (State.FAILED, 1, "id", 12, "m", "moderation_blocked", Charge.CHARGED, 12),
    (State.FAILED, 1, "id", 12, "m", CANCELLED, Charge.CHARGED, 12),
    (State.COMPLETED, 1, "id", 12, "m", None, Charge.CHARGED, 12),
    (State.COMPLETED, 1, "id", 0, "m", None, Charge.FREE, 0),
    (State.COMPLETED, 1, "id", None, "m", None, Charge.CHARGED, None),
    (State.RENDERING, 1, "id", None, "m", None, Charge.UNKNOWN, None),
    (State.FAILED, 1, "id", None, "m", "upstream_failed", Charge.UNKNOWN, None),
)


@pytest.mark.parametrize("row", TABLE)
def test_a_charge_is_what_was_told_and_no_guess(
    row: tuple[State, int, str | None, int | None, str | None, str | None, Charge, int | None],
) -> None:
    state, attempts, provider_id, cost, marker, code, charge, told = row
    video = a_video(
        state=state,
        attempts=attempts,
        provider_id=provider_id,
        cost=credits_of(cost),
        marker=marker,
        failure=None if code is None else Failure(code, "why"),
    )
    charged = charge_of(video)
    assert (charged.charge, charged.cost) == (charge, credits_of(told))
    assert charged.why
