"""A stand-in for imagine.art: a real HTTP server that speaks its wire and misbehaves on demand.

Of Reelgate it imports nothing but what renders its clips.
"""

from reelgate.sandbox.options import Listing, SandboxOptions
from reelgate.sandbox.server import MARK, Sandbox, run_sandbox

__all__ = ["MARK", "Listing", "Sandbox", "SandboxOptions", "run_sandbox"]
