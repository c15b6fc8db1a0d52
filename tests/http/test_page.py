from contextlib import asynccontextmanager

import pytest
from litestar.testing import AsyncTestClient

from voice.app import build_app
from voice.bench.engines import FakeEngines
from voice.bundled import web_path
from voice.config import AuthSettings, Settings
from voice.http.page import TYPES
from voice.server import Server


@asynccontextmanager
async def serving(*keys):
    settings = Settings(auth=AuthSettings(api_keys=keys))
    server = Server(settings, FakeEngines(0).open)
    async with AsyncTestClient(build_app(settings, server)) as client:
        yield client


async def test_the_page_comes_without_a_key_and_the_rest_does_not():
    async with serving("secret") as client:
        assert "Inferno Voice" in (await client.get("/")).text
        assert (await client.get("/web/style.css")).status_code == 200
        assert (await client.get("/v1/models")).status_code == 401


async def test_the_policy_allows_this_host_alone_and_nothing_inline():
    # A server without keys answers to no stranger's name.
    async with serving("secret") as client:
        page = await client.get("/", headers={"host": "talk.example:8443"})
    policy = page.headers["content-security-policy"]
    assert "connect-src 'self' ws://talk.example:8443 wss://talk.example:8443;" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["x-content-type-options"] == "nosniff"


async def test_a_host_that_is_none_adds_nothing_to_the_policy():
    # A server without keys answers to no stranger's name.
    async with serving("secret") as client:
        page = await client.get("/", headers={"host": "a;script-src"})
    assert "connect-src 'self';" in page.headers["content-security-policy"]


async def test_a_file_that_the_browser_has_is_not_sent_again():
    async with serving("secret") as client:
        first = await client.get("/web/style.css")
        again = await client.get("/web/style.css", headers={"if-none-match": first.headers["etag"]})
        other = await client.get("/web/style.css", headers={"if-none-match": 'W/"other"'})
    assert first.headers["cache-control"] == "no-cache"
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert (other.status_code, other.content) == (200, first.content)


async def test_every_file_of_the_page_is_served_as_what_it_is():
    files = [path for path in web_path().rglob("*") if path.is_file()]
    assert files
    async with serving("secret") as client:
        for path in files:
            answer = await client.get(f"/web/{path.relative_to(web_path()).as_posix()}")
            assert answer.headers["content-type"].partition(";")[0] == TYPES[path.suffix], path
            assert answer.content == path.read_bytes()


@pytest.mark.parametrize(
    "path",
    [
        "/web/../pyproject.toml",
        "/web/..%2fpyproject.toml",
        "/web/%2e%2e/README.md",
        "/web/..%2f..%2fetc/passwd",
        "/web//etc/passwd",
        "/web/style.css%00.css",
        "/web/" + "a" * 5000 + ".css",
        "/web/no-such.js",
        "/web/",
    ],
)
async def test_nothing_but_files_of_the_page_is_served(path):
    async with serving() as client:
        assert (await client.get(path)).status_code == 404
