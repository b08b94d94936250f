"""What happens to every request: an id, a size limit, a content type that can be read."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reelgate.errors import ReelgateError, RequestTooLarge, UnsupportedMedia
from reelgate.http.honest import REQUEST_ID, honestly
from reelgate.http.problems import answer

JSON = "application/json"
MULTIPART = "multipart/form-data"
TAKES_FORMS = "/v1/videos"
"""Where an address must begin to be sent a form, with a picture in it."""


class RequestContext:
    """Outermost: tells each request's id, and turns a mistake of ours into an honest answer."""

    def __init__(self, app: ASGIApp, *, headers: dict[str, str]) -> None:
        """`headers` go on every answer."""
        self._app = app
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        marks = [(b"x-request-id", scope[REQUEST_ID].encode()), *self._headers]

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *marks]
            await send(message)

        await honestly(self._app, scope, receive, send_marked)


class BodyGuard:
    """Refuses a body that is too large or of a type that nobody here reads."""

    def __init__(self, app: ASGIApp, *, max_json_bytes: int, max_form_bytes: int) -> None:
        self._app = app
        self._max_json_bytes = max_json_bytes
        self._max_form_bytes = max_form_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http" or scope["method"] not in {"POST", "PUT", "PATCH"}:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        is_form = media_type == MULTIPART and scope["path"].startswith(TAKES_FORMS)
        limit = self._max_form_bytes if is_form else self._max_json_bytes
        try:
            check_length(headers, limit)
            guarded = limited(receive, limit)
            if not is_form:
                body = await read(guarded)
                check_type(media_type, body)
                guarded = replay(body, receive)
        except ReelgateError as error:
            await answer(error, {"Connection": "close"})(scope, receive, send)
            return
        await self._app(scope, guarded, send)


def check_length(headers: Headers, limit: int) -> None:
    """Refuse a body by the length it announces."""
    announced = headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise too_large(limit)


def check_type(media_type: str, body: bytes) -> None:
    """Refuse a body that is not JSON; where there is none, its type does not matter."""
    if body and media_type != JSON and not media_type.endswith("+json"):
        raise UnsupportedMedia(wrong_type(media_type))


def limited(receive: Receive, limit: int) -> Receive:
    """A `receive` that stops reading at a limit, whatever length was announced."""
    size = 0

    async def counted() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > limit:
            raise too_large(limit)
        return message

    return counted


async def read(receive: Receive) -> bytes:
    """The whole body."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)


def too_large(limit: int) -> RequestTooLarge:
    """A body beyond the limit."""
    return RequestTooLarge(f"the body is larger than the {limit} bytes allowed")


def wrong_type(media_type: str) -> str:
    """What to tell a caller whose body is of another type."""
    said = f"Content-Type {media_type!r} is" if media_type else "a body without Content-Type is"
    return f"{said} not read here: send JSON with `Content-Type: {JSON}`"


def replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that hands out a body that was already read, and then the rest."""
    pending = True

    async def again() -> Message:
        nonlocal pending
        if pending:
            pending = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return again
