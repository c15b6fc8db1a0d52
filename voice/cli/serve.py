"""`voice serve`."""

import asyncio
from urllib.parse import urlsplit

import click

from voice.cli.hosting import Hosted, hosting
from voice.cli.loop import run
from voice.cli.settings import settings_or_exit
from voice.cli.tls import Tls, announce, tls_of
from voice.config import Settings
from voice.gateway.origins import is_loopback
from voice.observe.logs import set_up_logs


@click.command()
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port; 0 takes a free one.  [default: 8000]"
)
@click.option("--insecure", is_flag=True, help="Listen on other than loopback without API keys.")
@click.option(
    "--tls-self-signed",
    is_flag=True,
    help="Speak HTTPS, with a certificate of its own making.",
)
@click.option("--stt", help="Speech-to-text, such as sphinx or whisper:small.")
@click.option("--llm", help="Language model, such as reader, llama:FILE.gguf or openai:MODEL.")
@click.option("--tts", help="Text-to-speech, such as espeak or kokoro.")
@click.option("--embed", help="Embeddings, such as minilm, openai:MODEL or none.")
@click.option("--documents", help="Folder to index, follow and answer from.")
def serve(
    host: str | None,
    port: int | None,
    insecure: bool,
    tls_self_signed: bool,
    stt: str | None,
    llm: str | None,
    tts: str | None,
    embed: str | None,
    documents: str | None,
) -> None:
    """Run the server until Ctrl-C.

    Every option can be set in the environment or in a .env file as well: SERVER__HOST,
    SERVER__PORT, ENGINES__STT, ENGINES__LLM, ENGINES__TTS, ENGINES__EMBED, DOCUMENTS, AUTH__API_KEYS.
    """
    settings = settings_or_exit(
        server__host=host, server__port=port, engines__stt=stt, engines__llm=llm,
        engines__tts=tts, engines__embed=embed, documents=documents,
    )  # fmt: skip
    _check_exposure(settings, insecure=insecure)
    _check_documents(settings)
    tls = tls_of(settings, make=tls_self_signed)
    set_up_logs(settings.server.log_level, settings.log_format, settings.service_name)
    run(_serve(settings, tls))


def own_key(settings: Settings) -> str | None:
    """A key that this server takes, for a command that calls it."""
    return settings.auth.api_keys[0].get_secret_value() if settings.auth.api_keys else None


def _check_exposure(settings: Settings, *, insecure: bool) -> None:
    if insecure or settings.auth.api_keys or is_loopback(settings.server.host):
        return
    raise click.ClickException(
        f"without API keys the server listens on loopback only, not on {settings.server.host}: "
        "set AUTH__API_KEYS='[\"a-secret\"]', or give --insecure to let everybody in"
    )


def _check_documents(settings: Settings) -> None:
    folder = settings.documents
    if folder is not None and not folder.is_dir():
        what = "is no folder" if folder.exists() else "does not exist"
        raise click.ClickException(f"{folder} {what}: --documents names a folder of documents")


async def _serve(settings: Settings, tls: Tls | None) -> None:
    async with hosting(settings, warm=False, tls=tls) as hosted:
        click.echo(f"Listening on {hosted.url}  (Ctrl-C stops)", err=True)
        if tls is not None:
            announce(tls, settings.server.host, urlsplit(hosted.url).port or 443)
        await _say_when_ready(hosted)
        await hosted.until_stopped()


async def _say_when_ready(hosted: Hosted) -> None:
    async with asyncio.TaskGroup() as group:
        warm = group.create_task(hosted.server.until_warm())
        stopped = group.create_task(hosted.stopping.wait())
        await asyncio.wait([warm, stopped], return_when=asyncio.FIRST_COMPLETED)
        for task in (warm, stopped):
            task.cancel()
    if hosted.server.engines is not None:
        click.echo(f"Ready: ws{hosted.url[4:]}/v1/realtime", err=True)
