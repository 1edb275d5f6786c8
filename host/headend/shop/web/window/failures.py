"""What went wrong, as a page: for whoever takes HTML, and asks for nothing of the interface for programs."""

from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import Response

from headend.shop.refusals import NO_SESSION, NOT_SIGNED_IN, REFUSALS, Refused
from headend.shop.web.window import words
from headend.shop.web.window.pages import page
from headend.shop.web.window.visitors import Visitor, sign_in_first

_KEPT = ("retry-after", "allow")
_Handler = Callable[[Request, Exception], Any]


def install(app: FastAPI, *kinds: type[Exception]) -> None:
    """What the application says of these exceptions becomes a page where one is wanted; what it does stays."""
    for kind in kinds:
        app.add_exception_handler(kind, _either(app.exception_handlers[kind]))


def said(template: str, refusal: Refused | None, **values: Any) -> Response:
    """A page with a form (its template shows `error`): as it is at first, or again with why it was refused."""
    if refusal is None:
        return page(template, error="", **values)
    headers = {"retry-after": str(-(-refusal.wait_ms // 1000))} if refusal.wait_ms else {}
    return page(template, REFUSALS[refusal.code][0], headers, error=words.refused(refusal), **values)


def wants_page(request: Request) -> bool:
    """Whether a person looks: a browser says that it takes HTML, a program that it takes anything."""
    for_programs = request.url.path.startswith("/api/") or request.url.path == "/openapi.json"
    return not for_programs and "text/html" in request.headers.get("accept", "")


def _either(usual: _Handler) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def handler(request: Request, error: Exception) -> Response:
        answer = usual(request, error)
        if isawaitable(answer):
            answer = await answer
        return _page(request, error, answer) if wants_page(request) else answer

    return handler


def _page(request: Request, error: Exception, answer: Response) -> Response:
    if isinstance(error, Refused) and error.code in (NO_SESSION, NOT_SIGNED_IN):
        return sign_in_first(request)
    heading, remedy = words.failed(answer.status_code)
    if isinstance(error, Refused):
        remedy = words.refused(error)
    kept = {name: answer.headers[name] for name in _KEPT if name in answer.headers}
    # Without the database, which may be what has failed: nobody's page.
    return page("failure.html.j2", answer.status_code, kept, visitor=Visitor(), heading=heading, remedy=remedy)
