"""Answers of the explorer: JSON, and errors that say in one line what is wrong."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from imgvet.errors import ImgvetError, InputNotFoundError, RunNotFoundError
from imgvet.images.picture import Failure
from imgvet.reasons import MEANING, Reason

MAX_JSON = 16_000_000
"""Greatest size of what is asked as JSON, in bytes: a selection of a million images."""


def refused(problem: str, status: HTTPStatus) -> JSONResponse:
    """An answer that says what is wrong."""
    return JSONResponse({"error": problem}, status)


def bad_picture(failure: Failure) -> JSONResponse:
    """The answer to a picture that can't be decoded."""
    meaning = MEANING[Reason(failure.reason)]
    problem = f"{meaning[:1].upper()}{meaning[1:]} ({failure.detail})."
    return JSONResponse(
        {"error": problem, "reason": failure.reason.value},
        HTTPStatus.UNPROCESSABLE_ENTITY,
    )


def of_error(request: Request, error: Exception) -> Response:  # noqa: ARG001
    """The answer to a request that can't be carried out."""
    missing = isinstance(error, (InputNotFoundError, RunNotFoundError))
    return refused(str(error), HTTPStatus.NOT_FOUND if missing else HTTPStatus.BAD_REQUEST)


def of_http_error(request: Request, error: Exception) -> Response:  # noqa: ARG001
    """The answer to a request that leads nowhere."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    return refused(HTTPStatus(status).phrase, HTTPStatus(status))


async def read_body(request: Request, limit: int) -> bytes:
    """The body of a request; no more than ``limit`` bytes are read.

    Raises:
        HTTPException: 413, it is larger.
    """
    said = request.headers.get("content-length", "0")
    if not said.isdigit() or int(said) > limit:
        raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        parts.append(part)
    return b"".join(parts)


async def read_json(request: Request) -> dict[str, Any]:
    """The object that is the body of a request.

    Raises:
        HTTPException: 413, it is too large; 415, it is not said to be JSON; 400, it is not an
            object of JSON.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    try:
        found = json.loads(await read_body(request, MAX_JSON))
    except (ValueError, RecursionError):
        raise HTTPException(HTTPStatus.BAD_REQUEST) from None
    if not isinstance(found, dict):
        raise HTTPException(HTTPStatus.BAD_REQUEST)
    return found


ERRORS: dict[Any, Any] = {ImgvetError: of_error, HTTPException: of_http_error}
"""Which answer is given to which exception."""
