import json
from contextlib import asynccontextmanager

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from voice.app import build_app
from voice.bench.engines import FakeEngines
from voice.config import AuthSettings, Settings
from voice.http.openapi import document
from voice.server import Server


@asynccontextmanager
async def serving(settings: Settings):
    server = Server(settings, FakeEngines(0).open)
    async with AsyncTestClient(build_app(settings, server)) as client:
        yield client


async def test_the_page_asks_no_other_host_and_needs_no_key():
    settings = Settings(auth=AuthSettings(api_keys=("secret",)))
    async with serving(settings) as client:
        for path in ("/docs", "/swagger-ui"):
            page = await client.get(path)
            assert page.status_code == 200
            assert "http" not in page.text.replace("<!doctype html>", "").replace(
                "HTTP reference", ""
            )
            assert "'self'" in page.headers["content-security-policy"]
        for asset in ("swagger-ui-bundle.js", "swagger-ui.css", "start.js"):
            assert (await client.get(f"/docs/{asset}")).status_code == 200
        assert (await client.get("/openapi.json")).json()["openapi"] == "3.1.0"
        assert (await client.get("/v1/models")).status_code == 401
        assert (await client.get("/docs/__init__.py")).status_code == 404


def test_every_reference_of_the_document_leads_somewhere():
    described = json.loads(document())
    names = described["components"]["schemas"]
    found = json.dumps(described).split("#/components/schemas/")[1:]
    assert found
    assert {each.partition('"')[0] for each in found} <= set(names)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/audio/transcriptions"])
def test_a_request_is_described_field_by_field(path):
    described = json.loads(document())
    (content,) = described["paths"][path]["post"]["requestBody"]["content"].values()
    name = content["schema"]["$ref"].rpartition("/")[2]
    assert {"model"} < set(described["components"]["schemas"][name]["properties"])


def test_what_is_taken_without_effect_says_so():
    schemas = json.loads(document())["components"]["schemas"]
    fields = schemas["ChatRequest"]["properties"]
    for name in ("store", "metadata", "user", "service_tier", "prompt_cache_key"):
        assert "Accepted" in json.dumps(fields[name]), name
    assert "Accepted" in schemas["Prediction"]["description"]


def test_each_way_to_show_a_key_is_described_and_probes_need_none():
    described = json.loads(document())
    schemes = described["components"]["securitySchemes"]
    assert {scheme.get("name", scheme.get("scheme")) for scheme in schemes.values()} == {
        "bearer",
        "api-key",
    }
    assert {name for each in described["security"] for name in each} == set(schemes)
    assert described["paths"]["/health"]["get"]["security"] == []
    assert "security" not in described["paths"]["/v1/models"]["get"]


def test_every_endpoint_of_the_document_is_there_and_none_is_missing():
    litestar = build_app(Settings())
    while not isinstance(litestar, Litestar):
        litestar = litestar._app
    served = {
        (method.lower(), route.path_format)
        for route in litestar.routes
        for method in getattr(route, "methods", ())
        if method != "OPTIONS"
    }
    described = {
        (method, path)
        for path, methods in json.loads(document())["paths"].items()
        for method in methods
    }
    hidden = {
        "/docs",
        "/swagger-ui",
        "/openapi.json",
        "/docs/{name}",
        "/",
        "/check",
        "/web/{name}",
    }
    hidden |= {f"/v1/realtime/calls/{{call_id}}/{what}" for what in ("accept", "reject", "refer")}
    aliases = ("/realtime/", "/openai/")
    shown = {each for each in served if not each[1].startswith(aliases)}
    assert {each for each in shown if each[1] not in hidden} == described
