"""What is sent to imagine.art, and what its answers, of any shape, mean."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeGuard
from uuid import NAMESPACE_OID, uuid5

from reelgate.domain.fields import Field
from reelgate.domain.picture import Picture
from reelgate.domain.price import Money, Unit
from reelgate.domain.reference import Kind
from reelgate.domain.video import VideoRequest
from reelgate.errors import ProxyAnswered, UpstreamBadResponse, UpstreamError
from reelgate.net.client import HttpResponse
from reelgate.net.redact import fit_to_tell, redacted
from reelgate.providers import errors as generic
from reelgate.providers.base import Submission
from reelgate.providers.imagine.credentials import RENEW, ImagineAccount
from reelgate.providers.imagine.models import PICTURES_ONLY, SEED_MODEL
from reelgate.providers.imagine.refusals import error_sentence, is_sure
from reelgate.providers.payload import first_object
from reelgate.providers.words import Word, word_of

Parts = list[tuple[str, str]]


def submit_parts(
    request: VideoRequest,
    account: ImagineAccount,
    placeholder_uuid: str,
    fields: Iterable[Field] = (),
    reference_parts: Mapping[Kind, str] = PICTURES_ONLY,
) -> Parts:
    """The text parts of the form, in the order in which the vendor's own client sends them.

    Args:
        request: what was asked for.
        account: who pays.
        placeholder_uuid: new for each submit; also names its first reference.
        fields: the model's own; those with a `wire` name are sent by it.
        reference_parts: the part that holds references of a kind.

    Raises:
        UpstreamError: the account does not tell its organisation.
    """
    return [
        *_video(request),
        *_own(request, fields),
        *_place(account),
        *_references(request, placeholder_uuid, reference_parts),
        *(_enhancement(request, placeholder_uuid) if carries_marker(request) else ()),
    ]


def preview_parts(
    request: VideoRequest,
    fields: Iterable[Field] = (),
    reference_parts: Mapping[Kind, str] = PICTURES_ONLY,
) -> Parts:
    """The same without what is the account's own, and without ids that are new for each submit."""
    return [
        *_video(request),
        *_own(request, fields),
        *_references(request, "", reference_parts),
    ]


def variation_of(request: VideoRequest) -> str:
    """What is made of what: by the references, as the vendor's own tool decides it [seen].

    One picture and nothing else is where the video starts from.
    """
    kinds = [each.kind for each in request.references]
    if not kinds:
        return "text_to_video"
    return "image_to_video" if kinds == [Kind.IMAGE] else "reference_to_video"


def carries_marker(request: VideoRequest) -> bool:
    """Whether a submit of this request tells a `placeholderUuid`."""
    return request.model == SEED_MODEL


def upload_parts(picture: Picture, account: ImagineAccount) -> Parts:
    """The text parts that go with a reference picture (`POST {api}/assets/upload`).

    The title is the picture's digest: a person who finds it in the gallery can tell what it was.

    Raises:
        UpstreamError: the account does not tell its organisation.
    """
    return [
        ("ref_service", "0"),
        ("title", f"reelgate-{picture.digest[:16]}"),
        ("org_id", account.organisation()),
    ]


def _video(request: VideoRequest) -> Iterator[tuple[str, str]]:
    yield "prompt", request.prompt
    yield "style_id", str(request.options["style_id"])
    yield "variation", variation_of(request)
    if request.aspect_ratio is not None:
        yield "aspect_ratio", request.aspect_ratio
    yield "count", "1"
    if request.duration is not None:
        yield "duration", str(request.duration)
    if request.resolution is not None:
        yield "resolution", request.resolution


def _own(request: VideoRequest, fields: Iterable[Field]) -> Iterator[tuple[str, str]]:
    for field in fields:
        if field.wire is not None and field.name in request.options:
            yield field.wire, _text(request.options[field.name])


def _text(value: object) -> str:
    """A value as the vendor's forms spell it."""
    return str(int(value)) if isinstance(value, bool) else str(value)


def _place(account: ImagineAccount) -> Iterator[tuple[str, str]]:
    yield "org_id", account.organisation()
    if parent_id := account.parent():
        yield "parent_id", parent_id


def _references(
    request: VideoRequest, first_id: str, parts: Mapping[Kind, str]
) -> Iterator[tuple[str, str]]:
    for index, each in enumerate(request.references):
        own_id = first_id if index == 0 else str(uuid5(NAMESPACE_OID, f"{first_id}/{index}"))
        yield parts[each.kind], _json({"url": each.url, "id": own_id})


def _enhancement(request: VideoRequest, placeholder_uuid: str) -> Iterator[tuple[str, str]]:
    yield "is_enhance", _text(request.options.get("is_enhance", False))
    yield "enhancer_id", "seedance_t2v_prompt_enhancer"
    yield "clientVersion", "1"
    metadata = {
        "placeholderUuid": placeholder_uuid,
        "promptWithoutManipulation": request.prompt,
        "modeId": 0,
    }
    yield "metadata", _json(metadata)
    yield "use_plugin", "true"


def _json(value: dict[str, object] | dict[str, str]) -> str:
    return json.dumps(value, ensure_ascii=False)


UPSTREAM = "imagine.art"
# The id becomes a part of addresses and file names.
SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:~-]{0,511}", re.ASCII)
PARENT_STATUSES = frozenset({400, 403, 404, 422})
PARENT_REJECTED = "does not have access to parent asset"

REASON_KEYS = (
    "errorMessage",
    "error_message",
    "failure_reason",
    "failureReason",
    "fail_reason",
    "reason",
    "error",
    "message",
    "detail",
    "details",
    "description",
)
"""Where a job's answer might give a reason: none is documented [assumed]."""

