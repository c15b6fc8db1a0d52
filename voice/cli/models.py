"""`voice models`."""

import click
from rich.console import Console
from rich.table import Table

from voice.cli.pull import shown_size
from voice.cli.settings import settings_or_exit
from voice.config import Settings
from voice.engines.names import ROLES
from voice.engines.protocols import EngineError
from voice.engines.weights import Model, hub_folder, weights_of
from voice.routing.configured import foreseen

USERS = {
    "whisper": "speech-to-text",
    "llama": "language model",
    "kokoro": "text-to-speech",
    "minilm": "embeddings",
}


@click.command()
def models() -> None:
    """List the models that are on this machine; * marks those the server would take now."""
    settings = settings_or_exit()
    found = list(weights_of(settings).models())
    if not found:
        click.echo("No models are here; the embedded engines need none.")
        click.echo("`voice pull --recommended` fetches what this machine runs in real time.")
        return
    taken = _taken(settings)
    console = Console(highlight=False, soft_wrap=True)
    if console.is_terminal:
        console.print(_table(found, taken))
    else:
        for model in found:
            mark = "*" if model.name in taken else "-"
            click.echo(f"{mark}\t{model.name}\t{_use(model)}\t{model.size_bytes}\t{model.path}")
    places = ", ".join(map(str, (hub_folder(settings), settings.local.model_dir)))
    click.echo(f"{shown_size(sum(model.size_bytes for model in found))} in {places}", err=True)


def _taken(settings: Settings) -> set[str]:
    names = set()
    for role in ROLES:
        try:
            names.add(foreseen(settings, role).name)
        except EngineError as error:
            click.echo(f"{ROLES[role]}: {error}", err=True)
    return names


def _use(model: Model) -> str:
    return USERS[model.name.partition(":")[0]]


def _table(found: list[Model], taken: set[str]) -> Table:
    table = Table("", "Model", "Used for", "Size", "Where", box=None)
    for model in found:
        mark = "*" if model.name in taken else ""
        size = shown_size(model.size_bytes)
        table.add_row(mark, model.name, _use(model), size, str(model.path))
    return table
