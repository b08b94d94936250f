"""What each model takes and what it is called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from reelgate.domain.fields import (
    COMMON,
    EDIT_VIDEO,
    EXTEND_VIDEO,
    FIRST_FRAME,
    HOLD_REFERENCES,
    MEDIA,
    OF_PAYMENT,
    PAYMENT,
    PROMPT,
    REFERENCES,
    SHAPE,
    VALUES,
    Field,
    is_same,
    not_taken,
)
from reelgate.domain.price import Price, price_of
from reelgate.domain.reading import Reading, Rule
from reelgate.domain.reference import Kind, Reference, Role
from reelgate.domain.video import FINGERPRINTED, NAMED, Duration, VideoRequest
from reelgate.errors import InvalidRequest, ModelNotFound, Problem, brief

RESERVED = frozenset(
    {
        *("model", "metadata", "webhook_url", "strict", "warnings", "options"),
        *("reference_url", "reference_digest", "references", "image_url"),
        *(spelling.name for row in COMMON.values() for spelling in row.spellings),
    }
)
"""What no field of a provider's own may be called: it means something else in a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model: its name, and the fields it takes beside the prompt.

    Attributes:
        price: None where nobody tells it.
        usd_per_credit: what one of its account's credits costs; as its price says where that is
            not told, and None where nobody knows.
        fields: common rows with this model's values, and rows of the provider's own.
        rules: what one of them means for another.
        keeps_characters: whether it learns characters by `POST /v1/videos/characters`.
        rows: all fields by name, also the prompt and what the gateway itself heeds.
    """

    id: str
    provider: str
    owned_by: str
    created: int
    price: Price | None = None
    usd_per_credit: Decimal | None = None
    fields: tuple[Field, ...] = ()
    rules: tuple[Rule, ...] = ()
    keeps_characters: bool = False
    rows: Mapping[str, Field] = field(init=False, repr=False, compare=False)
    _defaults: Mapping[str, Any] = field(init=False, repr=False, compare=False)
    _unsaid: Mapping[str, Any] = field(init=False, repr=False, compare=False)
    _required: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        rows = {row.name: row for row in (PROMPT, *self.fields)}
        rows |= {row.name: row for row in PAYMENT if row.name not in rows}
        check_names(self.id, self.fields)
        check_price(self.id, self.price, rows)
        if self.usd_per_credit is None and self.price is not None:
            object.__setattr__(self, "usd_per_credit", self.price.usd_per_credit)
        own = {name: row for name, row in rows.items() if name not in NAMED | HOLD_REFERENCES}
        object.__setattr__(self, "rows", rows)
        defaults = {name: row.default for name, row in rows.items()}
        object.__setattr__(self, "_defaults", dict.fromkeys(row.name for row in SHAPE) | defaults)
        required = tuple(row.name for row in self.fields if row.is_required)
        object.__setattr__(self, "_required", required)
        object.__setattr__(
            self,
            "_unsaid",
            # What the first release's fingerprints hold is told whatever it says.
            {name: None if name in FINGERPRINTED else row.unsaid for name, row in own.items()},
        )

    @property
    def names(self) -> tuple[str, str]:
        """What the provider calls it, and that with the provider's name before it."""
        own = self.id.removeprefix(f"{self.provider}/")
        return own, f"{self.provider}/{own}"

    @property
    def aspect_ratios(self) -> tuple[str, ...]:
        """The ratios it makes."""
        return self._allowed("aspect_ratio")

    @property
    def durations(self) -> tuple[Duration, ...]:
        """The lengths it makes."""
        return self._allowed("duration")

    @property
    def resolutions(self) -> tuple[str, ...]:
        """The resolutions it makes."""
        return self._allowed("resolution")

    @property
    def takes_any_size(self) -> bool:
        """Whether its frames are not known, so that any ratio and resolution is passed on."""
        rows = [self.rows.get(name) for name in ("aspect_ratio", "resolution")]
        return all(row is not None and row.allowed is None for row in rows)

    def role_of_only(self) -> Role:
        """What a picture is for that a request calls its `input_reference`."""
        is_first = FIRST_FRAME.name in self.rows or REFERENCES.name not in self.rows
        return Role.FIRST_FRAME if is_first else Role.REFERENCE

    @property
    def takes_picture(self) -> bool:
        """Whether a request may have an `input_reference`."""
        return FIRST_FRAME.name in self.rows or any(
            medium.kind is Kind.IMAGE
            for medium in (self.rows[REFERENCES.name].media if REFERENCES.name in self.rows else ())
        )

    def _allowed(self, name: str) -> tuple[Any, ...]:
        row = self.rows.get(name)
        return (row.allowed or ()) if row else ()

    def default(self, name: str) -> Any:  # noqa: ANN401 - as its row says
        """What a request means that leaves this field out; None too where there is none."""
        row = self.rows.get(name)
        return row.default if row else None

    def own_fields(self) -> tuple[Field, ...]:
        """The provider's own fields of this model."""
        return tuple(self.rows[name] for name in self._unsaid if name not in OF_PAYMENT)

    def takes(self, request: VideoRequest) -> bool:
        """Whether a request is for this model and says nothing that it does not know."""
        return (
            request.model == self.id
            and request.options.keys() <= self._unsaid.keys()
            and all(self._takes(each) for each in request.references)
        )

    def _takes(self, reference: Reference) -> bool:
        row = self.rows.get(MEDIA[reference.role].name)
        return row is not None and any(each.kind is reference.kind for each in row.media)

    def capabilities(self) -> dict[str, Any]:
        """What a request for this model may hold, as `GET /v1/models` shows it."""
        own = self.own_fields()
        defaults = {row.name: self.default(row.name) for row in SHAPE}
        return {
            "aspect_ratios": list(self.aspect_ratios),
            "durations": list(self.durations),
            "resolutions": list(self.resolutions),
            "defaults": defaults
            | {row.name: row.default if row.is_settable else None for row in own},
            **{row.name: row.is_settable for row in own},
            "input_reference": self.takes_picture,
            "edits": EDIT_VIDEO.name in self.rows,
            "extensions": EXTEND_VIDEO.name in self.rows,
            "characters": self.keeps_characters,
            "price": self._price_described(),
            "max_prompt_chars": self.rows[PROMPT.name].maximum,
            "fields": [row.described() for row in self.rows.values() if row.is_settable],
            "rules": [rule.described() for rule in self.rules],
        }

    def _price_described(self) -> dict[str, Any] | None:
        """The price, and first what the shortest video costs with its other settings left out."""
        if self.price is None:
            return None
        shortest = min((each for each in self.durations if isinstance(each, int)), default=None)
        least = price_of(self, self.sample(duration=shortest))
        told = {"from": None if least is None else least.value, **self.price.described()}
        if self.usd_per_credit is not None:
            told["usd_per_credit"] = float(self.usd_per_credit)
        return told

    def check(self, name: str, value: object, param: str | None = None) -> Problem | None:
        """What is wrong with a field's value, if anything; `param` is how it was spelled."""
        row = self.rows.get(name)
        if row is None:
            return not_taken(param or name, value, self.id)
        return row.check(value, self.id, param)

    def request(
        self, *, prompt: str, references: Iterable[Reference] = (), **said: object
    ) -> VideoRequest:
        """A complete request: defaults filled in where a field is None or left out.

        A value of any type may be given: what is not allowed is refused here, with what is.

        Raises:
            InvalidRequest: with one problem for each field this model does not take.
        """
        return self.read({PROMPT.name: prompt, **said}, references)[0]

    def sample(self, **said: object) -> VideoRequest:
        """A request of these values, also without what the model needs: for prices and times.

        Raises:
            InvalidRequest: with one problem for each field this model does not take.
        """
        return self.read({PROMPT.name: "-", **said}, required=())[0]

    def read(
        self,
        said: Mapping[str, object],
        references: Iterable[Reference] = (),
        *,
        strict: bool = True,
        spelled: Mapping[str, str] = MappingProxyType({}),
        required: Iterable[str] | None = None,
    ) -> tuple[VideoRequest, tuple[Problem, ...]]:
        """A complete request, and what was left out of it because the model cannot honour it.

        Args:
            said: plain values by their fields' names.
            references: what it is made from; each address is told once.
            strict: refuse what the model cannot honour, and leave nothing out.
            spelled: the name under which the caller sent a reference, by its address, where that
                is not its field's own.
            required: the fields that must be said; None: those that the model declares.

        Raises:
            InvalidRequest: with one problem for each field that is refused.
        """
        reading = Reading(self.id, self.rows, self._defaults, strict=strict, spelled=spelled)
        reading.read_values(said)
        reading.read_references(references)
        reading.keep(self.rules)
        reading.check_required(self._required if required is None else required)
        if reading.problems:
            raise InvalidRequest(problems=tuple(reading.problems))
        values = reading.values
        request = VideoRequest(
            model=self.id,
            prompt=values["prompt"],
            aspect_ratio=values["aspect_ratio"],
            duration=values["duration"],
            resolution=values["resolution"],
            references=reading.references,
            options={
                name: values[name]
                for name, unsaid in self._unsaid.items()
                if values[name] is not None and not is_same(values[name], unsaid)
            },
        )
        return request, tuple(reading.left_out)


