"""Replicate's list of predictions, and which of them may be a lost submit's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from reelgate.providers.base import Candidate, Match, Submission
from reelgate.providers.payload import is_provider_id

EARLIER_S = 60.0
"""So much earlier than our clock says a prediction may have been made: clocks differ."""
LATER_S = 180.0
"""So much later: the submit itself may take a minute, and clocks differ."""
BY_HAND = "web"
"""The source of what was made on Replicate's own pages."""


def query_since(since: float) -> dict[str, str]:
    """The query for what was made around this Unix time."""
    return {
        "created_after": iso(since - EARLIER_S),
        "created_before": iso(since + LATER_S),
    }


def candidate_of(
    listed: object,
    model: str,
    sent: Mapping[str, Any],
    pictures: frozenset[str],
    since: float,
) -> Candidate | None:
    """A listed prediction as the lost submit's, if it may be that.

    Args:
        listed: one prediction of the list.
        model: the submit's, as it was asked for.
        sent: its input.
        pictures: the names in it that hold pictures: one that is told in another way than it was
            sent makes a likeness a hint.
        since: when it was sent, Unix seconds.
    """
    told = listed if isinstance(listed, dict) else {}
    provider_id, given = told.get("id"), told.get("input")
    if not (isinstance(provider_id, str) and is_provider_id(provider_id)):
        return None
    if not isinstance(given, dict) or told.get("source") == BY_HAND or not is_of(told, model):
        return None
    made_at = unix(told.get("created_at"))
    if made_at is None or not -EARLIER_S <= made_at - since <= LATER_S:
        return None
    if without(given, pictures) != without(sent, pictures):
        return None
    return Candidate(Submission(provider_id), Match.LIKENESS if given == sent else Match.HINT)


def is_of(told: Mapping[str, Any], model: str) -> bool:
    """Whether a prediction was made with a model: `owner/name`, `owner/name:version`, a version."""
    name, _, version = model.partition(":") if "/" in model else ("", "", model)
    is_named = not name or told.get("model") == name
    return is_named and (not version or told.get("version") == version)


def without(given: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """An input without some of its values."""
    return {name: value for name, value in given.items() if name not in names}


def iso(moment: float) -> str:
    """A Unix time as ISO 8601."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")


def unix(told: object) -> float | None:
    """ISO 8601 as a Unix time; None where it is none."""
    try:
        return datetime.fromisoformat(told).timestamp() if isinstance(told, str) else None
    except ValueError:
        return None
