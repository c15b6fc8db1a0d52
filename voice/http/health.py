"""Health: for people at `/health`, for probes at `/health/live` and `/health/ready`."""

from dataclasses import asdict
from time import monotonic

from litestar import Response, get
from litestar.datastructures import State

from voice import __version__
from voice.server import Server


@get("/health", sync_to_thread=False)
def health(state: State) -> Response[dict[str, object]]:
    """What the server runs on, and why it chose that."""
    server: Server = state.server
    engines = [asdict(choice) for choice in server.engines.choices] if server.engines else []
    body: dict[str, object] = {
        "status": _status(server),
        "version": __version__,
        "uptime_s": round(monotonic() - server.started_s, 1),
        "sessions": server.sessions,
        "engines": engines,
    }
    if server.failure:
        body["reason"] = server.failure
    return Response(body)


@get("/health/live", sync_to_thread=False)
def live() -> dict[str, str]:
    return {"status": "live"}


@get("/health/ready", sync_to_thread=False)
def ready(state: State) -> Response[dict[str, str]]:
    """200 once conversations can be held; 503 with the reason until then."""
    server: Server = state.server
    status = _status(server)
    body = {"status": status}
    if server.failure:
        body["reason"] = server.failure
    return Response(body, status_code=200 if status == "ready" else 503)


def _status(server: Server) -> str:
    if server.failure:
        return "failed"
    if server.engines is None:
        return "warming"
    return "ready" if server.engines.healthy() else "degraded"
