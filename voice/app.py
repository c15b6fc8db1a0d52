"""Builds the application: all doors of a server as one ASGI callable."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp

from voice.config import Settings
from voice.gateway.compression import Compression
from voice.gateway.cors import Cors
from voice.gateway.handshakes import Handshakes
from voice.gateway.keys import KeyGuard
from voice.gateway.origins import origin_policy
from voice.gateway.requests import RequestIds, answer_error
from voice.http.calls import batch_chat_completions, chat_completions, completions
from voice.http.client_secrets import client_secrets
from voice.http.docs import docs_asset, docs_page, openapi_document
from voice.http.embeddings import embeddings
from voice.http.files import create_file, delete_file, file_content, list_files, show_file
from voice.http.health import health, live, ready
from voice.http.models import list_models, show_model
from voice.http.page import page, page_file
from voice.http.realtime import realtime
from voice.http.rerank import rerank
from voice.http.rtc_calls import create_call, delete_call, hang_up, telephone
from voice.http.search import search
from voice.http.simple import chat, chat_stream, generate, generate_stream, list_llms
from voice.http.speech import speech
from voice.http.store_files import (
    attach_file,
    cancel_batch,
    create_batch,
    detach_file,
    list_batch_files,
    list_store_files,
    show_batch,
    show_store_file,
    store_file_content,
    update_store_file,
)
from voice.http.token_stream import token_stream
from voice.http.transcriptions import transcriptions, translations
from voice.http.vector_stores import (
    create_store,
    delete_store,
    list_stores,
    search_store,
    show_store,
    update_store,
)
from voice.http.voices import list_voices
from voice.http.ws_stream import ws_stream
from voice.server import Server


def build_app(
    settings: Settings, server: Server | None = None, closing: asyncio.Event | None = None
) -> ASGIApp:
    """The application for these settings; its engines live as long as its lifespan.

    Answers that are under way when `closing` is set end then, and say why.
    """
    server = server or Server(settings)

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        async with server.running():
            yield

    app = Litestar(
        route_handlers=[
            realtime,
            client_secrets,
            create_call,
            hang_up,
            delete_call,
            telephone,
            health,
            live,
            ready,
            list_models,
            show_model,
            chat_completions,
            completions,
            batch_chat_completions,
            embeddings,
            speech,
            list_voices,
            transcriptions,
            translations,
            generate,
            generate_stream,
            chat,
            chat_stream,
            list_llms,
            token_stream,
            ws_stream,
            create_file,
            list_files,
            show_file,
            file_content,
            delete_file,
            create_store,
            list_stores,
            show_store,
            update_store,
            delete_store,
            search_store,
            search,
            rerank,
            attach_file,
            list_store_files,
            show_store_file,
            update_store_file,
            detach_file,
            store_file_content,
            create_batch,
            show_batch,
            cancel_batch,
            list_batch_files,
            openapi_document,
            docs_page,
            docs_asset,
            page,
            page_file,
        ],
        state=State({"server": server, "router": server.router, "closing": closing}),
        lifespan=[lifespan],
        exception_handlers={Exception: answer_error, HTTPException: answer_error},
        openapi_config=None,
        logging_config=None,
    )
    keys = [key.get_secret_value() for key in settings.auth.api_keys]
    pages = origin_policy(
        settings.cors_allowed_origins, has_keys=bool(keys), listens_on=settings.server.host
    )
    return RequestIds(Cors(Compression(KeyGuard(Handshakes(app), keys, server.secrets)), pages))
