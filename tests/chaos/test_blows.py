"""The plan of a run."""

from __future__ import annotations

import random

from chaos.blows import Blow, plan


def test_the_shortest_run_meets_every_kind_of_blow_once() -> None:
    assert sorted(plan(1, set(Blow), random.Random(7)), key=repr) == sorted(Blow, key=repr)


def test_a_run_kills_as_often_as_it_was_asked_to_and_ends_with_a_kill() -> None:
    blows = plan(100, set(Blow), random.Random(7))
    assert blows.count(Blow.KILL_GATEWAY) == 100
    assert blows[-1] is Blow.KILL_GATEWAY
    assert set(blows) == set(Blow)


def test_the_same_seed_makes_the_same_plan_and_another_one_another() -> None:
    plans = [plan(20, set(Blow), random.Random(seed)) for seed in (7, 7, 8)]
    assert plans[0] == plans[1] != plans[2]


def test_what_is_not_possible_is_not_planned() -> None:
    possible = set(Blow) - {Blow.FILL_STORAGE}
    assert Blow.FILL_STORAGE not in plan(50, possible, random.Random(7))
