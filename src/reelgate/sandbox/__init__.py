"""A stand-in for imagine.art: a real HTTP server that speaks its wire and misbehaves on demand.

It imports nothing else of Reelgate.
"""

from reelgate.sandbox.options import Listing, SandboxOptions
from reelgate.sandbox.server import MARK, Sandbox, run_sandbox

__all__ = ["MARK", "Listing", "Sandbox", "SandboxOptions", "run_sandbox"]
