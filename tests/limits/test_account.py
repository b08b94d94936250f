"""Who may submit next, of all the processes that use one upstream account: decided purely."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from reelgate.limits.account import (
    RETRY_S,
    TRIAL_S,
    WAITING_S,
    AccountLimits,
    AccountState,
    after,
    answered,
    rested,
    room_in,
)

NOW = 1_000_000.0
LIMITS = AccountLimits(in_flight=10, submits=4)
US, THEM, THIRD = 1, 2, 3
EMPTY = AccountState(NOW)


def turned_away(standing: AccountState, process: int) -> AccountState:
    return after(standing, process, entered=0, turned_away=1)


def test_there_is_room_for_what_both_limits_leave() -> None:
    assert room_in(EMPTY, LIMITS, US) == 4
    assert room_in(replace(EMPTY, in_flight=8, submitting=1), LIMITS, US) == 2
    assert room_in(replace(EMPTY, in_flight=8, submitting=3), LIMITS, US) == 1
    assert room_in(replace(EMPTY, in_flight=12, submitting=4), LIMITS, US) == 0


def test_nobody_gets_in_while_the_account_rests_and_one_afterwards() -> None:
    resting = replace(EMPTY, rests_until=NOW + 5, cautious=True)
    assert (room_in(resting, LIMITS, US), resting.rest_s) == (0, 5.0)
    rested = replace(resting, now=NOW + 5)
    assert room_in(rested, LIMITS, US) == 1
    tried = after(rested, US, entered=1, turned_away=0)
    assert [room_in(tried, LIMITS, process) for process in (US, THEM)] == [0, 0]


def test_when_the_process_that_tries_is_killed_another_tries_after_a_while() -> None:
    tried = after(replace(EMPTY, cautious=True), US, entered=1, turned_away=0)
    assert room_in(replace(tried, now=NOW + TRIAL_S), LIMITS, THEM) == 1


def test_a_freed_place_goes_to_the_process_that_has_waited_for_the_longest() -> None:
    full = replace(EMPTY, in_flight=10)
    waiting = turned_away(full, THEM)
    waiting = turned_away(replace(waiting, now=NOW + 0.1), US)
    one_free = replace(waiting, now=NOW + 0.2, in_flight=9)
    assert [room_in(one_free, LIMITS, process) for process in (US, THEM, THIRD)] == [0, 1, 0]
    taken = after(one_free, THEM, entered=1, turned_away=1)
    free_again = replace(taken, now=NOW + 0.3, in_flight=9)
    assert [room_in(free_again, LIMITS, process) for process in (US, THEM, THIRD)] == [1, 0, 0]


def test_a_process_that_asks_no_more_is_not_waited_for() -> None:
    waiting = turned_away(replace(EMPTY, in_flight=10), THEM)
    later = replace(waiting, now=NOW + WAITING_S + 0.1, in_flight=9)
    assert room_in(later, LIMITS, US) == 1
    assert [one.process for one in turned_away(later, US).waiting] == [US]


def test_a_process_that_got_what_it_wanted_waits_no_longer() -> None:
    waiting = turned_away(replace(EMPTY, in_flight=10), US)
    assert after(waiting, US, entered=1, turned_away=0).waiting == ()


@given(st.lists(st.permutations([US, THEM, THIRD]), min_size=1, max_size=30))
def test_whatever_the_order_in_which_they_ask_each_process_has_its_turn(
    rounds: list[list[int]],
) -> None:
    """Each wants more than it gets; one video ends before each round."""
    standing, rounds_without = replace(EMPTY, in_flight=10), Counter[int]()
    for askers in rounds:
        standing = replace(standing, now=standing.now + RETRY_S, in_flight=standing.in_flight - 1)
        for process in askers:
            entered = min(3, room_in(standing, LIMITS, process))
            standing = after(standing, process, entered=entered, turned_away=3 - entered)
            standing = replace(standing, submitting=0)
            rounds_without[process] = 0 if entered else rounds_without[process] + 1
            assert standing.in_flight <= LIMITS.in_flight
        assert max(rounds_without.values()) <= len(askers)


def test_a_rest_makes_cautious_until_a_submit_is_accepted() -> None:
    resting = rested(replace(EMPTY, in_flight=2, submitting=2), 5.0)
    assert (resting.rest_s, resting.cautious) == (5.0, True)
    assert rested(resting, 1.0).rest_s == 5.0
    tried = after(replace(resting, now=NOW + 5), US, entered=1, turned_away=0)
    refused = answered(tried, accepted=False)
    assert (refused.cautious, room_in(refused, LIMITS, US)) == (True, 1)
    accepted = answered(refused, accepted=True)
    assert (accepted.cautious, accepted.submitting) == (False, 1)
    assert room_in(accepted, LIMITS, US) == 3
