"""Errors as RFC 9457 problem documents, every one with a `code` that stays the same; the words may change."""

from __future__ import annotations

import http
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from elitscope.errors import CODES, ElitscopeError

MEDIA_TYPE = "application/problem+json"
_CODES = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}


class Problem(BaseModel):
    """An RFC 9457 problem document."""

    type: str = Field(description="urn:elitscope:problem: and the code")
    title: str = Field(description="What the status means")
    status: int
    detail: str = Field(description="What went wrong this time, and what to do about it")
    code: str = Field(description="Stable: programs may depend on it")
    instance: str = Field(description="The path that was asked for")


class ProblemError(Exception):
    """Raised by a route to answer with a problem document."""

    def __init__(self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers


def coded(code: str, detail: str, headers: Mapping[str, str] | None = None) -> ProblemError:
    """A problem whose status stands in the table of errors."""
    return ProblemError(CODES[code].http_status, code, detail, headers)


def problem_response(status: int, code: str, detail: str, path: str, headers: Any = None) -> JSONResponse:
    """A problem document as a response."""
    problem = Problem(
        type=f"urn:elitscope:problem:{code}", title=http.HTTPStatus(status).phrase, status=status, detail=detail, code=code, instance=path
    )
    return JSONResponse(problem.model_dump(), status, headers, MEDIA_TYPE)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`: these statuses come with a problem document."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": http.HTTPStatus(status).phrase, "content": content} for status in statuses}


def _in_words(trouble: Mapping[str, Any]) -> str:
    """One thing that is wrong with a request: where, what stands there, and why that can't be."""
    where, given = ".".join(map(str, trouble["loc"])), trouble.get("input")
    if trouble["type"] == "json_invalid":
        return f"the body is no JSON: {trouble.get('ctx', {}).get('error', trouble['msg'])} at character {trouble['loc'][-1]}"
    if isinstance(given, bytes):
        return f"{where} {given[:80]!r} was not taken for JSON: send it with Content-Type: application/json"
    return f"{where} {given!r:.80}: {trouble['msg']}"


def install_problems(app: FastAPI) -> None:
    """Have every error of the app answered with a problem document, and say so in its OpenAPI description."""

    @app.exception_handler(ProblemError)
    async def raised(request: Request, error: ProblemError) -> JSONResponse:
        return problem_response(error.status, error.code, error.detail, request.url.path, error.headers)

    @app.exception_handler(ElitscopeError)
    async def known(request: Request, error: ElitscopeError) -> JSONResponse:
        row = CODES.get(error.code)
        return problem_response(500 if row is None else row.http_status, error.code, str(error), request.url.path)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == http.HTTPStatus.BAD_REQUEST:  # the framework's word for a body that can't even be decoded
            return problem_response(422, "request_invalid", f"the body can't be read as JSON: {error.detail}", request.url.path)
        code = _CODES.get(error.status_code, "http_error")
        detail = f"{request.method} {request.url.path}: {error.detail}"
        return problem_response(error.status_code, code, detail, request.url.path, error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        words = "; ".join(map(_in_words, error.errors()))
        return problem_response(422, "request_invalid", words, request.url.path)

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> JSONResponse:
        return problem_response(500, "internal", f"a defect of the server: {type(error).__name__}", request.url.path)

    described = app.openapi

    def openapi() -> dict[str, Any]:
        document = described()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas["Problem"] = Problem.model_json_schema()
        return document

    app.openapi = openapi  # type: ignore[method-assign]
