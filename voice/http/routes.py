"""All doors of the server, by what they are for."""

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

CONVERSATIONS = (
    realtime,
    client_secrets,
    create_call,
    hang_up,
    delete_call,
    telephone,
)

MODELS = (
    list_models,
    show_model,
    chat_completions,
    completions,
    batch_chat_completions,
    embeddings,
    rerank,
)

AUDIO = (
    speech,
    list_voices,
    transcriptions,
    translations,
)

PLAIN = (
    generate,
    generate_stream,
    chat,
    chat_stream,
    list_llms,
    token_stream,
    ws_stream,
)

DOCUMENTS = (
    search,
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
)

ABOUT = (
    health,
    live,
    ready,
    openapi_document,
    docs_page,
    docs_asset,
    page,
    page_file,
)

ROUTES = (*CONVERSATIONS, *MODELS, *AUDIO, *PLAIN, *DOCUMENTS, *ABOUT)
