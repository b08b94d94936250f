"""A declared provider at work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from reelgate.clock import Clock
from reelgate.domain.catalog import Model
from reelgate.domain.fields import (
    AUDIO,
    FIRST_FRAME,
    LAST_FRAME,
    NEGATIVE_PROMPT,
    REFERENCES,
    SEED,
    Field,
    FieldType,
    Medium,
    references,
)
from reelgate.domain.price import Per, Price, Rate, Unit
from reelgate.domain.reading import Rule
from reelgate.domain.reference import Kind, Role
from reelgate.domain.sizes import frame_size
from reelgate.domain.video import VideoRequest
from reelgate.errors import ModerationBlocked
from reelgate.net.client import HttpClient, HttpResponse
from reelgate.providers.api import ApiAccount, ApiProvider
from reelgate.providers.base import Pictures, Provider
from reelgate.providers.call import Call, Report, VendorError
from reelgate.providers.declared.settings import HEADER, KEY, DeclaredModel, DeclaredSettings
from reelgate.providers.declared.template import UNSAID, at, filled, filled_path
from reelgate.providers.payload import payload_of, percent, source_of
from reelgate.providers.registered import SANDBOX_KEY, Registered
from reelgate.providers.shapes import CREATED, Shape
from reelgate.providers.words import Word

COMMON = {
    "seed": SEED,
    "negative_prompt": NEGATIVE_PROMPT,
    "audio": AUDIO,
    "first_frame": FIRST_FRAME,
    "last_frame": LAST_FRAME,
}
TYPES = {
    "string": FieldType.TEXT,
    "integer": FieldType.INTEGER,
    "number": FieldType.NUMBER,
    "boolean": FieldType.BOOLEAN,
}


class Declared(ApiProvider):
    """One account at a provider that the configuration file declares."""

    def __init__(self, http: HttpClient, account: ApiAccount, declared: DeclaredSettings) -> None:
        self._declared = declared
        self.upstream = account.name
        self.renew = f"Put a new key where [providers.{account.name}] of REELGATE_CONFIG has it."
        self.poll_gap_s = declared.poll.gap_s
        self.needs_key = declared.needs_key
        self.key_opens_files = declared.download.needs_key
        self._words = {
            word.lower(): kind
            for kind, words in (
                (Word.RUNNING, declared.poll.running),
                (Word.DONE, declared.poll.done),
                (Word.FAILED, declared.poll.failed),
                (Word.MODERATED, declared.poll.moderated),
            )
            for word in words
        }
        models = (model_of(name, model, account.name) for name, model in declared.models.items())
        super().__init__(http, account, models)

    def key_headers(self) -> Mapping[str, str]:
        """The header that the declaration names."""
        header = HEADER.fullmatch(self._declared.key_header)
        return {} if header is None else {header["name"]: header["value"].replace(KEY, self._key)}

    def submit_call(
        self, request: VideoRequest, *, marker: str, pictures: Pictures, push_url: str
    ) -> Call:
        """The declared body, filled in."""
        values = values_of(request, pictures) | {"marker": marker or None}
        values |= {"push_url": push_url or None}
        submit = self._declared.submit
        body = filled(submit.body, values)
        return Call(
            method=submit.method,
            path=filled_path(submit.path, {"model": request.model}),
            json={} if body is UNSAID else body,
        )

    def id_of(self, payload: Mapping[str, Any]) -> object:
        """At its path in the answer."""
        found = at(payload, self._declared.submit.id)
        return str(found) if isinstance(found, int) else found

    def poll_call(self, provider_id: str) -> Call:
        """The declared path, filled in."""
        return Call(path=filled_path(self._declared.poll.path, {"id": provider_id}))

    def read_report(self, payload: Mapping[str, Any]) -> Report:
        """The declared words; any other is one for work."""
        poll, download = self._declared.poll, self._declared.download
        status, reason = at(payload, poll.status), at(payload, poll.reason)
        url = at(payload, download.url) if download.url else None
        return Report(
            word=self._words.get(str(status).lower(), Word.RUNNING),
            status=status if isinstance(status, str) else "",
            url=url.strip() if isinstance(url, str) else "",
            reason=reason if isinstance(reason, str) else "",
            progress=percent(at(payload, poll.progress)),
        )

    async def report(self, provider_id: str) -> Report:
        """What the answer to a poll says, and the path of a finished video.

        Raises:
            UpstreamError: it cannot be asked.
        """
        report = await super().report(provider_id)
        path = self._declared.download.path
        if report.word is not Word.DONE or not path:
            return report
        url = filled_path(path, {"id": provider_id}).lstrip("/")
        return Report(word=report.word, status=report.status, url=url)

    def error_of(self, response: HttpResponse) -> VendorError | None:
        """The sentence and the code where the declaration says."""
        errors, payload = self._declared.errors, payload_of(response)
        says, code = at(payload, errors.message), at(payload, errors.code)
        if response.ok or not isinstance(says, str):
            return None
        kind = ModerationBlocked if str(code) in errors.moderated else None
        return VendorError(says, str(code or ""), kind)

    def cancel_call(self, provider_id: str) -> Call | None:
        """The declared request, where there is one."""
        cancel = self._declared.cancel
        if cancel is None:
            return None
        return Call(method=cancel.method, path=filled_path(cancel.path, {"id": provider_id}))


def values_of(request: VideoRequest, pictures: Pictures) -> dict[str, Any]:
    """What a request says, by the names of placeholders."""
    size = frame_size(request.aspect_ratio, request.resolution)
    width, _, height = (size or "").partition("x")
    sources = [(each.role, source_of(each, pictures)) for each in request.references]
    of_role = {role: source for role, source in sources if role is not Role.REFERENCE}
    return {
        **request.options,
        "model": request.model,
        "prompt": request.prompt,
        "duration": request.duration,
        "aspect_ratio": request.aspect_ratio,
        "resolution": request.resolution,
        "size": size,
        "width": int(width) if width else None,
        "height": int(height) if height else None,
        "first_frame": of_role.get(Role.FIRST_FRAME),
        "last_frame": of_role.get(Role.LAST_FRAME),
        "references": [source for role, source in sources if role is Role.REFERENCE] or None,
    }


def model_of(name: str, declared: DeclaredModel, provider: str) -> Model:
    """A declared model as one of the gateway's."""
    return Model(
        id=name,
        provider=provider,
        owned_by=provider,
        created=CREATED,
        price=price_of(declared),
        fields=tuple(fields_of(declared)),
        rules=(Rule(field=REFERENCES.name, other=FIRST_FRAME.name),)
        if declared.references and "first_frame" in declared.takes
        else (),
    )


