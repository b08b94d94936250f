"""Who counts as dead among the processes that share a database."""

from __future__ import annotations

from reelgate.store.peers import Roll


def test_who_is_missing_once_may_be_reconnecting() -> None:
    roll: Roll[int] = Roll()
    assert roll.dead({1}) == set()
    assert roll.dead(set()) == set()
    assert roll.dead({1}) == set()


def test_who_is_missing_twice_in_a_row_is_dead() -> None:
    roll: Roll[int] = Roll()
    roll.dead({1, 2})
    assert roll.dead({2, 3}) == {2}
    assert roll.dead({2, 3}) == {2, 3}
