"""Which Reelgate this is."""

from importlib.metadata import version

VERSION = version("reelgate")
