"""When to look at a running job next, how far it is and how long it still takes.

Pure functions of plain data, learned from the durations of earlier jobs; docs/pacing.md holds the
derivation and the measurements.
"""

from reelgate.pacing.crowd import Crowd
from reelgate.pacing.evidence import OTHERS, UNPUBLISHED, Moved, Prior, Seen, moved_by
from reelgate.pacing.forecast import Forecast
from reelgate.pacing.gate import Gate
from reelgate.pacing.law import Law
from reelgate.pacing.pace import (
    KNOWN,
    PLAIN_S,
    Pace,
    default_pace,
    next_look_s,
    price_for_delay,
    price_for_looks,
)
from reelgate.pacing.sample import KEPT, begun, drawn, ticket_of
from reelgate.pacing.waiting import Record, Waiting

__all__ = [
    "KEPT",
    "KNOWN",
    "OTHERS",
    "PLAIN_S",
    "UNPUBLISHED",
    "Crowd",
    "Forecast",
    "Gate",
    "Law",
    "Moved",
    "Pace",
    "Prior",
    "Record",
    "Seen",
    "Waiting",
    "begun",
    "default_pace",
    "drawn",
    "moved_by",
    "next_look_s",
    "price_for_delay",
    "price_for_looks",
    "ticket_of",
]
