"""`/v1/files`: what is uploaded to be searched, or to be kept."""

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.datastructures import State
from litestar.params import FromPath
from litestar.response import File as FileResponse
from msgspec import Meta

from voice.gateway.errors import ApiError
from voice.http.form import check_known, read_form
from voice.http.knowledge import (
    file_of,
    library_of,
    list_body,
    not_found,
    page_query,
)
from voice.search.records import File

MOST_FILES = 10_000
"""Of one list, which is also how many it has if nobody says."""
Purpose = Literal["assistants", "batch", "fine-tune", "vision", "user_data", "evals"]
BATCH_EXPIRES_S = 30 * 86_400


class FileExpiry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    anchor: Literal["created_at"]
    seconds: Annotated[int, Meta(ge=3600, le=2_592_000)]


class FileRequest(msgspec.Struct, frozen=True, kw_only=True):
    purpose: Purpose
    expires_after: FileExpiry | None = None


@post("/v1/files", status_code=200, request_max_body_size=None)
async def create_file(request: Request[Any, Any, Any], state: State) -> dict[str, object]:
    """Keep a file."""
    library = await library_of(state)
    most_bytes = round(state.server.settings.search.max_file_mb * 2**20)
    asked, fields, upload = await read_form(request, FileRequest, max_file_bytes=most_bytes)
    with upload.file:
        check_known(fields, FileRequest)
        if not upload.name:
            raise ApiError("The file has no name; send one with it.", param="file")
        seconds = asked.expires_after.seconds if asked.expires_after else None
        if seconds is None and asked.purpose == "batch":
            seconds = BATCH_EXPIRES_S
        return described(await library.add_file(upload.name, asked.purpose, upload.file, seconds))


@get("/v1/files")
async def list_files(request: Request[Any, Any, Any], state: State) -> dict[str, object]:
    """The files, the newest first."""
    library = await library_of(state)
    purpose = request.query_params.get("purpose")

    async def describe(file: File) -> dict[str, object]:
        return described(file)

    return await list_body(
        page_query(request, MOST_FILES),
        MOST_FILES,
        lambda page: library.files(page, purpose),
        describe,
    )


@get("/v1/files/{file_id:str}")
async def show_file(state: State, file_id: FromPath[str]) -> dict[str, object]:
    """What is known of a file."""
    return described(await file_of(state, file_id))


@get("/v1/files/{file_id:str}/content")
async def file_content(state: State, file_id: FromPath[str]) -> FileResponse:
    """The bytes of a file, as they were uploaded."""
    file = await file_of(state, file_id)
    path = (await library_of(state)).file_path(file_id)
    if not path.is_file():
        raise ApiError(
            f"The bytes of the file '{file_id}' are not on this server.",
            status=404,
            kind="not_found_error",
            code="not_found",
            param="file_id",
        )
    return FileResponse(
        path,
        filename=file.filename,
        media_type="application/octet-stream",
    )


@delete("/v1/files/{file_id:str}", status_code=200)
async def delete_file(state: State, file_id: FromPath[str]) -> Response[dict[str, object]]:
    """Delete a file, and take it out of all vector stores."""
    if not await (await library_of(state)).delete_file(file_id):
        raise not_found("file", file_id, "file_id")
    return Response({"id": file_id, "object": "file", "deleted": True})


def described(file: File) -> dict[str, object]:
    """A file as OpenAI's clients know it."""
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.bytes,
        "created_at": file.created_at,
        "expires_at": file.expires_at,
        "filename": file.filename,
        "purpose": file.purpose,
        "status": "processed",
        "status_details": None,
    }
