"""Carries a video from its row to its file."""

from reelgate.worker.carrier import Worker
from reelgate.worker.tools import Limits, Tools, Upstream

__all__ = ["Limits", "Tools", "Upstream", "Worker"]
