"""A folder of documents that a server indexes when it starts, and follows while it runs."""

import asyncio
from pathlib import Path

import structlog

from voice.config import SearchSettings
from voice.engines.protocols import EngineError
from voice.search.errors import SearchError
from voice.search.indexer import Indexer
from voice.search.library import Library
from voice.search.outcome import Event, Finished, Report
from voice.search.prepared import Reading
from voice.search.reading import ReadingProcess
from voice.search.records import ChunkingRules
from voice.search.watch import RETRY_S, follow

log = structlog.get_logger()


async def keep_indexed(library: Library, folder: Path, settings: SearchSettings) -> None:
    """Work until cancelled; what goes wrong is logged, and tried again."""
    async with ReadingProcess() as reading:
        indexer = indexer_of(settings, library, reading, _report)

        async def index() -> None:
            summary = await indexer.index([folder])
            if done := summary.added + summary.changed + summary.moved + summary.removed:
                log.info("documents indexed", folder=str(folder), documents=done)

        while True:
            try:
                await follow([folder], index, _warn)
            except (SearchError, EngineError) as error:
                _warn(str(error))
            await asyncio.sleep(RETRY_S)


def indexer_of(
    settings: SearchSettings, library: Library, reading: Reading, report: Report
) -> Indexer:
    """An indexer by the user's settings."""
    rules = ChunkingRules(max_tokens=settings.chunk_tokens, overlap_tokens=settings.overlap_tokens)
    return Indexer(library, reading, rules, int(settings.max_file_mb * 2**20), report)


def _report(event: Event) -> None:
    if isinstance(event, Finished) and event.fate == "failed":
        log.warning("a document cannot be read", path=event.path, reason=event.remarks[0])


def _warn(trouble: str) -> None:
    log.warning("documents are not followed now", reason=trouble)
