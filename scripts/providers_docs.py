"""Writes what each provider can into docs/providers.md, from its declarations: `make docs`.

A test compares. What an adapter does with a push address is seen in the request that it would send.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from reelgate.clock import SystemClock
from reelgate.domain.catalog import Model
from reelgate.domain.fields import (
    EDIT_VIDEO,
    EXTEND_VIDEO,
    FIRST_FRAME,
    LAST_FRAME,
    PAYMENT,
    PROMPT,
    REFERENCES,
    SHAPE,
    Source,
)
from reelgate.domain.price import Unit
from reelgate.net.client import HttpClient
from reelgate.providers.api import ApiProvider
from reelgate.providers.base import NO_PICTURES, Provider, can_reconcile, keeps_characters
from reelgate.providers.registry import PROVIDERS

PAGE = Path(__file__).resolve().parent.parent / "docs" / "providers.md"
BEGIN = "<!-- providers: written by `make docs` -->"
END = "<!-- end of providers -->"
PUSH_URL = "https://gateway.example/push"
FEATURES = (
    "| provider | key | models | stops a job | tells of its end by itself | finds a lost submit"
    " | makes of other videos | files want the key | seconds between polls |\n"
    "|---|---|---|---|---|---|---|---|---|"
)
MODELS = (
    "| model | ratios | seconds | resolutions | made from | other fields | price |\n"
    "|---|---|---|---|---|---|---|"
)
PICTURES = {
    FIRST_FRAME.name: "first frame",
    LAST_FRAME.name: "last frame",
    REFERENCES.name: "references",
}
CHANGES = {EDIT_VIDEO.name: "edits", EXTEND_VIDEO.name: "extensions"}
MOST_LISTED = 6


def providers() -> Iterator[tuple[str, Provider]]:
    """Each registered provider under its own name, as it would be at work."""
    for name, known in PROVIDERS.items():
        yield (
            name,
            known.build_stand_in(
                HttpClient(),
                SystemClock(),
                sandbox_url="http://127.0.0.1",
                speed=1.0,
                name=name,
                public_asset_url=None,
                settings=None,
            ),
        )


def features(name: str, provider: Provider) -> str:
    """What one provider can, as a line of the table."""
    known = PROVIDERS[name].settings
    takes_more = "more_models" in known.model_fields
    count = f"{len(provider.models)}, and any by its name" if takes_more else len(provider.models)
    cells = (
        f"`{name}`",
        f"`{known.credential}`",
        count,
        yes(cancels(provider)),
        yes(pushes(provider)),
        yes(can_reconcile(provider)),
        changes(provider),
        yes(isinstance(provider, ApiProvider) and provider.key_opens_files),
        f"{provider.min_poll_gap_s:g}" if provider.min_poll_gap_s else "",
    )
    return f"| {' | '.join(map(str, cells))} |"


def changes(provider: Provider) -> str:
    """What it makes of a video, and of which."""
    rows = {name: row for model in provider.models for name, row in model.rows.items()}
    told = [
        f"{what}{' of its own' if rows[name].sources == (Source.OWN,) else ''}"
        for name, what in CHANGES.items()
        if name in rows
    ]
    return ", ".join(told + ["characters"] * keeps_characters(provider))


def cancels(provider: Provider) -> bool:
    """Whether it asks the upstream to stop."""
    return (
        isinstance(provider, ApiProvider)
        and type(provider).cancel_call is not ApiProvider.cancel_call
    )


def pushes(provider: Provider) -> bool:
    """Whether a submit tells the upstream where it may push."""
    if not isinstance(provider, ApiProvider):
        return False
    request = provider.models[0].sample()
    call = provider.submit_call(request, marker="", pictures=NO_PICTURES, push_url=PUSH_URL)
    return PUSH_URL in repr(call)


def model_line(model: Model) -> str:
    """One model as a line of its provider's table."""
    in_columns = {*PICTURES, *CHANGES, *(row.name for row in (PROMPT, *SHAPE, *PAYMENT))}
    made_from = [told for name, told in PICTURES.items() if name in model.rows]
    others = [
        f"`{name}`"
        for name, row in model.rows.items()
        if row.is_settable and name not in in_columns
    ]
    cells = (
        f"`{model.id}`",
        listed(model, "aspect_ratio"),
        listed(model, "duration"),
        listed(model, "resolution"),
        ", ".join(made_from),
        ", ".join(others),
        price(model),
    )
    return f"| {' | '.join(cells)} |"


def listed(model: Model, name: str) -> str:
    """A field's values, the default first; any where nobody knows which there are."""
    row = model.rows.get(name)
    if row is None or not row.is_settable:
        return ""
    if row.allowed is None:
        return "any"
    values = [row.default, *(each for each in row.allowed if each != row.default)]
    shown = ", ".join(map(str, values[:MOST_LISTED]))
    return shown if len(values) <= MOST_LISTED else f"{shown}, ..."


def price(model: Model) -> str:
    """What a model's videos cost, the row that holds for most requests last."""
    if model.price is None:
        return ""
    sign, unit = ("$", "") if model.price.unit is Unit.USD else ("", " credits")
    rates = [
        f"{sign}{rate.amount}{unit} a {rate.per.value}{''.join(map(condition, rate.when.items()))}"
        for rate in model.price.rates
    ]
    return f"{'; '.join(rates)} ({model.price.certainty})"


def condition(said: tuple[str, object]) -> str:
    """What a request must say for a price to hold."""
    name, value = said
    return f", {name} {json.dumps(value)}".replace('"', "")


def yes(value: object) -> str:
    """A truth as a cell."""
    return "yes" if value else ""


def tables() -> str:
    """The features of all providers, then each one's models."""
    built = list(providers())
    parts = [FEATURES, *(features(name, provider) for name, provider in built)]
    for name, provider in built:
        title = PROVIDERS[name].settings.title
        parts += [f"\n## {title}\n\n{MODELS}", *map(model_line, provider.models)]
    return "\n".join(parts)


def page(old: str) -> str:
    """The page with the tables put between its two marks."""
    before, _, rest = old.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
