"""What the tests of signing in share: the stand-in's addresses, and people at a terminal."""

from __future__ import annotations

import json
import urllib.request
from urllib.error import HTTPError
from urllib.parse import urlsplit


def upstream_env(sandbox_url: str, **more: str) -> dict[str, str]:
    """The stand-in in place of each of imagine.art's hosts."""
    return {
        "IMAGINE_API_URL": f"{sandbox_url}/v1",
        "IMAGINE_ASSET_URL": f"{sandbox_url}/processed",
        "IMAGINE_AUTH_URL": f"{sandbox_url}/auth",
        "IMAGINE_TEAM_URL": f"{sandbox_url}/team",
        "IMAGINE_MCP_URL": f"{sandbox_url}/mcp",
        # Nothing is to open on the machine that runs the tests.
        "BROWSER": "true",
        **more,
    }


def control(sandbox_url: str, method: str, path: str, body: object = None) -> object:
    """Steer the stand-in."""
    request = urllib.request.Request(
        f"{sandbox_url}/_sandbox/{path}".rstrip("/"),
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        text = answer.read()
    return json.loads(text) if text else None


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: object) -> None:
        return None


def press(address: str, decision: str = "allow") -> str:
    """Press the button on the sign-in page by hand; where the browser would be sent."""
    opener = urllib.request.build_opener(NoRedirect)
    try:
        opener.open(address, data=f"decision={decision}".encode())
    except HTTPError as redirect:
        with redirect:
            return str(redirect.headers["Location"])
    raise AssertionError("no redirect")


def address_in(text: str) -> str:
    """The address that the program shows."""
    return next(line for line in text.splitlines() if urlsplit(line).query.count("state="))
