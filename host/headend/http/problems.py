"""What a service refuses, as one body: RFC 9457, application/problem+json. `type` ends with a code that programs read.

Nothing that somebody sent is repeated in it but the names of fields.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"
MALFORMED, NOT_FOUND, NOT_ALLOWED, TOO_SLOW, TOO_LARGE = (
    "malformed",
    "not-found",
    "not-allowed",
    "too-slow",
    "too-large",
)
MEDIA, BAD_RANGE, BROKEN, UNAVAILABLE = "media-type", "bad-range", "broken", "unavailable"
GENERAL = {
    MALFORMED: (422, "the request is not as the service's description wants it"),
    NOT_FOUND: (404, "there is nothing of this name"),
    NOT_ALLOWED: (405, "this cannot be done here"),
    TOO_SLOW: (408, "the request's body did not come in time"),
    TOO_LARGE: (413, "the request's body is too long"),
    MEDIA: (415, "a body of this kind is not taken here"),
    BAD_RANGE: (416, "the file has no such octets"),
    BROKEN: (500, "the service has failed: this is its fault, not yours"),
    UNAVAILABLE: (503, "not at this moment: try again"),
}
"""What any service may say: by code, status and what a person is told."""
_BY_STATUS = {status: code for code, (status, _) in GENERAL.items()} | {400: MALFORMED}
_FIELDS_TOLD, _NAME_TOLD = 20, 100


class WrongField(BaseModel):
    """A part of the request that is wrong."""

    where: str = Field(description="its place, such as body.units")
    what: str = Field(description="what is wrong with it")


class Problem(BaseModel):
    """Why something was refused (RFC 9457)."""

    model_config = ConfigDict(title="Problem")

    type: str = Field(description="what it is: urn:ringcast:problem: and the code")
    title: str = Field(description="the same for a person")
    status: int = Field(ge=400, le=599)
    code: str = Field(description="the code, as at the end of type")
    fields: list[WrongField] | None = Field(None, description="what is wrong with the request, where that can be said")


def problem(
    code: str,
    status: int,
    title: str,
    headers: Mapping[str, str] | None = None,
    fields: Iterable[tuple[str, str]] = (),
) -> Response:
    """The answer."""
    body: dict[str, Any] = {"type": f"urn:ringcast:problem:{code}", "title": title, "status": status, "code": code}
    if told := [{"where": where, "what": what} for where, what in fields]:
        body["fields"] = told
    # In ASCII: a name may be of halves of characters, which UTF-8 has not.
    return Response(json.dumps(body), status, dict(headers or {}), MEDIA_TYPE)


def general(code: str, headers: Mapping[str, str] | None = None, status: int | None = None) -> Response:
    """One of GENERAL; `status`: where another one says it better."""
    usual, title = GENERAL[code]
    return problem(code, status or usual, title, headers)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For the description of an endpoint: what it answers with these statuses is a Problem."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def install(app: FastAPI, report: Callable[[Exception], None]) -> None:
    """Everything that FastAPI itself refuses is a Problem, too. `report` hears of what was not foreseen."""

    async def invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        status, title = GENERAL[MALFORMED]
        told = error.errors()[:_FIELDS_TOLD]
        fields = [(".".join(str(part)[:_NAME_TOLD] for part in one["loc"]), str(one["msg"])[:200]) for one in told]
        return problem(MALFORMED, status, title, fields=fields)

    async def http(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        code = _BY_STATUS.get(error.status_code, MALFORMED if error.status_code < 500 else BROKEN)
        return general(code, error.headers, error.status_code)

    async def broken(_: Request, error: Exception) -> Response:
        report(error)
        return general(BROKEN)

    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, broken)


def described(app: FastAPI) -> FastAPI:
    """Its OpenAPI description has Problem in the place of FastAPI's own bodies."""

    def description() -> dict[str, Any]:
        if not app.openapi_schema:
            app.openapi_schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
            _describe(app.openapi_schema)
        return app.openapi_schema

    app.openapi = description  # type: ignore[method-assign]
    return app


def _describe(description: dict[str, Any]) -> None:
    schemas = description.setdefault("components", {}).setdefault("schemas", {})
    made = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(made.pop("$defs", {}))
    schemas["Problem"] = made
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    every = documented(400, 408, 413)
    for path in description["paths"].values():
        for operation in path.values():
            if "requestBody" in operation:
                for status, answer in every.items():
                    operation["responses"].setdefault(str(status), answer)
