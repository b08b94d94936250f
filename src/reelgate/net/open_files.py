"""How many files and sockets this process may have open, and how they are shared out.

Each connection, file and database handle counts against one limit of the operating system
(RLIMIT_NOFILE). Callers may use up their part of it; the rest is kept back for our own work, so
that any number of callers never keeps a paid video from being fetched and stored.
"""

from __future__ import annotations

import errno
import resource

MOST_WANTED = 1_048_576
"""Some systems say "unlimited" and refuse to be taken at their word."""
LEAST_OWN, MOST_OWN = 64, 4096
LEAST_CONNECTIONS, MOST_CONNECTIONS = 16, 32_768


def ran_out(error: BaseException) -> bool:
    """Whether it says that no more files may be open, which passes."""
    return isinstance(error, OSError) and error.errno in {errno.EMFILE, errno.ENFILE}


def raise_limit() -> int:
    """Allow this process as many open files as its user may have; how many that are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_WANTED if hard == resource.RLIM_INFINITY else hard
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):
            # macOS takes no more than its kernel's own limit, which it does not tell here.
            return limit()
    return limit()


def limit() -> int:
    """How many files may be open at once."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_WANTED if soft == resource.RLIM_INFINITY else soft


def kept_back() -> int:
    """How many are kept for our own work: database, storage, and requests that we make."""
    return min(max(limit() // 4, LEAST_OWN), MOST_OWN)


def for_connections() -> int:
    """How many are left for callers."""
    return min(max(limit() - kept_back(), LEAST_CONNECTIONS), MOST_CONNECTIONS)


def for_requests(most: int) -> int:
    """How many connections one pool of ours may have: `most`, or fewer where files are scarce."""
    return min(most, max(kept_back() // 4, LEAST_CONNECTIONS))
