"""Questions rewritten for a search, by a language model where there is one."""

import asyncio
from collections.abc import Sequence

import structlog

from voice.engines.protocols import EngineError, LanguageModel, Message, Prompt, TextDelta
from voice.server import Server
from voice.streams import closing

log = structlog.get_logger()

LIMIT_S = 5.0
READER = "reader"
"""It writes nothing of its own."""
MOST_TOKENS = 60
INSTRUCTIONS = (
    "Rewrite the question as a short query for a search in documents: its names and its key "
    "words, and nothing else. Answer with the query alone."
)


async def rewritten(server: Server, queries: Sequence[str]) -> tuple[str, ...]:
    """Each question in the words of a search; as it is, where no model has a better one in time."""
    if server.engines is None or server.engines.llm.name == READER:
        return tuple(queries)
    llm = server.engines.llm
    return tuple(await asyncio.gather(*(_rewritten(llm, query) for query in queries)))


async def _rewritten(llm: LanguageModel, query: str) -> str:
    prompt = Prompt(
        messages=(
            Message(role="system", content=INSTRUCTIONS),
            Message(role="user", content=query),
        ),
        max_tokens=MOST_TOKENS,
        temperature=0.0,
    )
    try:
        async with asyncio.timeout(LIMIT_S), closing(llm.generate(prompt)) as pieces:
            words = [piece.text async for piece in pieces if isinstance(piece, TextDelta)]
    except (EngineError, TimeoutError) as error:
        log.warning("a query was not rewritten", reason=str(error) or "it took too long")
        return query
    return "".join(words).strip().strip('"') or query
