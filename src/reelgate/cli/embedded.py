"""A gateway inside this program. Importing this module is what makes a command heavy."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from reelgate.logs import configure_log
from reelgate.runtime import server
from reelgate.settings import Settings


def running(settings: Settings) -> AbstractAsyncContextManager[str]:
    """A gateway on a free loopback port, with the jobs of the settings' data folder.

    It logs warnings only: the person reads a progress bar.
    """
    configure_log("warning", settings.log_format)
    at_home = {"host": "127.0.0.1", "port": 0, "public_url": ""}
    return server.running(settings.model_copy(update=at_home))
