"""The edge's HTTP API, for pages, pay machines and attendants on site. It reads the runtime's state and submits inputs;
it decides nothing. Errors are RFC 9457 problem+json.
"""

from fastapi import FastAPI

from edge.api import charging, commands, diagnostics, health, metrics, problems, site, stations
from edge.api.inside import Inside
from edge.api.metrics import commit_times
from edge.api.server import serve
from edge.api.told import readings

__all__ = ["Inside", "build", "commit_times", "readings", "serve"]

ROUTERS = (
    health.router,
    metrics.router,
    site.router,
    charging.router,
    commands.router,
    diagnostics.router,
    stations.router,
)


def build(inside: Inside) -> FastAPI:
    """The application. Every route needs a token of the token file; ``/health`` none, ``/metrics`` none on this box."""
    app = FastAPI(title="EasyParkPlus edge", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.inside = inside
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router)
    return app
