"""What each model takes and what it is called."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from reelgate.domain.fields import COMMON, PROMPT, REFERENCE, VALUES, Field, is_same, not_taken
from reelgate.domain.price import Price, price_of
from reelgate.domain.video import FINGERPRINTED, NAMED, Duration, VideoRequest
from reelgate.errors import InvalidRequest, ModelNotFound, Problem, brief

RESERVED = frozenset(
    {
        *("model", "metadata", "webhook_url", "reference_url", "reference_digest", "options"),
        *(spelling.name for row in COMMON.values() for spelling in row.spellings),
    }
)
"""What no field of a provider's own may be called: it means something else in a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model: its name, and the fields it takes beside the prompt.

    Attributes:
        price: None where nobody tells it.
        fields: common rows with this model's values, and rows of the provider's own.
        rows: all of them by name, the prompt's too.
    """

    id: str
    provider: str
    owned_by: str
    created: int
    price: Price | None = None
    fields: tuple[Field, ...] = ()
    rows: Mapping[str, Field] = field(init=False, repr=False, compare=False)
    _defaults: Mapping[str, Any] = field(init=False, repr=False, compare=False)
    _unsaid: Mapping[str, Any] = field(init=False, repr=False, compare=False)
    _with_picture: Mapping[str, Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        rows = {PROMPT.name: PROMPT} | {row.name: row for row in self.fields}
        check_names(self.id, self.fields)
        check_price(self.id, self.price, rows)
        own = {name: row for name, row in rows.items() if name not in NAMED | {REFERENCE.name}}
        object.__setattr__(self, "rows", rows)
        defaults = {name: row.default for name, row in rows.items()}
        object.__setattr__(self, "_defaults", dict.fromkeys(row.name for row in VALUES) | defaults)
        fixed = {row.name: row.with_picture for row in self.fields if row.with_picture is not None}
        object.__setattr__(self, "_with_picture", fixed)
        object.__setattr__(
            self,
            "_unsaid",
            # What the first release's fingerprints hold is told whatever it says.
            {name: None if name in FINGERPRINTED else row.unsaid for name, row in own.items()},
        )

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
    def takes_reference(self) -> bool:
        """Whether it starts from a picture."""
        return REFERENCE.name in self.rows

    def _disagreeing(self, said: Mapping[str, object]) -> Iterator[Problem]:
        """What a request with a picture says otherwise than the picture lets it."""
        for name, only in self._with_picture.items():
            value = said.get(name)
            if value is not None and not is_same(self.rows[name].read(value), only):
                message = (
                    f"{name} {brief(value)} is not allowed for {self.id} together with "
                    f"{REFERENCE.name}: use {only}, or leave it out"
                )
                yield Problem(name, message, value, (only,))

    def _allowed(self, name: str) -> tuple[Any, ...]:
        row = self.rows.get(name)
        return (row.allowed or ()) if row else ()

    def default(self, name: str) -> Any:  # noqa: ANN401 - as its row says
        """What a request means that leaves this field out; None too where there is none."""
        row = self.rows.get(name)
        return row.default if row else None

    def own_fields(self) -> tuple[Field, ...]:
        """The provider's own fields of this model."""
        return tuple(self.rows[name] for name in self._unsaid)

    def takes(self, request: VideoRequest) -> bool:
        """Whether a request is for this model and has no option that it does not know."""
        return request.model == self.id and request.options.keys() <= self._unsaid.keys()

    def capabilities(self) -> dict[str, Any]:
        """What a request for this model may hold, as `GET /v1/models` shows it."""
        own = self.own_fields()
        defaults = {row.name: self.default(row.name) for row in VALUES}
        return {
            "aspect_ratios": list(self.aspect_ratios),
            "durations": list(self.durations),
            "resolutions": list(self.resolutions),
            "defaults": defaults
            | {row.name: row.default if row.is_settable else None for row in own},
            **{row.name: row.is_settable for row in own},
            "input_reference": self.takes_reference,
            "price": self._price_described(),
            "max_prompt_chars": self.rows[PROMPT.name].maximum,
            "fields": [row.described() for row in self.rows.values() if row.is_settable],
        }

    def _price_described(self) -> dict[str, Any] | None:
        """The price, and first what the shortest video costs with its other settings left out."""
        if self.price is None:
            return None
        shortest = min((each for each in self.durations if isinstance(each, int)), default=None)
        least = price_of(self, self.request(prompt="-", duration=shortest))
        return {"from": None if least is None else least.value, **self.price.described()}

    def check(self, name: str, value: object, param: str | None = None) -> Problem | None:
        """What is wrong with a field's value, if anything; `param` is how it was spelled."""
        row = self.rows.get(name)
        if row is None:
            return not_taken(param or name, value, self.id)
        return row.check(value, self.id, param)

    def request(
        self, *, prompt: str, reference_url: str | None = None, **said: object
    ) -> VideoRequest:
        """A complete request: defaults filled in where a field is None or left out.

        A value of any type may be given: what is not allowed is refused here, with what is.

        Raises:
            InvalidRequest: with one problem for each field this model does not take.
        """
        values = dict(self._defaults)
        problems: list[Problem] = []
        if reference_url is not None and self.takes_reference:
            values |= self._with_picture
            problems += self._disagreeing(said)
        for name, told in {"prompt": prompt, **said, REFERENCE.name: reference_url}.items():
            if told is None:
                continue
            row = self.rows.get(name)
            if row is None:
                problems.append(not_taken(name, told, self.id))
                continue
            values[name] = value = row.read(told)
            if problem := row.check(value, self.id):
                problems.append(problem)
        if problems:
            raise InvalidRequest(problems=tuple(problems))
        return VideoRequest(
            model=self.id,
            prompt=prompt,
            aspect_ratio=values["aspect_ratio"],
            duration=values["duration"],
            resolution=values["resolution"],
            reference_url=reference_url,
            options={
                name: values[name]
                for name, unsaid in self._unsaid.items()
                if values[name] is not None and not is_same(values[name], unsaid)
            },
        )


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

    def _named(self, name: str) -> Model | None:
        return self._models.get(name) or self._by_full_name.get(name)


def declared_fields(models: Iterable[Model]) -> tuple[DeclaredField, ...]:
    """The common fields and those that these models declare, each once.

    Raises:
        ValueError: two models mean different things by one name.
    """
    declared = {row.name: DeclaredField(row, None) for row in VALUES}
    for model in models:
        for row in model.fields:
            if not row.is_settable or row.name == REFERENCE.name:
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
