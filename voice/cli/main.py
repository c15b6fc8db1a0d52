"""The `voice` command; subcommands are imported when they are used, so that `--help` is fast."""

import importlib

import click

from voice import __version__

COMMANDS = {
    "serve": "Run the server.",
    "demo": "Hear and read a spoken conversation, held by the server with itself.",
    "ask": "Ask spoken questions from recordings and hear the answers.",
    "chat": "Chat with a model in text.",
    "speak": "Speak a text into a file.",
    "transcribe": "Write down what is said in recordings.",
    "index": "Make folders of documents searchable.",
    "search": "Find passages in indexed documents.",
    "pull": "Download models.",
    "models": "List the models that are here.",
    "doctor": "Say what is installed, what is missing, and how to add it.",
    "bench": "Measure latency, CPU and memory.",
}


class _LazyGroup(click.Group):
    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"voice.cli.{name}")
        command: click.Command = getattr(module, name)
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="voice")
def main() -> None:
    """A voice assistant server that the stock OpenAI clients use unchanged.

    \b
    Try it:       voice demo
    Run it:       voice serve
    Check it:     voice doctor
    """  # noqa: D301 - click wants the character itself
