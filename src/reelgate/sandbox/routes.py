"""From HTTP to the provider's operations: bearer, parts, faults, record, answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web

from reelgate.sandbox.fault_rule import FaultRule, UnknownFaultError, find_directives
from reelgate.sandbox.faults import Effect, Operation
from reelgate.sandbox.jobs import MODERATED
from reelgate.sandbox.provider import Provider
from reelgate.sandbox.recorder import Outcome, RecordedRequest
from reelgate.sandbox.submission import BadSubmissionError, read_submission
from reelgate.sandbox.wire import (
    REDIRECTED,
    Answer,
    BadFormError,
    Part,
    Result,
    error_answer,
    read_parts,
    send,
    send_faulty,
    texts,
)

if TYPE_CHECKING:
    from reelgate.sandbox.jobs import Job

LIST_LIMIT = 50
METADATA_PATH = "/mcp/.well-known/oauth-authorization-server"
BODY_EFFECTS = frozenset({Effect.CUT_OFF, Effect.SLOW_BYTES, Effect.GZIP, Effect.OCTET_STREAM})
RESETS = frozenset({Effect.RESET_BEFORE, Effect.RESET_AFTER})


@dataclass(frozen=True, slots=True)
class Plan:
    """How to carry a request out, and the fault that changes its response."""

    perform: Callable[[], Result]
    rule: FaultRule | None


class RefusedError(Exception):
    """A request that the provider refuses before it does anything."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.answer = error_answer(status, message)


Read = Callable[[web.Request, RecordedRequest], Awaitable[Plan]]


