"""The edge's HTTP API, for pages, pay machines and attendants on site. It reads the runtime's state and submits inputs;
it decides nothing. Errors are RFC 9457 problem+json.
"""

from fastapi import FastAPI

from edge.api import health, problems, site
from edge.api.inside import Inside
from edge.api.server import serve

__all__ = ["Inside", "build", "serve"]

ROUTERS = (health.router, site.router)


def build(inside: Inside) -> FastAPI:
    """The application. Every route but ``/health`` needs a token of the token file."""
    app = FastAPI(title="EasyParkPlus edge", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.inside = inside
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router)
    return app