def check_names(model: str, rows: Iterable[Field]) -> None:
    """Refuse a model whose fields could not be told apart.

    Raises:
        ValueError: naming the field.
    """
    seen: set[str] = set()
    for row in rows:
        if row.name in seen:
            message = f"{model} declares {row.name} twice"
            raise ValueError(message)
        if row.name not in COMMON and row.name in RESERVED:
            message = f"{model} declares {row.name}, which means something else in a request"
            raise ValueError(message)
        seen.add(row.name)


def check_price(model: str, price: Price | None, rows: Mapping[str, Field]) -> None:
    """Refuse a price by a field that the model does not have: it would never be the price.

    Raises:
        ValueError: naming the field.
    """
    for rate in price.rates if price else ():
        if unknown := rate.when.keys() - rows.keys():
            message = f"{model} has a price by {min(unknown)}, which it does not take"
            raise ValueError(message)


@dataclass(frozen=True, slots=True)
class DeclaredField:
    """A field that requests may hold, and the first model that takes it; None: none does."""

    field: Field
    model: str | None


class Catalog:
    """Every model that can be asked for, by its id, its full name `provider/id`, or an alias.

    Where several providers have a model of one id, each goes by its full name.
    """

    def __init__(
        self,
        models: Iterable[Model],
        aliases: Mapping[str, str] | None = None,
        *,
        stands_for: Mapping[str, str] | None = None,
        default: str = "",
    ) -> None:
        """The models.

        Args:
            models: each provider's; the first one is the default where `default` is empty.
            aliases: other names, and the model each stands for.
            stands_for: the providers by whose names the stand-ins' models go, too.
            default: the model of a request that names none.

        Raises:
            InvalidRequest: an alias points at no model.
        """
        listed = tuple(models)
        self._full_names: dict[str, list[str]] = {}
        for model in listed:
            self._full_names.setdefault(model.id, []).append(f"{model.provider}/{model.id}")
        self._models: dict[str, Model] = {}
        self._by_full_name: dict[str, Model] = {}
        for model in listed:
            full_name = f"{model.provider}/{model.id}"
            is_alone = len(self._full_names[model.id]) == 1
            named = model if is_alone else replace(model, id=full_name)
            self._models[named.id] = self._by_full_name[full_name] = named
            if other := (stands_for or {}).get(model.provider):
                self._by_full_name[f"{other}/{model.id}"] = named
        self._aliases = dict(aliases or {})
        for alias, target in self._aliases.items():
            if self._named(target) is None and target not in self._full_names:
                message = f"alias {alias!r} points at {target!r}, which is not a model"
                raise InvalidRequest(message)
        self._fields = declared_fields(self._models.values())
        self.default = default or next(iter(self._models), "")

    def models(self) -> tuple[Model, ...]:
        """All models, in the order in which the providers declare them."""
        return tuple(self._models.values())

    def prompt(self) -> Field:
        """What a prompt may hold where the model is not known yet: the widest bounds."""
        prompts = [model.rows[PROMPT.name] for model in self._models.values()]
        return max(prompts, key=lambda row: row.maximum or 0, default=PROMPT)

    def fields(self) -> tuple[DeclaredField, ...]:
        """Every field with a plain value that some request may hold, the common ones first."""
        return self._fields

    def taking(self, field_name: str) -> tuple[str, ...]:
        """The models that take a field."""
        return tuple(name for name, model in self._models.items() if field_name in model.rows)

    def aliases(self) -> Mapping[str, str]:
        """Other names, and the model each stands for; without those that could mean several."""
        return {alias: target for alias, target in self._aliases.items() if self._named(target)}

    def check_prompt(self, model: str, prompt: str) -> Problem | None:
        """What is wrong with a prompt for a model, which may be gone by now, if anything."""
        known = self._models.get(model)
        return (known.rows[PROMPT.name] if known else PROMPT).check(prompt, model)

    def find(self, name: str) -> Model:
        """The model with this id, full name or alias.

        Raises:
            InvalidRequest: several providers have one of this id.
            ModelNotFound: naming those that exist.
        """
        target = self._aliases.get(name, name)
        model = self._named(target)
        if model is not None:
            return model
        if full_names := self._full_names.get(target):
            choices = " or ".join(full_names)
            message = f"model {brief(name)} is made by several providers: use {choices}"
            raise InvalidRequest(problems=(Problem("model", message, name, tuple(full_names)),))
        known = ", ".join([*self._models, *self._aliases])
        message = f"model {brief(name)} does not exist: use one of {known}"
        raise ModelNotFound(message, param="model")

    def stored_name(self, name: str) -> str:
        """The name under which jobs of a model are stored; the name itself where there is none."""
        target = self._aliases.get(name, name)
        model = self._named(target)
        return target if model is None else model.id

    def name_at(self, provider: str, model: str) -> str | None:
        """The name by which a provider's own model goes; None where it has no such."""
        found = self._by_full_name.get(f"{provider}/{model}")
        return None if found is None else found.id

    def usd_per_credit(self) -> Mapping[str, Decimal]:
        """What a credit costs, for each model whose provider's credits have a known price."""
        told = {model.id: model.usd_per_credit for model in self._models.values()}
        return {name: price for name, price in told.items() if price is not None}

    def _named(self, name: str) -> Model | None:
        return self._models.get(name) or self._by_full_name.get(name)


def declared_fields(models: Iterable[Model]) -> tuple[DeclaredField, ...]:
    """The common fields and those that these models declare, each once, beside the prompt.

    Raises:
        ValueError: two models mean different things by one name.
    """
    declared = {row.name: DeclaredField(row, None) for row in VALUES}
    for model in models:
        for row in model.fields:
            if not row.is_settable or row.name in HOLD_REFERENCES | {PROMPT.name}:
                continue
            known = declared.setdefault(row.name, DeclaredField(row, model.id))
            if known.field.type is not row.type:
                message = (
                    f"{model.id} takes {row.name} as {row.type}, and {known.model or 'a request'} "
                    f"as {known.field.type}: give one of them another name"
                )
                raise ValueError(message)
            if known.model is None:
                declared[row.name] = DeclaredField(row, model.id)
    return tuple(declared.values())
