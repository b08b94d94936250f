"""The plan of a run."""

from __future__ import annotations

import random

from chaos.faults import Fault, plan


def test_the_shortest_run_meets_every_kind_of_fault_once() -> None:
    assert sorted(plan(1, set(Fault), random.Random(7)), key=repr) == sorted(Fault, key=repr)


def test_a_run_kills_as_often_as_it_was_asked_to_and_ends_with_a_kill() -> None:
    faults = plan(100, set(Fault), random.Random(7))
    assert faults.count(Fault.KILL_GATEWAY) == 100
    assert faults[-1] is Fault.KILL_GATEWAY
    assert set(faults) == set(Fault)


def test_the_same_seed_makes_the_same_plan_and_another_one_another() -> None:
    plans = [plan(20, set(Fault), random.Random(seed)) for seed in (7, 7, 8)]
    assert plans[0] == plans[1] != plans[2]


def test_what_is_not_possible_is_not_planned() -> None:
    possible = set(Fault) - {Fault.FILL_STORAGE}
    assert Fault.FILL_STORAGE not in plan(50, possible, random.Random(7))
