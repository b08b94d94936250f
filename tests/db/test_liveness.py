"""Who counts as dead among the processes that share a database."""

from __future__ import annotations

from reelgate.db.postgres.liveness import Liveness


def test_who_is_missing_once_may_be_reconnecting() -> None:
    liveness: Liveness[int] = Liveness()
    assert liveness.dead({1}) == set()
    assert liveness.dead(set()) == set()
    assert liveness.dead({1}) == set()


def test_who_is_missing_twice_in_a_row_is_dead() -> None:
    liveness: Liveness[int] = Liveness()
    liveness.dead({1, 2})
    assert liveness.dead({2, 3}) == {2}
    assert liveness.dead({2, 3}) == {2, 3}
