"""The running sandbox: one aiohttp server, its control endpoints, and what it needs."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

from reelgate.rendering.renderer import Renderer
from reelgate.sandbox.fault_injector import FaultInjector
from reelgate.sandbox.fault_rule import FaultRule, UnknownFaultError, make_rule
from reelgate.sandbox.faults import TABLE
from reelgate.sandbox.jobs import JobStore, WallClock
from reelgate.sandbox.key_api import KeyRoutes
from reelgate.sandbox.options import SandboxOptions
from reelgate.sandbox.provider import Account, Provider
from reelgate.sandbox.recorder import Recorder
from reelgate.sandbox.routes import Routes
from reelgate.sandbox.vendors import VENDORS

if TYPE_CHECKING:
    from types import TracebackType

    from reelgate.sandbox.provider import Provider

ACCOUNT_KEYS = frozenset(
    {"credits", "token", "expire", "revoke", "team_accepts_oauth", "token_lifetime_s"}
)


@dataclass(frozen=True, slots=True)
class Control:
    """The control API for tests. Its own requests are not recorded."""

    provider: Provider

    def table(self) -> list[web.RouteDef]:
        """The routes."""
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
                "refreshes": self.provider.account.grants.rotations,
                "refreshes_refused": self.provider.account.grants.reuses,
            }
        )

    async def _list_faults(self, _request: web.Request) -> web.Response:
        armed = [_armed_json(rule, applied) for rule, applied in self.provider.faults.armed]
        return web.json_response({"armed": armed, "faults": table_json()})

    async def _arm(self, request: web.Request) -> web.Response:
        """Take `{"fault", "operation"?, "times"?, ...parameters}`."""
        body = await _object(request)
        name, operation = str(body.pop("fault", "")), body.pop("operation", None)
        try:
            rule = make_rule(name, operation=operation, parameters=body)
        except UnknownFaultError as exc:
            raise _bad_request(str(exc)) from exc
        self.provider.faults.arm(rule)
        return web.json_response(_armed_json(rule, 0), status=201)

    async def _disarm(self, _request: web.Request) -> web.Response:
        self.provider.faults.disarm()
        return web.Response(status=204)

    async def _requests(self, request: web.Request) -> web.Response:
        """List the requests, oldest first; any field can be asked for: `?operation=submit`."""
        wanted = request.query
        # Most callers ask for one prompt: others are not even turned into rows.
        prompt = wanted.get("prompt")
        record = [
            recorded for recorded in self.provider.recorder if prompt in {None, recorded.prompt}
        ]
        rows = [each.as_json() for each in record]
        data = [row for row in rows if all(str(row.get(key)) == wanted[key] for key in wanted)]
        return web.json_response({"data": data, "counts": self.provider.recorder.counts()})

    async def _forget(self, _request: web.Request) -> web.Response:
        self.provider.recorder.clear()
        return web.Response(status=204)

    async def _jobs(self, request: web.Request) -> web.Response:
        wanted = request.query
        # A state renders a job that is due, so only the jobs asked for have theirs computed.
        prompt = wanted.get("prompt")
        jobs = [job for job in self.provider.jobs if prompt in {None, job.clip.prompt}]
        rows = [{**job.as_json(), "state": self.provider.state(job)} for job in jobs]
        data = [row for row in rows if all(str(row.get(key)) == wanted[key] for key in wanted)]
        return web.json_response({"data": data, "count": len(data)})

    async def _set_account(self, request: web.Request) -> web.Response:
        """Take `{"credits": n}`, `{"token": "..."|null}`, and what happens to tokens given out.

        `{"expire": true}` ends all session tokens, `{"revoke": true}` all families of tokens;
        `{"token_lifetime_s": n}` and `{"team_accepts_oauth": false}` are for the next ones.
        """
        body = await _object(request)
        if not body.keys() <= ACCOUNT_KEYS:
            raise _bad_request(f"the account has {', '.join(sorted(ACCOUNT_KEYS))}")
        if not isinstance(body.get("credits", 0), int):
            raise _bad_request("credits is a whole number")
        if not isinstance(body.get("token"), str | None):
            raise _bad_request("token is a string or null")
        self.provider.account.credits = body.get("credits", self.provider.account.credits)
        if "token" in body:
            self.provider.account.set_token(body["token"])
        self._set_tokens(body)
        return web.json_response({"credits": self.provider.account.credits})

    def _set_tokens(self, wish: dict[str, Any]) -> None:
        account = self.provider.account
        if not isinstance(wish.get("token_lifetime_s", 1), int | float):
            raise _bad_request("token_lifetime_s is a number")
        account.grants.lifetime_s = wish.get("token_lifetime_s", account.grants.lifetime_s)
        account.sign_in.team_accepts = bool(
            wish.get("team_accepts_oauth", account.sign_in.team_accepts)
        )
        if wish.get("expire"):
            account.expire()
        if wish.get("revoke"):
            account.grants.revoke()


def table_json() -> list[dict[str, Any]]:
    return [
        {
            "fault": fault.name,
            "meaning": fault.meaning,
            "operations": list(fault.operations),
            "parameters": dict(fault.defaults),
        }
        for fault in TABLE
    ]


def _armed_json(rule: FaultRule, applied: int) -> dict[str, Any]:
    return {
        "fault": rule.fault.name,
        "operation": rule.operation,
        "times": rule.times,
        "struck": applied,
        "parameters": dict(rule.parameters),
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


MARK = "Reelgate-Sandbox"
"""The header on every answer, so that no sandbox video is taken for a real one."""

BACKLOG = 4096
SHUTDOWN_S = 1.0
IPV6 = 6


class Sandbox:
    """A stand-in for imagine.art on its own port, in the caller's event loop.

    Used as `async with Sandbox(options) as sandbox:`; `sandbox.url` is then its base, and
    `{url}/v1`, `{url}/v2` (the key-based API), `{url}/processed`, `{url}/auth`, `{url}/team` and
    `{url}/mcp` stand for its hosts, `{url}/fal` and the like for other vendors'.

    Attributes:
        url: The base, such as `http://127.0.0.1:9000`; empty before the start.
    """

    def __init__(self, options: SandboxOptions | None = None) -> None:
        self.options = options or SandboxOptions()
        self.url = ""
        self._provider: Provider | None = None
        self._stack = AsyncExitStack()

    @property
    def provider(self) -> Provider:
        """What is behind the endpoints: record, jobs, faults and account.

        Raises:
            RuntimeError: If the sandbox is not running.
        """
        if self._provider is None:
            raise RuntimeError("the sandbox is not running")
        return self._provider

    @property
    def recorder(self) -> Recorder:
        return self.provider.recorder

    @property
    def jobs(self) -> JobStore:
        return self.provider.jobs

    @property
    def faults(self) -> FaultInjector:
        """Where faults are armed."""
        return self.provider.faults

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self._provider = _build_provider(self.options, self._folder(stack))
            stack.callback(self._provider.jobs.close)
            stack.push_async_callback(self._provider.renderer.close)
            runner = web.AppRunner(
                _build_app(self._provider),
                access_log=None,
                shutdown_timeout=SHUTDOWN_S,
                handler_cancellation=True,
            )
            stack.push_async_callback(runner.cleanup)
            await runner.setup()
            site = web.TCPSite(runner, self.options.host, self.options.port, backlog=BACKLOG)
            await site.start()
            address, port, *_ = runner.addresses[0]
            self.url = _url(str(address), int(port))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()
        self._provider = None

    def _folder(self, stack: AsyncExitStack) -> Path:
        if self.options.data_dir is not None:
            return self.options.data_dir
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="reelgate-sandbox-")))


def run_sandbox(options: SandboxOptions) -> None:
    """Run a sandbox until SIGINT or SIGTERM, and print its URL on standard error.

    Raises:
        OSError: If the port is taken.
    """
    asyncio.run(_run(options))


async def _run(options: SandboxOptions) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with Sandbox(options) as sandbox:
        sys.stderr.write(f"Sandbox (not imagine.art) on {sandbox.url}, speed {options.speed:g}\n")
        await stop.wait()


def _build_provider(options: SandboxOptions, folder: Path) -> Provider:
    folder.mkdir(parents=True, exist_ok=True)
    return Provider(
        options=options,
        account=Account(
            token=options.token, refresh_token=options.refresh_token, balance=options.credits
        ),
        jobs=JobStore(folder / "jobs.jsonl" if options.data_dir else None),
        renderer=Renderer(
            folder / "clips",
            workers=options.render_workers,
            max_cache_bytes=options.max_cache_bytes,
        ),
        faults=FaultInjector(),
        recorder=Recorder(options.max_records),
        clock=WallClock(),
        uploads=folder / "uploads",
    )


def _build_app(provider: Provider) -> web.Application:
    app = web.Application(client_max_size=provider.options.max_request_bytes)
    app.add_routes(Control(provider).table())
    app.add_routes(KeyRoutes(provider).table())
    for vendor in VENDORS:
        app.add_routes(vendor(provider).table())
    app.add_routes(Routes(provider).table())
    app.on_response_prepare.append(_mark)
    return app


async def _mark(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers[MARK] = "true"


def _url(address: str, port: int) -> str:
    """Write a base that can be called: a wildcard address is reached by loopback."""
    bound = ip_address(address)
    loopback = "::1" if bound.version == IPV6 else "127.0.0.1"
    reachable = loopback if bound.is_unspecified else address
    return f"http://[{reachable}]:{port}" if bound.version == IPV6 else f"http://{reachable}:{port}"
