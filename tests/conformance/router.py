"""A second server, whose models that listen and speak are those of the first."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.conformance.live import KEY, Live
from voice.cli.hosting import hosting
from voice.config import AuthSettings, EngineSettings, ServerSettings, Settings

FILE = """
[providers.first]
kind = "openai"
base_url = "{url}"
api_key = "{key}"

[models.ears]
kind = "transcription"
targets = ["first:whisper-1"]

[models.mouth]
kind = "speech"
targets = ["first:gpt-4o-mini-tts"]
"""

WAYS = ("directly", "through a router")


@asynccontextmanager
async def reached(live: Live, way: str, folder: Path) -> AsyncIterator[str]:
    """Where a client asks a server: at its own address, or at that of one which asks it."""
    if way == "directly":
        yield live.http_url
        return
    path = folder / "models.toml"
    path.write_text(FILE.format(url=live.http_url, key=KEY))
    settings = Settings(
        server=ServerSettings(port=0),
        auth=AuthSettings(api_keys=(KEY,)),
        engines=EngineSettings(stt="ears", llm="fake", tts="mouth", embed="none"),
        models_file=path,
    )
    async with hosting(settings) as hosted:
        yield f"{hosted.url}/v1"
