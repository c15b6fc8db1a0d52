"""What vector stores are made, filled and searched with, as OpenAI documents it; and what is told
of them. Pure.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from voice.gateway.errors import ApiError
from voice.search.chunking import FEWEST_TOKENS, MOST_TOKENS
from voice.search.records import (
    Attributes,
    ChunkingRules,
    Document,
    FileBatch,
    Passage,
    VectorStore,
    plain,
)
from voice.search.searcher import Ranking
from voice.search.store import Totals

STATUSES = ("in_progress", "completed", "failed", "cancelled")
MOST_FILES_OF_STORE = 500
MOST_FILES_OF_BATCH = 2000


class _Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class StoreExpiry(_Request, frozen=True):
    anchor: Literal["last_active_at"]
    days: Annotated[int, Meta(ge=1, le=365)]


class AutoChunking(_Request, frozen=True, tag="auto"):
    pass


class StaticRules(_Request, frozen=True):
    max_chunk_size_tokens: Annotated[int, Meta(ge=FEWEST_TOKENS, le=MOST_TOKENS)]
    chunk_overlap_tokens: Annotated[int, Meta(ge=0)]


class StaticChunking(_Request, frozen=True, tag="static"):
    static: StaticRules


Chunking = AutoChunking | StaticChunking
Name = Annotated[str, Meta(max_length=256)]


class StoreRequest(_Request, frozen=True):
    name: Name | None = None
    description: Annotated[str, Meta(max_length=512)] | None = None
    file_ids: Annotated[tuple[str, ...], Meta(max_length=MOST_FILES_OF_STORE)] = ()
    chunking_strategy: Chunking | None = None
    expires_after: StoreExpiry | None = None
    metadata: dict[str, str] | None = None


class StoreUpdate(_Request, frozen=True):
    """What is not set stays as it is; null takes it away."""

    name: Name | msgspec.UnsetType | None = msgspec.UNSET
    expires_after: StoreExpiry | msgspec.UnsetType | None = msgspec.UNSET
    metadata: dict[str, str] | msgspec.UnsetType | None = msgspec.UNSET


class StoreFileRequest(_Request, frozen=True):
    file_id: str
    attributes: Attributes | None = None
    chunking_strategy: Chunking | None = None


class StoreFileUpdate(_Request, frozen=True):
    attributes: Attributes | None


class BatchRequest(_Request, frozen=True):
    file_ids: Annotated[tuple[str, ...], Meta(max_length=MOST_FILES_OF_BATCH)] = ()
    files: Annotated[tuple[StoreFileRequest, ...], Meta(max_length=MOST_FILES_OF_BATCH)] = ()
    attributes: Attributes | None = None
    chunking_strategy: Chunking | None = None

    def each(self) -> tuple[StoreFileRequest, ...]:
        """One request a file. Raises `ApiError` where both or neither kind of list was sent."""
        if bool(self.file_ids) == bool(self.files):
            raise ApiError(
                "Send either 'file_ids' or 'files', with one file at least.",
                code="invalid_value",
                param="file_ids",
            )
        return self.files or tuple(
            StoreFileRequest(
                file_id=file_id,
                attributes=self.attributes,
                chunking_strategy=self.chunking_strategy,
            )
            for file_id in self.file_ids
        )


Weight = Annotated[float, Meta(ge=0, le=1e6)]


class HybridWeights(_Request, frozen=True):
    embedding_weight: Weight = 1.0
    text_weight: Weight = 1.0


class RankingOptions(_Request, frozen=True):
    ranker: Literal["none", "auto", "default-2024-08-21", "default-2024-11-15"] = "auto"
    score_threshold: Annotated[float, Meta(ge=0, le=1)] = 0.0
    hybrid_search: HybridWeights = HybridWeights()


Queries = Annotated[str, Meta(min_length=1, max_length=4096)]


class StoreSearchRequest(_Request, frozen=True):
    query: Queries | Annotated[tuple[Queries, ...], Meta(min_length=1, max_length=16)]
    filters: dict[str, Any] | None = None
    max_num_results: Annotated[int, Meta(ge=1, le=50)] = 10
    ranking_options: RankingOptions = RankingOptions()
    rewrite_query: bool = False

    @property
    def queries(self) -> tuple[str, ...]:
        return (self.query,) if isinstance(self.query, str) else self.query


def rules_of(chunking: Chunking | None) -> ChunkingRules:
    """Raises `ApiError` for an overlap of more than half a chunk."""
    if not isinstance(chunking, StaticChunking):
        return ChunkingRules()
    rules = chunking.static
    if rules.chunk_overlap_tokens > rules.max_chunk_size_tokens // 2:
        raise ApiError(
            f"'chunk_overlap_tokens' must be at most half of 'max_chunk_size_tokens': "
            f"{rules.max_chunk_size_tokens // 2}, not {rules.chunk_overlap_tokens}.",
            code="invalid_value",
            param="chunking_strategy.static.chunk_overlap_tokens",
        )
    return ChunkingRules(
        max_tokens=rules.max_chunk_size_tokens, overlap_tokens=rules.chunk_overlap_tokens
    )


def ranking_of(options: RankingOptions) -> Ranking:
    """Raises `ApiError` for weights that leave nothing to be searched by."""
    weights = options.hybrid_search
    if not weights.text_weight and not weights.embedding_weight:
        raise ApiError(
            "One of 'text_weight' and 'embedding_weight' must be above 0.",
            code="invalid_value",
            param="ranking_options.hybrid_search",
        )
    return Ranking(
        keyword_weight=weights.text_weight,
        vector_weight=weights.embedding_weight,
        score_threshold=options.score_threshold,
        rerank=options.ranker != "none",
    )


# ---------------------------------------------------------------- what is told


def described_store(store: VectorStore, totals: Totals, now: float) -> dict[str, object]:
    expiry = store.expires_after_days
    expires_at = store.expires_at
    is_expired = expires_at is not None and expires_at <= now
    busy = "in_progress" if totals.documents.get("in_progress") else "completed"
    return {
        "id": store.id,
        "object": "vector_store",
        "created_at": store.created_at,
        "name": store.name,
        "description": store.description or None,
        "usage_bytes": totals.bytes,
        "file_counts": file_counts(totals.documents),
        "status": "expired" if is_expired else busy,
        "expires_after": expiry and {"anchor": "last_active_at", "days": expiry},
        "expires_at": expires_at,
        "last_active_at": store.last_active_at,
        "metadata": store.metadata,
    }


def file_counts(documents: Any) -> dict[str, int]:
    counts = {status: documents.get(status, 0) for status in STATUSES}
    return counts | {"total": sum(counts.values())}


def described_document(document: Document) -> dict[str, object]:
    rules = document.rules
    return {
        "id": document.id,
        "object": "vector_store.file",
        "created_at": document.created_at,
        "vector_store_id": document.store_id,
        "status": document.status,
        "last_error": msgspec.to_builtins(document.failure),
        "usage_bytes": document.bytes,
        "attributes": plain(document.attributes),
        "chunking_strategy": {
            "type": "static",
            "static": {
                "max_chunk_size_tokens": rules.max_tokens,
                "chunk_overlap_tokens": rules.overlap_tokens,
            },
        },
    }


def described_batch(batch: FileBatch, counts: Any) -> dict[str, object]:
    told = file_counts(counts)
    status = "in_progress" if told["in_progress"] else "completed"
    if told["total"] and told["failed"] == told["total"]:
        status = "failed"
    return {
        "id": batch.id,
        "object": "vector_store.files_batch",
        "created_at": batch.created_at,
        "vector_store_id": batch.store_id,
        "status": "cancelled" if batch.cancelled else status,
        "file_counts": told,
    }


def described_passage(passage: Passage) -> dict[str, object]:
    document = passage.document
    return {
        "file_id": document.id,
        "filename": document.name,
        "score": round(passage.score, 6),
        "attributes": plain(document.attributes),
        "content": [{"type": "text", "text": passage.chunk.text}],
    }