@dataclass(frozen=True, slots=True)
class Routes:
    """The provider's endpoints as aiohttp handlers; each host of its is a path under one base."""

    provider: Provider

    def table(self) -> list[web.RouteDef]:
        """The routes; the last one takes whatever no earlier one took."""
        handler = self._handler
        return [
            web.post("/v1/video/upload", handler(Operation.SUBMIT, self._submit)),
            web.get("/v1/assets/{id}/status", handler(Operation.STATUS, self._status)),
            web.get("/v1/assets/status", handler(Operation.LIST, self._list)),
            web.get("/v1/generated/{id}", handler(Operation.OTHER, self._generated)),
            web.get("/processed/{id}", handler(Operation.ASSET, self._asset)),
            web.post("/auth/auth/other/refresh/web", handler(Operation.REFRESH, self._refresh)),
            web.get("/v1/credit", handler(Operation.CREDIT, self._credit)),
            web.get("/team/org", handler(Operation.ORG, self._organisations)),
            web.get("/team/org/asset/", handler(Operation.FOLDERS, self._folders)),
            web.post("/v1/assets/upload", handler(Operation.UPLOAD, self._upload)),
            web.get(METADATA_PATH, handler(Operation.METADATA, self._metadata)),
            web.post("/auth/mcp/register", handler(Operation.REGISTER, self._register)),
            web.get("/mcp/authorize", handler(Operation.AUTHORIZE, self._authorize)),
            web.post("/mcp/authorize", handler(Operation.AUTHORIZE, self._authorize)),
            web.post("/auth/mcp/token", handler(Operation.TOKEN, self._token)),
            web.route("*", "/{path:.*}", handler(Operation.OTHER, self._other)),
        ]

    def error_answer(
        self, status: int, message: str, headers: dict[str, str] | None = None
    ) -> Answer:
        """An error in the provider's own words."""
        return error_answer(status, message, headers)

    def _handler(
        self, operation: Operation, read: Read
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Wrap an operation: on record from its arrival; refusals become answers."""

        async def handler(request: web.Request) -> web.StreamResponse:
            recorded = self._record(request, operation)
            try:
                plan = await read(request, recorded)
            except RefusedError as refusal:
                plan = Plan(partial(Result, refusal.answer, Outcome.REFUSED), None)
            return await self._answer(request, recorded, plan)

        return handler

    def _record(self, request: web.Request, operation: Operation) -> RecordedRequest:
        return self.provider.recorder.open(
            RecordedRequest(
                at=self.provider.clock.now(),
                method=request.method,
                path=request.path,
                operation=operation,
                user_agent=request.headers.get("User-Agent", ""),
            )
        )

    async def _answer(
        self, request: web.Request, recorded: RecordedRequest, plan: Plan
    ) -> web.StreamResponse:
        """Carry out an operation, or let the rule decide what is left of it."""
        work = partial(self._work, recorded, plan.perform)
        if plan.rule is None:
            return await send(request, work())
        recorded.fault = str(plan.rule)
        response = await send_faulty(request, plan.rule, work, self.error_answer)
        self.provider.recorder.settle(recorded, Outcome.REFUSED)
        recorded.status = None if plan.rule.fault.effect in RESETS else response.status
        return response

    def _work(self, recorded: RecordedRequest, perform: Callable[[], Result]) -> Answer:
        done = perform()
        recorded.id = done.id or recorded.id
        recorded.status = done.answer.status
        if done.outcome is Outcome.REFUSED:
            recorded.message = done.answer.bytes().decode()
        self.provider.recorder.settle(recorded, done.outcome)
        return done.answer

    async def _submit(self, request: web.Request, recorded: RecordedRequest) -> Plan:
        try:
            parts = texts(await read_form_parts(request))
        except BadFormError as exc:
            raise RefusedError(400, str(exc)) from exc
        recorded.prompt = next(iter(parts.get("prompt", ())), None)
        self._need_bearer(request)
        try:
            submission = read_submission(parts)
            directives = find_directives(submission.clip.prompt)
        except (BadSubmissionError, UnknownFaultError) as exc:
            raise RefusedError(400, str(exc)) from exc
        if self.provider.faults.moderates(submission.clip.prompt, directives):
            raise RefusedError(400, MODERATED)
        rule = self.provider.faults.take(Operation.SUBMIT, submission.clip.prompt, directives)
        return Plan(partial(self.provider.submit, submission, directives), rule)

    async def _status(self, request: web.Request, recorded: RecordedRequest) -> Plan:
        self._need_bearer(request)
        job = self._job(request, recorded)
        url = f"{_asset_base(request)}/{recorded.id}"
        rule = self.provider.faults.take(Operation.STATUS, recorded.id or "", _rules(job))
        return Plan(partial(self.provider.status, job, url), rule)

    async def _list(self, request: web.Request, _recorded: RecordedRequest) -> Plan:
        self._need_bearer(request)
        _need_query(request, "org_id", "status")
        limit, offset = (int(request.query.get(name) or 0) for name in ("limit", "offset"))
        base = _asset_base(request)
        status = request.query["status"]
        listed = partial(self.provider.list, status, base, limit=limit or LIST_LIMIT, offset=offset)
        return self._plan(Operation.LIST, listed)

    async def _asset(self, request: web.Request, recorded: RecordedRequest) -> Plan:
        job = self._job(request, recorded)
        done = await self.provider.asset(request.match_info["id"])
        has_body = request.method == "GET" and done.outcome is Outcome.READY
        skip = frozenset[Effect]() if has_body else BODY_EFFECTS
        if REDIRECTED in request.query:
            skip |= {Effect.REDIRECT}
        for operation in _asset_operations(request.method, done.outcome):
            rule = self.provider.faults.take(operation, recorded.id or "", _rules(job), skip=skip)
            if rule is not None:
                return Plan(lambda: done, rule)
        return Plan(lambda: done, None)

    async def _generated(self, request: web.Request, recorded: RecordedRequest) -> Plan:
        """A finished clip at its other address."""
        self._need_bearer(request)
        self._job(request, recorded)
        done = await self.provider.asset(request.match_info["id"], is_moved=True)
        return Plan(lambda: done, None)

    async def _refresh(self, request: web.Request, _recorded: RecordedRequest) -> Plan:
        authorization = request.headers.get("Authorization")
        return self._plan(Operation.REFRESH, partial(self.provider.refresh, authorization))

    async def _credit(self, request: web.Request, _recorded: RecordedRequest) -> Plan:
        self._need_bearer(request)
        _need_query(request, "org_id")
        return self._plan(Operation.CREDIT, self.provider.credit)

    async def _organisations(self, request: web.Request, _recorded: RecordedRequest) -> Plan:
        self._need_team(request)
        return self._plan(Operation.ORG, self.provider.organisations)

    async def _folders(self, request: web.Request, _recorded: RecordedRequest) -> Plan:
        self._need_team(request)
        _need_query(request, "org_id", "is_personal")
        return self._plan(Operation.FOLDERS, self.provider.folders)

    async def _upload(self, request: web.Request, _recorded: RecordedRequest) -> Plan:
        self._need_bearer(request)
        try:
            parts = {part.name: part for part in await read_form_parts(request)}
        except BadFormError as exc:
            raise RefusedError(400, str(exc)) from exc
        missing = [name for name in ("ref_service", "title", "org_id", "file") if name not in parts]
        if missing or not parts["file"].is_file:
            raise RefusedError(400, f"missing: {', '.join(missing or ['file'])}")
        file = parts["file"]
        upload = partial(self.provider.upload, file.body, file.content_type, _asset_base(request))
        return self._plan(Operation.UPLOAD, upload)

    async def _metadata(self, request: web.Request, _recorded: RecordedRequest) -> Plan:
        base = f"{request.scheme}://{request.host}"
        sign_in = self.provider.account.sign_in
        return self._plan(Operation.METADATA, partial(sign_in.metadata, base))

    async def _register(self, request: web.Request, _recorded: RecordedRequest) -> Plan:
        try:
            wish = await request.json()
        except ValueError:
            wish = None
        if not isinstance(wish, dict):
            raise RefusedError(400, "the body must be a JSON object")
        return self._plan(Operation.REGISTER, partial(self.provider.account.sign_in.register, wish))

    async def _authorize(self, request: web.Request, _recorded: RecordedRequest) -> Plan:
        sign_in, query = self.provider.account.sign_in, dict(request.query)
        if request.method == "GET":
            return self._plan(Operation.AUTHORIZE, partial(sign_in.page, query))
        decision = str((await request.post()).get("decision", ""))
        return self._plan(Operation.AUTHORIZE, partial(sign_in.decide, query, decision))

    async def _token(self, request: web.Request, _recorded: RecordedRequest) -> Plan:
        body = await request.read()
        return self._plan(Operation.TOKEN, partial(self.provider.account.sign_in.token, body))

    async def _other(self, _request: web.Request, _recorded: RecordedRequest) -> Plan:
        unknown = Result(error_answer(404, "no such path"), Outcome.UNKNOWN)
        return self._plan(Operation.OTHER, lambda: unknown)

    def _plan(self, operation: Operation, perform: Callable[[], Result]) -> Plan:
        """Plan an operation that no prompt belongs to: only armed faults rule it."""
        return Plan(perform, self.provider.faults.take(operation, "", ()))

    def _job(self, request: web.Request, recorded: RecordedRequest) -> Job | None:
        job = self.provider.jobs.get(request.match_info["id"])
        recorded.id = job.id if job else None
        return job

    def _need_bearer(self, request: web.Request) -> None:
        if not self.provider.account.accepts(request.headers.get("Authorization")):
            raise RefusedError(401, "the bearer token is missing or dead")

    def _need_team(self, request: web.Request) -> None:
        self._need_bearer(request)
        if not self.provider.account.team_accepts(request.headers.get("Authorization")):
            raise RefusedError(403, "this token is not for the team API")


async def read_form_parts(request: web.Request) -> list[Part]:
    """Read a form.

    Raises:
        BadFormError: If it is none.
        RefusedError: If it is too large.
    """
    try:
        body = await request.read()
    except web.HTTPRequestEntityTooLarge as exc:
        raise RefusedError(413, "the body is too large") from exc
    return read_parts(request.headers.get("Content-Type", ""), body)


def _rules(job: Job | None) -> tuple[FaultRule, ...]:
    return job.rules if job else ()


def _asset_operations(method: str, outcome: Outcome) -> tuple[Operation, ...]:
    """What a request for an asset counts as, the narrowest first."""
    if outcome is not Outcome.READY:
        return (Operation.ASSET,)
    return (Operation.HEAD if method == "HEAD" else Operation.DOWNLOAD, Operation.ASSET)


def _asset_base(request: web.Request) -> str:
    return f"{request.scheme}://{request.host}/processed"


def _need_query(request: web.Request, *names: str) -> None:
    missing = [name for name in names if not request.query.get(name)]
    if missing:
        raise RefusedError(400, f"missing: {', '.join(missing)}")
