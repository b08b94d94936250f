"""Who counts as dead among the processes that share a database."""

from __future__ import annotations

from reelgate.db.postgres.liveness import Liveness


def test_who_is_missing_once_may_be_reconnecting() -> None:
    roll: Liveness[int] = Liveness()
    assert roll.dead({1}) == set()
    assert roll.dead(set()) == set()
    assert roll.dead({1}) == set()


def test_who_is_missing_twice_in_a_row_is_dead() -> None:
    roll: Liveness[int] = Liveness()
    roll.dead({1, 2})
    assert roll.dead({2, 3}) == {2}
    assert roll.dead({2, 3}) == {2, 3}
