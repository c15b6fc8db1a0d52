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
from voice.http.routes import ROUTES
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
        route_handlers=ROUTES,
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
