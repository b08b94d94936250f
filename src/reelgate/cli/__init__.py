"""The command line: a client of the gateway's public HTTP API, and what starts a gateway."""

from reelgate.cli.app import main

__all__ = ["main"]
