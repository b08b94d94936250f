"""Kling's own API as a provider.

Sources: Vercel's AI SDK (packages/klingai), and codes as Baidu's gateway to Kling lists them.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Any

from reelgate.clock import Clock, SystemClock
from reelgate.domain.price import Money, Unit
from reelgate.domain.reference import Reference, Role
from reelgate.domain.video import VideoRequest
from reelgate.errors import (
    InsufficientCredits,
    ModerationBlocked,
    RateLimited,
    UpstreamError,
    UpstreamFault,
    UpstreamUnauthorized,
)
from reelgate.net.client import HttpClient, HttpResponse
from reelgate.net.redact import MASK
from reelgate.providers.api import ApiAccount, ApiProvider
from reelgate.providers.api_settings import ApiSettings, settings_of
from reelgate.providers.base import Pictures
from reelgate.providers.call import Call, Report, VendorError
from reelgate.providers.kling.models import ROWS, Row, rows_with
from reelgate.providers.payload import first_object, in_path, payload_of, text_in
from reelgate.providers.registered import at_api, by_rows
from reelgate.providers.words import Word

FROM_TEXT, FROM_PICTURE = "text2video", "image2video"
STATUSES = {
    "submitted": Word.RUNNING,
    "processing": Word.RUNNING,
    "succeed": Word.DONE,
    "failed": Word.FAILED,
}
MODERATION = 1301
KINDS: Mapping[int, type[UpstreamError]] = {
    **dict.fromkeys(range(1000, 1005), UpstreamUnauthorized),
    1101: InsufficientCredits,
    1102: InsufficientCredits,
    **dict.fromkeys(range(1200, 1204), UpstreamError),
    MODERATION: ModerationBlocked,
    1302: RateLimited,
    1303: RateLimited,
    **dict.fromkeys(range(5000, 5003), UpstreamFault),
}
IMAGES = {Role.FIRST_FRAME: "image", Role.LAST_FRAME: "image_tail"}
TOKEN_LASTS_S, CLOCKS_DIFFER_S = 1800, 5
"""How long a signed token is good, and how much earlier than now it begins."""
RISK = "risk control"
"""In the sentence by which a task says that moderation stopped it."""


class Kling(ApiProvider):
    """One key of Kling: sent as it is, or a pair that signs a token for each request.

    A job is known by its path and its id there: `text2video/8`. The submit's marker goes along as
    `external_task_id`, for people who look there; whether it keeps a second one out, or finds a
    job, is not known, so that nothing here relies on it.
    """

    upstream = "Kling"
    renew = (
        "Make a new key at app.klingai.com/global/dev and put it in KLING_API_KEY, a pair as"
        " ACCESS:SECRET."
    )

    def __init__(
        self,
        http: HttpClient,
        account: ApiAccount,
        rows: Iterable[Row] = ROWS,
        clock: Clock | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        super().__init__(http, account, (row.model(account.name) for row in rows))

    def key_headers(self) -> Mapping[str, str]:
        """The key itself, or a token that the pair has signed."""
        access, is_pair, secret = self._key.partition(":")
        bearer = signed_token(access, secret, self._clock.now()) if is_pair else self._key
        return {"Authorization": f"Bearer {bearer}"}

    def hide(self, text: str) -> str:
        """A text without the key, or either half of a pair."""
        text = super().hide(text)
        for half in self._key.split(":"):
            text = text.replace(half, MASK) if half else text
        return text

    def submit_call(
        self, request: VideoRequest, *, marker: str, pictures: Pictures, push_url: str
    ) -> Call:
        """To the path of text or of pictures; numbers of seconds and sound are words there."""
        body = {"model_name": request.model, "prompt": request.prompt, **self.values(request)}
        if "duration" in body:
            body["duration"] = str(body["duration"])
        if "sound" in body:
            body["sound"] = "on" if body["sound"] else "off"
        for reference in request.references:
            body[IMAGES[reference.role]] = bare_source(reference, pictures)
        if marker:
            body["external_task_id"] = marker
        if push_url:
            body["callback_url"] = push_url
        return Call(method="POST", path=f"v1/videos/{path_of(request)}", json=body)

    def id_path(self, request: VideoRequest) -> str:
        """The path of text or of pictures."""
        return f"{path_of(request)}/"

    def id_of(self, payload: Mapping[str, Any]) -> object:
        """The task's."""
        return first_object(payload.get("data")).get("task_id")

    def poll_call(self, provider_id: str) -> Call:
        """The task."""
        return Call(path=f"v1/videos/{in_path(provider_id)}")

    def read_report(self, payload: Mapping[str, Any]) -> Report:
        """A task; nothing tells how far it is."""
        task = first_object(payload.get("data"))
        status, says = text_in(task, "task_status"), text_in(task, "task_status_msg")
        word = STATUSES.get(status.lower(), Word.RUNNING)
        if word is Word.FAILED and RISK in says.lower():
            word = Word.MODERATED
        video = first_object(first_object(task.get("task_result")).get("videos"))
        return Report(
            word=word,
            status=status,
            url=text_in(video, "url"),
            reason=says,
            cost=units_in(task.get("final_unit_deduction")),
        )

    def error_of(self, response: HttpResponse) -> VendorError | None:
        """`{"code", "message", "request_id"}`, where 0 says that all is well."""
        payload = payload_of(response)
        code = payload.get("code")
        if not isinstance(code, int) or isinstance(code, bool) or code == 0:
            return None
        return VendorError(text_in(payload, "message"), str(code), KINDS.get(code))


def signed_token(access: str, secret: str, now: float) -> str:
    """The token of a pair of keys: a JWT (RFC 7519) signed with HS256."""
    # Loaded where there is a pair of keys only: it takes 30 ms.
    from joserfc import jwt  # noqa: PLC0415
    from joserfc.jwk import OctKey  # noqa: PLC0415

    claims = {"iss": access, "exp": int(now) + TOKEN_LASTS_S, "nbf": int(now) - CLOCKS_DIFFER_S}
    return jwt.encode({"alg": "HS256", "typ": "JWT"}, claims, OctKey.import_key(secret))


def path_of(request: VideoRequest) -> str:
    """Where a request goes."""
    return FROM_PICTURE if request.references else FROM_TEXT


def bare_source(reference: Reference, pictures: Pictures) -> str:
    """A picture's bytes as bare base64, or its address."""
    picture = pictures.get(reference.url)
    return reference.url if picture is None else b64encode(picture.content).decode()


def units_in(value: object) -> Money | None:
    """What a task was charged, in Kling's units; None where that is not told."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        return Money.of(value, Unit.CREDITS)
    except ArithmeticError:
        return None


PROVIDER = at_api(
    settings_of(
        ApiSettings,
        "kling",
        "KLING_API_KEY",
        title="Kling",
        example_model="kling-v2-5-turbo",
        api_url="https://api-singapore.klingai.com",
        about="Kling's API. Its key may be an access key and a secret key, as `ACCESS:SECRET`.",
    ),
    by_rows(Kling, rows_with),
    stand_in_path="kling",
)
