"""A small port on which a process without an API of its own shows its health and figures."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from cloud import metrics, problems
from cloud.config import Settings
from cloud.metrics import Vitals
from cloud.server import Server
from shared.clock import Clock


def create_app(settings: Settings, engine: AsyncEngine, clock: Clock, vitals: Vitals) -> FastAPI:
    """``/health`` and ``/metrics``, nothing else."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.settings, app.state.engine, app.state.clock, app.state.vitals = settings, engine, clock, vitals
    problems.install(app)
    app.include_router(metrics.router)
    return app


@asynccontextmanager
async def shown(settings: Settings, engine: AsyncEngine, clock: Clock, vitals: Vitals) -> AsyncIterator[None]:
    """Serve them while the block runs; not at all without a port in the settings.

    A port that is taken is told in the log and costs nothing but the figures.
    """
    if settings.vitals_port is None:
        yield
        return
    config = uvicorn.Config(
        create_app(settings, engine, clock, vitals),
        host=settings.vitals_host,
        port=settings.vitals_port,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    server = Server(config)
    serving = asyncio.create_task(_serve(server))
    try:
        yield
    finally:
        server.should_exit = True
        await serving


async def _serve(server: Server) -> None:
    try:
        await server.serve()
    except SystemExit:  # uvicorn's word for an address that cannot be taken; it has logged why
        return
