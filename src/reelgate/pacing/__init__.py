"""When to look at a running job next, how far it is and how long it still takes.

Pure functions of plain data, learned from the durations of earlier jobs; docs/pacing.md holds the
derivation and the measurements.
"""

from reelgate.pacing.crowd import Crowd
from reelgate.pacing.evidence import UNPUBLISHED, Prior, Seen
from reelgate.pacing.forecast import Forecast
from reelgate.pacing.law import Law
from reelgate.pacing.pace import (
    Pace,
    default_pace,
    next_look_s,
    pace_within_budget,
    price_for_delay,
    price_for_looks,
)

__all__ = [
    "UNPUBLISHED",
    "Crowd",
    "Forecast",
    "Law",
    "Pace",
    "Prior",
    "Seen",
    "default_pace",
    "next_look_s",
    "pace_within_budget",
    "price_for_delay",
    "price_for_looks",
]