LOUDEST_FIRST = (
    Word.FAILED,
    Word.MODERATED,
    Word.RUNNING,
    Word.ENDED,
    Word.DONE,
    Word.SILENT,
)
"""Which word counts where a job and its assets have several."""


@dataclass(frozen=True, slots=True)
class Report:
    """What the status endpoint knows of a job.

    Attributes:
        word: what its status says.
        name: the status in the upstream's own spelling.
        generated: whether a video's address is told.
        address: that address.
        reason: why it ended, in the upstream's own words.
    """

    word: Word = Word.SILENT
    name: str = ""
    generated: bool = False
    reason: str = ""
    address: str = ""


def refusal(response: HttpResponse, *, hide: Callable[[str], str] = str) -> UpstreamError:
    """The error that an answer without success stands for; `hide` takes our secrets out."""
    if response.status in PARENT_STATUSES and PARENT_REJECTED in response.text.lower():
        message = (
            "imagine.art says that this account may not use the folder it was given"
            f" (HTTP {response.status}): choose another with `reelgate login imagine"
            " --choose-folder`, or set IMAGINE_PARENT_ID."
        )
        return UpstreamError(message, upstream=redacted(hide(response.text)))
    says = error_sentence(response)
    return generic.refusal(response, upstream=UPSTREAM, renew=RENEW, hide=hide, says=says)


def submit_refusal(response: HttpResponse, *, hide: Callable[[str], str] = str) -> UpstreamError:
    """The same of a submit: only what `SURE_REFUSALS` names is surely refused."""
    error = refusal(response, hide=hide)
    if not error.surely_refused or is_sure(response):
        return error
    message = f"HTTP {response.status} came back for {UPSTREAM}, but not in its own words."
    retry_after_s = generic.retry_after_s(response)
    return ProxyAnswered(message, retry_after_s=retry_after_s, upstream=error.upstream)


def read_submission(response: HttpResponse, *, hide: Callable[[str], str] = str) -> Submission:
    """The accepted job in a successful answer: an object, or an array that starts with one.

    Raises:
        UpstreamBadResponse: it names no job, so there is nothing to look at.
    """
    job = first_object(response.json())
    provider_id = job.get("id")
    if is_whole(provider_id):
        provider_id = str(provider_id)
    if not isinstance(provider_id, str) or not SAFE_ID.fullmatch(provider_id):
        told = fit_to_tell(hide(error_sentence(response) or ""))
        says = f' It says: "{told}".' if told else ""
        message = f"Could not extract video ID from imagine.art's answer to the submit.{says}"
        raise UpstreamBadResponse(message, upstream=redacted(hide(response.text)))
    batch_id, cost = job.get("batchId"), job.get("cost")
    return Submission(
        provider_id,
        batch_id if isinstance(batch_id, str) else "",
        credits_of(cost),
    )


def credits_of(value: object) -> Money | None:
    """A job's `cost`; None where it is no number of credits."""
    return Money(value, Unit.CREDITS) if is_whole(value) else None


def is_whole(value: object) -> TypeGuard[int]:
    """Whether a JSON value is an integer."""
    return isinstance(value, int) and not isinstance(value, bool)


def read_upload(response: HttpResponse, *, hide: Callable[[str], str] = str) -> str:
    """The address of an uploaded picture: `{"url": {"processed": ["https://..."]}}`.

    Raises:
        UpstreamBadResponse: it tells no address.
    """
    address = _first_address(first_object(response.json()).get("url"), "processed")
    if address is None or not address.startswith(("http://", "https://")):
        message = "imagine.art took the reference picture but tells no address of it."
        raise UpstreamBadResponse(message, upstream=redacted(hide(response.text)))
    return address


def read_report(response: HttpResponse) -> Report:
    """What a successful answer of the status endpoint says.

    A generation's address means that the job is done whatever the status says: `finished` and
    `success` are both seen.
    """
    job = first_object(response.json())
    assets = list(_objects(job.get("assets")))
    holders = (job, *assets)
    names = [_name(holder.get("status")) for holder in holders]
    words = [word_of(name) for name in names]
    loudest = next(word for word in LOUDEST_FIRST if word in words)
    told = (_first_address(asset.get("url"), "generation") for asset in assets)
    address = next((each for each in told if each is not None), "")
    return Report(
        loudest,
        names[words.index(loudest)],
        bool(address),
        next((reason for holder in holders for reason in _reasons(holder)), ""),
        address,
    )


def _objects(payload: object) -> Iterator[dict[str, object]]:
    for each in payload if isinstance(payload, list) else [payload]:
        if isinstance(each, dict):
            yield each


def _name(status: object) -> str:
    return status.strip() if isinstance(status, str) else ""


def _reasons(holder: dict[str, object]) -> Iterator[str]:
    """The sentences in which a job or an asset gives a reason, what is only a status left out."""
    status = _name(holder.get("status")).lower()
    metadata, error = holder.get("asset_metadata"), holder.get("error")
    for part in (holder, error, metadata):
        told = part if isinstance(part, dict) else {}
        for key in REASON_KEYS:
            value = told.get(key)
            if isinstance(value, str) and value.strip().lower() not in {"", status}:
                yield value.strip()


def addresses_of(url: object) -> Iterator[str]:
    """The addresses at which a job's file is told to be."""
    for kind in ("processed", "generation"):
        if (address := _first_address(url, kind)) is not None:
            yield address


def _first_address(url: object, kind: str) -> str | None:
    addresses = url.get(kind) if isinstance(url, dict) else None
    first = addresses[0] if isinstance(addresses, list) and addresses else addresses
    return first.strip() or None if isinstance(first, str) else None
