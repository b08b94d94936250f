"""A request for a video as the Vercel AI SDK sends it."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictStr

from reelgate.domain.catalog import Model
from reelgate.domain.fields import ASPECT_RATIO, AUDIO, DURATION, PROMPT, RESOLUTION, SEED
from reelgate.domain.reference import Kind, Reference, Role
from reelgate.domain.video import RequestWarning, VideoRequest
from reelgate.errors import InvalidRequest, Problem
from reelgate.http.video_request import said_twice, use_frame

ROLES = {"first_frame": Role.FIRST_FRAME, "last_frame": Role.LAST_FRAME}
OWN = "reelgate"
"""Whose options a gateway reads of `providerOptions`."""
SIZE = "size"


class Medium(BaseModel):
    """A picture, video or sound."""

    media_type: str = Field(
        "image/png", alias="mediaType", pattern=r"^(image|video|audio)/[a-z0-9.+-]{1,60}$"
    )

    @property
    @abstractmethod
    def address(self) -> str:
        """Its address, or a `data:` URL."""

    def reference(self, role: Role) -> Reference:
        """What it is for."""
        return Reference(Kind(self.media_type.partition("/")[0]), role, self.address)


class LinkedMedium(Medium):
    """One by its address."""

    type: Literal["url"]
    url: StrictStr

    @property
    def address(self) -> str:
        return self.url


class SentMedium(Medium):
    """One as base64."""

    type: Literal["file"]
    data: StrictStr

    @property
    def address(self) -> str:
        return f"data:{self.media_type};base64,{self.data}"


File = Annotated[LinkedMedium | SentMedium, Field(discriminator="type")]


class Frame(BaseModel):
    """A picture at one of the ends."""

    image: File
    frame_type: Literal["first_frame", "last_frame"] = Field(alias="frameType")


class VideoCall(BaseModel):
    """A video to make, as the SDK asks for it."""

    model_config = ConfigDict(populate_by_name=True)

    prompt: StrictStr
    n: int = 1
    aspect_ratio: str | None = Field(None, alias="aspectRatio")
    resolution: str | None = None
    duration: float | None = None
    fps: float | None = None
    seed: int | None = None
    audio: bool | None = Field(None, alias="generateAudio")
    image: File | None = None
    frames: list[Frame] = Field([], alias="frameImages")
    references: list[File] = Field([], alias="inputReferences")
    options: dict[str, dict[str, Any]] = Field({}, alias="providerOptions")
    webhook_url: str | None = Field(None, alias="callbackUrl")

    def for_model(self, model: Model) -> tuple[VideoRequest, tuple[RequestWarning, ...]]:
        """The complete request; with `providerOptions.reelgate.strict: false` what was left out.

        Raises:
            InvalidRequest: naming each field that is not taken.
        """
        own = dict(self.options.get(OWN, {}))
        strict = own.pop("strict", True) is not False
        if self.n != 1:
            message = "n is 1 here, the videos of one call: say maxVideosPerCall: 1 as well"
            raise InvalidRequest(problems=(Problem("n", message, self.n, (1,)),))
        said: dict[str, Any] = {
            PROMPT.name: self.prompt,
            DURATION.name: self.duration,
            SEED.name: self.seed,
            AUDIO.name: self.audio,
            "fps": self.fps,
            **self._frame(model),
            **own,
        }
        request, left_out = model.read(said, self._references(), strict=strict)
        return request, tuple(RequestWarning(each.param, each.message) for each in left_out)

    def _frame(self, model: Model) -> dict[str, Any]:
        """The ratio and the resolution; the SDK calls a size in pixels a resolution."""
        if self.resolution is None or "x" not in self.resolution:
            return {ASPECT_RATIO.name: self.aspect_ratio, RESOLUTION.name: self.resolution}
        frame: dict[str, Any] = {SIZE: self.resolution}
        use_frame(frame, SIZE, model)
        if self.aspect_ratio not in {None, frame[ASPECT_RATIO.name]}:
            raise said_twice("aspectRatio", self.aspect_ratio, "resolution")
        return frame

    def _references(self) -> list[Reference]:
        frames = {ROLES[each.frame_type]: each.image for each in self.frames}
        if self.image is not None:
            frames.setdefault(Role.FIRST_FRAME, self.image)
        told = [image.reference(role) for role, image in frames.items()]
        return told + [each.reference(Role.REFERENCE) for each in self.references]