def fields_of(declared: DeclaredModel) -> Iterator[Field]:
    """Its fields, the common ones first."""
    shape = Shape(
        ratios=declared.aspect_ratios,
        durations=declared.durations,
        resolutions=declared.resolutions,
    )
    yield from shape.fields()
    yield from (COMMON[name] for name in dict.fromkeys(declared.takes))
    if declared.references:
        yield references(Medium(Kind.IMAGE, declared.references))
    for name, own in declared.fields.items():
        row = Field(
            name=name, type=TYPES[own.type], help=own.help, minimum=own.min, maximum=own.max
        )
        if own.allowed is not None:
            # As requests are read: 5 is a number's 5.0.
            row = replace(row, allowed=tuple(row.read(each) for each in own.allowed))
        yield row


def price_of(declared: DeclaredModel) -> Price | None:
    """What its videos cost; None where the declaration does not say."""
    told = ((Per.SECOND, declared.usd_per_second), (Per.VIDEO, declared.usd_per_video))
    rates = tuple(Rate(amount, per) for per, amount in told if amount is not None)
    return Price(Unit.USD, "configured", rates[:1]) if rates else None


def build_declared(
    http: HttpClient, settings: DeclaredSettings, _clock: Clock, name: str
) -> Provider:
    """An account at a provider that the configuration file declares."""
    return Declared(http, ApiAccount(name, settings.address, settings.secret), settings)


def build_declared_stand_in(
    http: HttpClient,
    clock: Clock,  # noqa: ARG001 - no key tells when it ends
    *,
    sandbox_url: str,
    speed: float,
    name: str,
    public_asset_url: str | None,  # noqa: ARG001 - its videos have no address of their own
    settings: DeclaredSettings,
) -> Provider:
    """The same, at the address that its settings name as its sandbox."""
    account = ApiAccount(name, sandbox_url, SANDBOX_KEY, 1.0 / speed)
    return Declared(http, account, settings)


PROVIDER = Registered(
    DeclaredSettings,
    lambda _name: (),
    build_declared,
    build_declared_stand_in,
    has_default_stand_in=False,
)
