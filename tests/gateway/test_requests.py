import pytest
from litestar import Litestar, Request, get, post
from litestar.exceptions import HTTPException, PermissionDeniedException
from litestar.params import FromPath
from litestar.testing import AsyncTestClient

from voice.engines.protocols import EngineError
from voice.gateway.errors import ApiError
from voice.gateway.requests import RequestIds, answer_error

FAILURES = {
    "api": ApiError(
        "Too hot.", code="invalid_value", param="temperature", headers={"retry-after": "3"}
    ),
    "engine": EngineError("The worker died."),
    "bug": ZeroDivisionError("secret"),
    "denied": PermissionDeniedException("Not you."),
}


@get("/fail/{how:str}")
async def fail(how: FromPath[str]) -> None:
    raise FAILURES[how]


@post("/small", request_max_body_size=2**20)
async def small(request: Request) -> None:
    await request.body()


@pytest.fixture
async def client():
    app = Litestar(
        [fail, small],
        exception_handlers={Exception: answer_error, HTTPException: answer_error},
        openapi_config=None,
        logging_config=None,
    )
    async with AsyncTestClient(RequestIds(app)) as client:
        yield client


@pytest.mark.parametrize(
    ("how", "status", "kind", "code"),
    [
        ("api", 400, "invalid_request_error", "invalid_value"),
        ("engine", 503, "server_error", None),
        ("bug", 500, "server_error", None),
        ("denied", 403, "permission_error", None),
    ],
)
async def test_whatever_is_raised_the_shape_is_one(client, how, status, kind, code):
    response = await client.get(f"/fail/{how}")
    error = response.json()["error"]
    assert response.status_code == status
    assert error.keys() == {"message", "type", "param", "code"}
    assert (error["type"], error["code"]) == (kind, code)
    assert "secret" not in error["message"]


async def test_an_error_keeps_its_headers_and_its_param(client):
    response = await client.get("/fail/api")
    assert response.headers["retry-after"] == "3"
    assert response.json()["error"]["param"] == "temperature"


async def test_an_unknown_path_and_a_wrong_method_are_named(client):
    missing = await client.get("/nowhere")
    assert (missing.status_code, missing.json()["error"]["type"]) == (404, "not_found_error")
    assert "/nowhere; GET /docs shows" in missing.json()["error"]["message"]
    near = await client.get("/smal")
    assert "did you mean /small?" in near.json()["error"]["message"]
    wrong = await client.get("/small")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "method_not_allowed")
    assert "POST" in wrong.json()["error"]["message"]


async def test_a_body_that_is_too_large_gets_413(client):
    response = await client.post("/small", content=b"x" * (2**20 + 1))
    assert response.status_code == 413
    error = response.json()["error"]
    assert error["code"] == "request_too_large"
    assert "1 MiB" in error["message"]


async def test_every_answer_has_an_id_and_a_client_may_bring_its_own(client):
    first, second = [await client.get("/nowhere") for _ in "ab"]
    assert first.headers["x-request-id"].startswith("req_")
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    given = await client.get("/nowhere", headers={"x-request-id": "mine-1"})
    assert given.headers["x-request-id"] == "mine-1"
    strange = await client.get("/nowhere", headers={"x-request-id": "a b\tc"})
    assert strange.headers["x-request-id"].startswith("req_")
