"""The sandbox's own endpoints under `/_sandbox`: arm faults, read the record, set the account."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import web

from reelgate.sandbox.faults import TABLE, Strike, UnknownFaultError, make_strike

if TYPE_CHECKING:
    from reelgate.sandbox.provider import Provider

ACCOUNT_KEYS = frozenset({"credits", "token"})


@dataclass(frozen=True, slots=True)
class Control:
    """Lets a test steer the stand-in and look at what it saw. Its own requests are not recorded."""

    provider: Provider

    def table(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/_sandbox", self._overview),
            web.get("/_sandbox/faults", self._list_faults),
            web.post("/_sandbox/faults", self._arm),
            web.delete("/_sandbox/faults", self._disarm),
            web.get("/_sandbox/requests", self._requests),
            web.delete("/_sandbox/requests", self._forget),
            web.get("/_sandbox/jobs", self._jobs),
            web.put("/_sandbox/account", self._set_account),
        ]

    async def _overview(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {
                "sandbox": True,
                "speed": self.provider.options.speed,
                "jobs": len(self.provider.jobs),
                "credits": self.provider.account.credits,
                "counts": self.provider.recorder.counts(),
            }
        )

    async def _list_faults(self, _request: web.Request) -> web.Response:
        armed = [_armed_json(strike, struck) for strike, struck in self.provider.desk.armed]
        return web.json_response({"armed": armed, "faults": table_json()})

    async def _arm(self, request: web.Request) -> web.Response:
        """Take `{"fault", "operation"?, "times"?, ...parameters}`."""
        wish = await _object(request)
        name, operation = str(wish.pop("fault", "")), wish.pop("operation", None)
        try:
            strike = make_strike(name, operation=operation, parameters=wish)
        except UnknownFaultError as exc:
            raise _bad_request(str(exc)) from exc
        self.provider.desk.arm(strike)
        return web.json_response(_armed_json(strike, 0), status=201)

    async def _disarm(self, _request: web.Request) -> web.Response:
        self.provider.desk.disarm()
        return web.Response(status=204)

    async def _requests(self, request: web.Request) -> web.Response:
        """List the requests, oldest first; any field can be asked for: `?operation=submit`."""
        wanted = request.query
        # Most ask for one prompt, and a long record is not worth telling to be dropped.
        prompt = wanted.get("prompt")
        record = [seen for seen in self.provider.recorder if prompt in {None, seen.prompt}]
        rows = [seen.as_json() for seen in record]
        data = [row for row in rows if all(str(row.get(key)) == wanted[key] for key in wanted)]
        return web.json_response({"data": data, "counts": self.provider.recorder.counts()})

    async def _forget(self, _request: web.Request) -> web.Response:
        self.provider.recorder.clear()
        return web.Response(status=204)

    async def _jobs(self, request: web.Request) -> web.Response:
        wanted = request.query
        # To tell the state of a job that is due is to render it: not of those nobody asked for.
        prompt = wanted.get("prompt")
        jobs = [job for job in self.provider.jobs if prompt in {None, job.clip.prompt}]
        rows = [{**job.as_json(), "state": self.provider.state(job)} for job in jobs]
        data = [row for row in rows if all(str(row.get(key)) == wanted[key] for key in wanted)]
        return web.json_response({"data": data, "count": len(data)})

    async def _set_account(self, request: web.Request) -> web.Response:
        """Take `{"credits": n}` and `{"token": "..."|null}`."""
        wish = await _object(request)
        if not wish.keys() <= ACCOUNT_KEYS:
            raise _bad_request(f"the account has {', '.join(sorted(ACCOUNT_KEYS))}")
        if not isinstance(wish.get("credits", 0), int):
            raise _bad_request("credits is a whole number")
        if not isinstance(wish.get("token"), str | None):
            raise _bad_request("token is a string or null")
        self.provider.account.credits = wish.get("credits", self.provider.account.credits)
        if "token" in wish:
            self.provider.account.set_token(wish["token"])
        return web.json_response({"credits": self.provider.account.credits})


def table_json() -> list[dict[str, Any]]:
    """Return the table of faults as plain data."""
    return [
        {
            "fault": fault.name,
            "meaning": fault.meaning,
            "operations": list(fault.operations),
            "parameters": dict(fault.defaults),
        }
        for fault in TABLE
    ]


def _armed_json(strike: Strike, struck: int) -> dict[str, Any]:
    return {
        "fault": strike.fault.name,
        "operation": strike.operation,
        "times": strike.times,
        "struck": struck,
        "parameters": dict(strike.parameters),
    }


async def _object(request: web.Request) -> dict[str, Any]:
    try:
        value = await request.json()
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise _bad_request("the body must be a JSON object")
    return value


def _bad_request(message: str) -> web.HTTPBadRequest:
    return web.HTTPBadRequest(text=json.dumps({"error": message}), content_type="application/json")
