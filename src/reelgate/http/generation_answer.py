"""The blocking endpoint's answer."""

from __future__ import annotations

from typing import Any

from fastapi.responses import JSONResponse
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from reelgate.http.blocking import BlockingAnswer, error_of
from reelgate.http.context import Context
from reelgate.http.prefer import Preference
from reelgate.http.problems import ProblemResponse, answer, body_of
from reelgate.video import State, Video


class GenerationAnswer(BlockingAnswer):
    """`COMPLETED` or `PROCESSING` with a `video_url`, or why there is none."""

    def __init__(
        self,
        ctx: Context,
        video: Video,
        preference: Preference,
        *,
        attached: bool,
    ) -> None:
        super().__init__(ctx, video, attached=attached)
        self._preference = preference
        self._started = False
        if applied := preference.applied():
            self.marks["Preference-Applied"] = applied

    def limit_s(self) -> float:
        """The caller may shorten the wait, not lengthen it."""
        asked_s = self._preference.wait_s
        limit_s = super().limit_s()
        return limit_s if asked_s is None else min(limit_s, asked_s)

    def beat_every_s(self) -> float:
        """As the settings say."""
        return self.ctx.settings.heartbeat_s

    async def beat(self, send: Send) -> None:
        """Send a blank, which JSON may begin with, and before the first one the answer's head."""
        if not self._started:
            self._started = True
            headers = {"Content-Type": "application/json"} | self.marks
            raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
            await send({"type": "http.response.start", "status": 200, "headers": raw})
        await send({"type": "http.response.body", "body": b" ", "more_body": True})

    async def finish(self, video: Video, scope: Scope, receive: Receive, send: Send) -> bool:
        """Send the answer, or the rest of it where heartbeats have sent its head."""
        if self._started:
            late = self._late_response(video, Request(scope))
            await send({"type": "http.response.body", "body": late.body})
        else:
            await self._response(video, Request(scope))(scope, receive, send)
        return True

    def _response(self, video: Video, request: Request) -> Response:
        if video.state is State.FAILED:
            return answer(error_of(video), self.marks)
        if not video.is_over and (self._preference.respond_async or self.is_closing):
            location = {"Location": f"/v1/videos/{video.id}"}
            return JSONResponse(self._body(video, request), 202, self.marks | location)
        return JSONResponse(self._body(video, request), headers=self.marks)

    def _body(self, video: Video, request: Request) -> dict[str, Any]:
        return {
            "id": video.provider_id or "",
            "status": "COMPLETED" if video.state is State.COMPLETED else "PROCESSING",
            "video_url": self.ctx.video_url(request, video),
            "batch_id": video.batch_id or "",
        }

    def _late_response(self, video: Video, request: Request) -> Response:
        """With heartbeats the status line has gone out as 200: a failure is told in the body."""
        if video.state is State.FAILED:
            error = body_of(error_of(video))["error"]
            return ProblemResponse({"status": "FAILED", "error": error})
        return JSONResponse(self._body(video, request))
