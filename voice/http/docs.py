"""The reference of the HTTP endpoints: `/openapi.json`, and a page to read and try it."""

from importlib.resources import files

from litestar import MediaType, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from voice.http.openapi import document

ASSETS = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'"
)
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Inferno Voice: HTTP reference</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
"""
START = 'SwaggerUIBundle({url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true});\n'


@get("/openapi.json", sync_to_thread=False)
def openapi_document() -> Response[bytes]:
    return Response(document(), media_type=MediaType.JSON)


@get(["/docs", "/swagger-ui"], sync_to_thread=False)
def docs_page() -> Response[str]:
    """The reference as Swagger UI, which comes with the server and needs no other host."""
    headers = {"content-security-policy": POLICY}
    return Response(PAGE, media_type=MediaType.HTML, headers=headers)


@get("/docs/{name:str}", sync_to_thread=False)
def docs_asset(name: FromPath[str]) -> Response[bytes]:
    headers = {"cache-control": "public, max-age=86400"}
    if name == "start.js":
        return Response(START.encode(), media_type="text/javascript", headers=headers)
    if name not in ASSETS:
        raise NotFoundException
    asset = files("swagger_ui").joinpath("static", name).read_bytes()
    return Response(asset, media_type=ASSETS[name], headers=headers)
