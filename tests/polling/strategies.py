"""Hypothesis strategies for the arguments of polling."""

from __future__ import annotations

import math
from itertools import pairwise

from hypothesis import strategies as st

from reelgate.polling.distribution import Distribution
from reelgate.polling.observations import Observation, Prior
from reelgate.polling.schedule import Pace

elapsed_s = st.floats(0, 1e5)


@st.composite
def priors(draw: st.DrawFn) -> Prior:
    low = draw(st.floats(0, 2000))
    width = draw(st.floats(0.01, 2000))
    return Prior(low, low + width, outside=draw(st.floats(0.001, 0.5)))


@st.composite
def observations(draw: st.DrawFn) -> Observation:
    after, by = sorted((draw(st.floats(0, 5000)), draw(st.floats(0, 5000))))
    return Observation(after, draw(st.sampled_from((by, after, math.inf))))


jobs = st.lists(st.floats(0, 5000) | observations(), max_size=40)


@st.composite
def distributions(draw: st.DrawFn) -> Distribution:
    return Distribution.learn(draw(jobs), draw(priors()))


@st.composite
def paces(draw: st.DrawFn) -> Pace:
    floor = draw(st.floats(0.05, 2))
    return Pace(draw(st.floats(1e-4, 1e4)), floor, floor + draw(st.floats(0, 60)))


def never_falls(values: list[float] | list[int]) -> bool:
    return all(earlier <= later for earlier, later in pairwise(values))
