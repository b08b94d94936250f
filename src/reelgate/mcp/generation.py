"""Makes a video for an agent, once for the same arguments however often they are sent.

Clients give up on a call after 30 to 300 s, often without a word to the server, and models then
call again. So the arguments themselves are the Idempotency-Key: for a day the same arguments mean
the same video. A model that wants another one says so with `take`.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from reelgate.db.admission import KEY_TTL_S
from reelgate.domain.catalog import Catalog, DeclaredField
from reelgate.domain.charge import Charge, charge_of
from reelgate.domain.fields import FIRST_FRAME, LAST_FRAME, PROMPT, REFERENCES, FieldType
from reelgate.domain.reference import Kind, Reference, Role
from reelgate.domain.video import Caller, State, Video, VideoRequest
from reelgate.errors import Cancelled, InvalidRequest, Problem, VideoNotFound, brief
from reelgate.mcp.endpoint import McpBackend
from reelgate.service.videos import NewVideo, Service

HEARTBEAT_S = 5.0
HEARTBEATS = 9
"""A waiting caller is told the progress every 5 s, or this often where it waits less than 45."""
LEAST_PROGRESS = 0.01
"""Each progress must be greater than the last (MCP, `notifications/progress`)."""
JSON_TYPES = {
    FieldType.TEXT: "string",
    FieldType.INTEGER: "integer",
    FieldType.NUMBER: "number",
    FieldType.BOOLEAN: "boolean",
}
ADDRESS = {"type": "string", "description": "An https:// address, or a data: URL."}
TAKE = {
    "type": "integer",
    "minimum": 1,
    "default": 1,
    "description": f"Which version of the same video: for {KEY_TTL_S / 3600:.0f} hours the same "
    "arguments mean the same video, and cost nothing again. For another one with the same "
    "arguments say 2, 3, ...; each is paid for.",
}

Report = Callable[[float, str], Awaitable[None]]
"""Takes the progress, 0 to 100, and what it means."""


def generate_schema(catalog: Catalog) -> dict[str, Any]:
    """What `generate_video` takes, with these models."""
    first = next(iter(catalog.models()), None)
    values = {each.field.name: value_schema(each) for each in catalog.fields()}
    model = {
        "type": "string",
        "enum": [*(model.id for model in catalog.models()), *catalog.aliases()],
        "default": catalog.default,
        "description": "Which model makes it; list_models tells prices and what each takes.",
    }
    if first is None:
        del model["enum"]
    return {
        "type": "object",
        "required": [PROMPT.name],
        "additionalProperties": False,
        "properties": {
            PROMPT.name: {"type": "string", "description": catalog.prompt().help},
            "model": model,
            **values,
            FIRST_FRAME.name: ADDRESS | {"description": FIRST_FRAME.help},
            LAST_FRAME.name: ADDRESS | {"description": LAST_FRAME.help},
            REFERENCES.name: {
                "type": "array",
                "items": ADDRESS,
                "description": "Pictures that show how something looks.",
            },
            "take": TAKE,
        },
    }


def value_schema(declared: DeclaredField) -> dict[str, Any]:
    """One field; what each model takes of it the model checks, and list_models tells."""
    row = declared.field
    described = row.help
    if declared.model is not None and row.allowed is not None:
        choices = ", ".join(str(choice) for choice in row.allowed)
        described = f"{row.help} {declared.model}: {choices}; {row.default} by default.".strip()
    kind = JSON_TYPES.get(row.type)
    return ({"type": kind} if kind else {}) | {"description": described}


async def wanted(
    arguments: Mapping[str, Any], backend: McpBackend, owner: str
) -> tuple[VideoRequest, int]:
    """The complete request, and which take of it.

    Raises:
        InvalidRequest: naming each argument that is not taken; nothing was sent anywhere.
        ModelNotFound: there is no such model.
        UpstreamError: the provider did not take the picture.
    """
    said = {name: value for name, value in arguments.items() if value is not None}
    take = said.pop("take", 1)
    if type(take) is not int or take < 1:
        raise refused("take", take, "a whole number from 1")
    prompt = said.pop(PROMPT.name, None)
    if not isinstance(prompt, str):
        raise refused(PROMPT.name, prompt, "text")
    catalog = backend.service.catalog
    named = said.pop("model", catalog.default)
    if not isinstance(named, str):
        raise refused("model", named, "a model's name, from list_models")
    model = catalog.find(named)
    pictures = [
        *pictures_in(said, FIRST_FRAME.name, model.role_of_only()),
        *pictures_in(said, LAST_FRAME.name, Role.LAST_FRAME),
        *pictures_in(said, REFERENCES.name, Role.REFERENCE),
    ]
    request, _ = model.read({PROMPT.name: prompt, **said}, pictures)
    return await backend.references.place(request, model.provider, owner), take


def pictures_in(said: dict[str, Any], name: str, role: Role) -> Iterator[Reference]:
    """Take an argument's addresses: of `input_references` a list, else one."""
    told = said.pop(name, ())
    addresses = told if name == REFERENCES.name else [told] if told else []
    if not isinstance(addresses, list | tuple):
        raise refused(name, told, "a list of pictures' addresses")
    for address in addresses:
        if not isinstance(address, str):
            raise refused(name, address, "a picture's address")
        yield Reference(Kind.IMAGE, role, address)


def refused(param: str, value: object, taken: str) -> InvalidRequest:
    message = f"{param} {brief(value)} is not allowed: it takes {taken}"
    return InvalidRequest(problems=(Problem(param, message, value),))


async def ordered(service: Service, request: VideoRequest, take: int, owner: str) -> Video:
    """The one video of these arguments: a new one, or the one that there is.

    A failure is told once before the same arguments make a new video; one after which the video
    may still appear is told for as long as the arguments are remembered.

    Raises:
        ReelgateError: as `Service.create`.
    """
    new_video = NewVideo(request=request, owner=owner)
    for attempt in itertools.count():
        key = f"mcp-{request.fingerprint()}-{take}-{attempt}"
        options = service.admission_options(idempotency_key=key)
        try:
            video, _ = await service.create(new_video, options)
        except VideoNotFound:
            continue  # It was deleted, so that it is wanted no more.
        if not is_done_with(video):
            return video
    raise AssertionError


def is_done_with(video: Video) -> bool:
    """Whether the same arguments now mean a new video."""
    if video.failure is None or video.may_be_corrected:
        return False
    return (
        video.caller is Caller.ANSWERED
        or video.failure.code == Cancelled.code
        or charge_of(video).charge is Charge.FREE
    )


async def wait_for(service: Service, video: Video, wait_s: float, report: Report) -> Video:
    """The video once it is over, or as it is after `wait_s` or when the gateway stops."""
    loop = asyncio.get_running_loop()
    ends_at_s = loop.time() + wait_s
    every_s = min(HEARTBEAT_S, wait_s / HEARTBEATS)
    never: asyncio.Future[None] = loop.create_future()
    told = -LEAST_PROGRESS
    while not (video.is_over or service.has_released_callers):
        left_s = ends_at_s - loop.time()
        if left_s <= 0:
            break
        progress = video.progress(service.now())
        told = max(float(progress), told + LEAST_PROGRESS)
        await report(told, video.status.value)
        video = await service.wait(video.id, min(left_s, every_s), never)
    return video


async def tell_end(service: Service, video: Video) -> None:
    """The caller learns how a video ended: after a failure the same arguments make a new one."""
    if video.state is State.FAILED:
        await service.failure_told(video.id)
