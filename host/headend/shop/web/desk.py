"""What all endpoints share: the shop, its shelf, the time, who asks, and how much goes on at once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

import anyio
import anyio.to_thread
from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from settop.errors import RingcastError
from starlette.responses import Response

from headend.http import problems
from headend.shop.core import Shop
from headend.shop.delivering import Shelf
from headend.shop.refusals import NO_SESSION, REFUSALS, SLOW_DOWN, Refused

PASSWORDS_AT_ONCE = 2
"""Each takes 64 MiB and a core: who signs in waits for those before, and everybody else does not."""


@dataclass
class Desk:
    """`now_ms`: Unix ms, called in each request."""

    shop: Shop
    shelf: Shelf
    now_ms: Callable[[], int]
    passwords: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(PASSWORDS_AT_ONCE))


async def desk_of(request: Request) -> Desk:
    """The dependency by which an endpoint, also one of another router, gets at the shop."""
    desk: Desk = request.app.state.desk
    return desk


def address_of(request: Request) -> str:
    """Where a request comes from: its connection's other end."""
    return request.client.host if request.client is not None else ""


class _Token(HTTPBearer):
    """What came as `Authorization: Bearer`, or None. One dependency, as each takes its time in each request."""

    async def __call__(self, request: Request) -> str | None:  # type: ignore[override]
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else None


token_of = _Token(scheme_name="HTTPBearer", description="the token of POST /api/accounts or /api/sessions")
Token = Annotated[str | None, Depends(token_of)]


async def perhaps_user_of(request: Request, token: Token) -> int | None:
    """Who has signed in, None where nobody says so. Raises Refused for a token that is none."""
    if token is None:
        return None
    desk = await desk_of(request)
    return await anyio.to_thread.run_sync(desk.shop.session_user, token, desk.now_ms())


async def user_of(request: Request, token: Token) -> int:
    """Who has signed in. Raises Refused."""
    user = await perhaps_user_of(request, token)
    if user is None:
        raise Refused(NO_SESSION)
    return user


At = Annotated[Desk, Depends(desk_of)]
Address = Annotated[str, Depends(address_of)]
User = Annotated[int, Depends(user_of)]
PerhapsUser = Annotated[int | None, Depends(perhaps_user_of)]


def refused(_: Request, error: Exception) -> Response:
    """What the shop's core refuses, as HTTP says it."""
    assert isinstance(error, Refused)
    status, title = REFUSALS[error.code]
    headers = {}
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    if error.code == SLOW_DOWN:
        headers["retry-after"] = str(-(-error.wait_ms // 1000))
    return problems.problem(error.code, status, title, headers)


def unavailable(_: Request, error: Exception) -> Response:
    """A database or a file that fails: nothing is known to be charged."""
    assert isinstance(error, (RingcastError, OSError))
    return problems.general(problems.UNAVAILABLE, {"retry-after": "5"})
