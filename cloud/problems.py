"""Errors of the API, told as problem+json (RFC 9457): what was wrong, where, and what is allowed.

A context raises ``Problem`` for what its rules refuse. ``type`` stays "about:blank": the title says it in words.
"""

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import InterfaceError, OperationalError
from starlette.exceptions import HTTPException

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_REAL_S = 2


class Problem(Exception):  # noqa: N818 - the field's word, RFC 9457
    """A refusal with its HTTP status. ``errors`` names the parts of the input that were wrong, in words."""

    def __init__(self, status: int, detail: str, *, errors: tuple[str, ...] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors


def not_found(what: str) -> Problem:
    """404: ``not_found("facility nowhere")``."""
    return Problem(404, f"there is no {what}")


def install(app: FastAPI) -> None:
    """Answer every error of ``app`` with problem+json."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(OperationalError, _on_database)
    app.add_exception_handler(InterfaceError, _on_database)
    app.add_exception_handler(Exception, _on_bug)


def _answer(
    status: int, detail: str, *, headers: dict[str, str] | None = None, more: dict[str, Any] | None = None
) -> JSONResponse:
    title = HTTPStatus(status).phrase
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **(more or {})}
    return JSONResponse(body, status, headers=headers, media_type=MEDIA_TYPE)


async def _on_problem(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)  # noqa: S101 - for the type checker; registered for this class only
    more = {"errors": list(error.errors)} if error.errors else {}
    return _answer(error.status, error.detail, more=more)


async def _on_invalid(_request: Request, error: Exception) -> JSONResponse:
    """The input itself is not repeated: it may be a secret."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
    errors = [{"where": ".".join(str(part) for part in e["loc"]), "what": e["msg"]} for e in error.errors()]
    return _answer(422, "the input does not fit", more={"errors": errors})


async def _on_http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    return _answer(error.status_code, str(error.detail), headers=dict(error.headers or {}))


async def _on_database(_request: Request, error: Exception) -> JSONResponse:
    log.error("the database cannot be reached: %s", error)
    return _answer(503, "the database cannot be reached", headers={"Retry-After": str(RETRY_AFTER_REAL_S)})


async def _on_bug(_request: Request, _error: Exception) -> JSONResponse:
    """The server logs the error itself with its traceback; the client learns nothing of our insides."""
    return _answer(500, "an error on our side; it has been logged")
