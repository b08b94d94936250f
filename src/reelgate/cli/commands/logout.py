"""`reelgate logout`: forget a provider's credential."""

from collections.abc import Callable

import typer

from reelgate.cli.app import command_app
from reelgate.cli.config import load_settings
from reelgate.cli.console import say
from reelgate.cli.database import in_database
from reelgate.clock import SystemClock
from reelgate.net.client import HttpClient
from reelgate.providers.registered import Registered
from reelgate.providers.registry import sign_ins
from reelgate.runtime.signin import kept_credentials, sign_in_at

app = command_app()

HELP = "Forget {title}'s. Videos on their way are still looked for where no token is needed."


@app.callback()
def logout() -> None:
    """Forget a provider's credential, and the organisation and folder chosen for it."""


def command_for(name: str, known: Registered) -> Callable[[], None]:
    """The command for one provider."""
    title = known.settings.title

    def sign_out_there() -> None:
        settings = load_settings()
        was_kept = in_database(lambda database: kept_credentials(settings, database).remove(name))
        if was_kept:
            say(f"Signed out of {title}: the credential is no longer kept.")
            say(f"{title} itself still lists Reelgate as signed in until you end that there.")
        else:
            say(f"Nobody was signed in at {title}.")
        sign_in = sign_in_at(name, known, settings, HttpClient(), SystemClock())
        if sign_in.in_settings:
            say(f"{sign_in.in_settings} is set, and is what the gateway uses now.", "yellow")

    return sign_out_there


def add_commands(group: typer.Typer) -> None:
    """A command for each provider at which people sign in."""
    for name, known in sign_ins().items():
        group.command(name, help=HELP.format(title=known.settings.title))(command_for(name, known))


add_commands(app)
