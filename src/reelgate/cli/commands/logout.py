"""`reelgate logout`: forget a provider's credential."""

from reelgate.cli.app import command_app
from reelgate.cli.config import load_settings
from reelgate.cli.console import say
from reelgate.cli.database import in_database
from reelgate.runtime.signin import ACCOUNT, ImagineSetup, kept_credentials

app = command_app()


@app.callback()
def logout() -> None:
    """Forget a provider's credential, and the organisation and folder chosen for it."""


@app.command()
def imagine() -> None:
    """Forget imagine.art's. Videos on their way are still looked for where no token is needed."""
    settings = load_settings()
    was_kept = in_database(lambda database: kept_credentials(settings, database).remove(ACCOUNT))
    if was_kept:
        say("Signed out of imagine.art: the credential is no longer kept.")
        say("imagine.art itself still lists Reelgate as signed in until you end that there.")
    else:
        say("Nobody was signed in at imagine.art.")
    setup = ImagineSetup.in_(settings)
    if setup.token or setup.refresh_token:
        say("IMAGINE_TOKEN is set, and is what the gateway uses now.", "yellow")
