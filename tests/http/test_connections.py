"""Which connections stay and which go when there are too many."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reelgate.errors import Overloaded
from reelgate.http.connections import (
    MAX_HEAD_BYTES,
    MAX_HEADS_BYTES,
    Connection,
    ConnectionLimits,
    Connections,
    address_group,
)

A, B, HERE = "203.0.113.1", "203.0.113.2", "127.0.0.1"


class Door:
    """Connections with the names of those that were cut."""

    def __init__(self, total: int = 4, per_address: int = 2) -> None:
        self.all = Connections(ConnectionLimits(total, per_address, head_timeout_s=1))
        self.cut: list[str] = []

    def come(self, name: str, address: str = HERE) -> Connection:
        connection = self.all.open(address, self._cutting(name))
        assert connection is not None
        return connection

    def serve(self, name: str, address: str = HERE) -> Connection:
        connection = self.come(name, address)
        connection.authenticated()
        connection.request_complete()
        return connection

    def _cutting(self, name: str) -> Callable[[], None]:
        return lambda: self.cut.append(name)


def test_the_oldest_that_has_asked_nothing_makes_room() -> None:
    door = Door()
    door.serve("served")
    for name in "abcde":
        door.come(name)
    assert door.cut == ["a", "b"]
    assert len(door.all) == 4


@pytest.mark.parametrize("order", ["authenticated first", "whole first"])
def test_a_request_is_served_once_it_is_complete_and_of_somebody_known(order: str) -> None:
    door = Door(total=1)
    connection = door.come("a")
    if order == "authenticated first":
        connection.authenticated()
    else:
        connection.request_complete()
    door.come("b")
    assert door.cut == ["a"]
    other = Door(total=1).serve("a")
    assert other._connections.open(A, pytest.fail) is None


def test_whoever_is_between_two_requests_goes_after_all_strangers() -> None:
    door = Door(total=2)
    known = door.serve("known")
    known.response_complete()
    door.come("stranger")
    door.come("other")
    assert door.cut == ["stranger"]
    known.authenticated()
    known.request_complete()
    door.come("third")
    assert door.cut == ["stranger", "other"]
    known.response_complete()
    third = door.come("fourth")
    assert door.cut == ["stranger", "other", "third"]
    door.all.close(third)
    door.serve("served")
    door.come("last")
    assert door.cut[-1] == "known"


def test_one_address_crowds_out_only_itself() -> None:
    door = Door(total=10)
    door.come("b", B)
    for number in range(5):
        door.come(f"a{number}", A)
    assert door.cut == ["a0", "a1", "a2"]


def test_those_who_are_served_do_not_count_for_their_address() -> None:
    door = Door(total=100)
    for number in range(50):
        door.serve(f"a{number}", A)
    door.come("a", A)
    assert door.cut == []


def test_a_proxy_on_this_machine_may_bring_everybody() -> None:
    door = Door(total=100)
    for number in range(50):
        door.come(f"a{number}", HERE)
    assert door.cut == []


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("127.0.0.1", None),
        ("::1", None),
        ("::ffff:127.0.0.1", None),
        ("", None),
        (None, None),
        ("203.0.113.1", "203.0.113.1"),
        ("::ffff:203.0.113.1", "203.0.113.1"),
        ("2001:db8:1:2:3:4:5:6", "20010db800010002"),
        ("2001:db8:1:2::1", "20010db800010002"),
        ("2001:db8:1:3::1", "20010db800010003"),
    ],
)
def test_an_address_counts_for_whoever_has_it(address: str | None, counted: str | None) -> None:
    assert address_group(address) == counted


def test_unfinished_heads_share_their_room() -> None:
    door = Door(total=10_000)
    fitting = MAX_HEADS_BYTES // MAX_HEAD_BYTES
    connections = [door.come(str(number)) for number in range(fitting + 3)]
    for connection in connections:
        door.all.hold_head(connection, MAX_HEAD_BYTES)
    assert door.cut == ["0", "1", "2"]
    door.all.hold_head(connections[-1], 0)
    door.all.hold_head(door.come("new"), MAX_HEAD_BYTES)
    assert door.cut == ["0", "1", "2"]


def test_nothing_is_left_of_those_who_went() -> None:
    door = Door()
    for connection in [door.come("a", A), door.serve("b", A), door.come("c", B)]:
        connection.response_complete()
        door.all.close(connection)
        door.all.close(connection)
    assert len(door.all) == 0
    assert not door.all._by_address
    assert not door.all._idle


def test_a_file_that_is_sent_takes_the_room_of_a_connection() -> None:
    door = Door(total=4)
    served = [door.serve(name) for name in "ab"]
    door.come("stranger")
    with served[0].room_for_file(), served[1].room_for_file():
        assert door.cut == ["stranger"]
        assert door.all.open(A, pytest.fail) is None
        with pytest.raises(Overloaded), served[0].room_for_file():
            pass
    door.come("another")
    assert door.cut == ["stranger"]
