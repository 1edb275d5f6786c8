"""Who looks at a page, and whether a form comes from one of ours.

A session is a cookie that scripts and other sites do not get (HttpOnly, SameSite=Strict) and that goes over TLS alone
where there is TLS. A form counts only with an `Origin` that names this very host: browsers send one with every form,
and no page of another site can change it.
"""

import re
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qsl, quote

from fastapi import Depends, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from headend.shop.refusals import NO_SESSION, Refused
from headend.shop.sessions import VALID_MS
from headend.shop.web.desk import At
from headend.shop.web.window.pages import elsewhere
from headend.shop.web.window.words import DONE

FORM = "application/x-www-form-urlencoded"
FIELDS_LIMIT = 20
SAFE, PLAIN = "__Host-session", "session"
"""The cookie's name with TLS, which no other host and no page without TLS can set, and without."""
TOLD = "told"
TOLD_S = 60
_PLACE = re.compile(r"/(?:[a-z0-9-]+(?:/[a-z0-9-]+)*)?")


@dataclass(frozen=True)
class Visitor:
    """`user` None: nobody has signed in. `balance`: units. `told`: what was done by the form before."""

    user: int | None = None
    login: str = ""
    balance: int = 0
    token: str | None = None
    told: str = ""


@dataclass(frozen=True)
class Buyer(Visitor):
    """A visitor who has signed in."""

    user: int = 0


def visitor_of(request: Request, desk: At) -> Visitor:
    """Who looks, as the cookie says; nobody, where it says nothing that is true."""
    told = DONE.get(request.cookies.get(TOLD, ""), "")
    token = _token(request)
    if token is None:
        return Visitor(told=told)
    try:
        user = desk.shop.session_user(token, desk.now_ms())
    except Refused:
        return Visitor(told=told)
    return Buyer(user, desk.shop.login(user), desk.shop.balance(user), token, told)


def buyer_of(visitor: Annotated[Visitor, Depends(visitor_of)]) -> Buyer:
    """Who has signed in. Raises Refused, which becomes the page where one does."""
    if not isinstance(visitor, Buyer):
        raise Refused(NO_SESSION)
    return visitor


def same_origin(request: Request) -> None:
    """Raises HTTPException for a form that is not from here, or does not say so."""
    if request.method in ("GET", "HEAD"):
        return
    host = request.headers.get("host", "")
    ours = [f"https://{host}"]
    if request.url.scheme == "http":  # for itself, or behind a proxy that has TLS
        ours.append(f"http://{host}")
    if not host or request.headers.getlist("origin") not in [[one] for one in ours]:
        raise HTTPException(403)


async def form_of(request: Request) -> dict[str, str]:
    """A form's fields. Raises HTTPException."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise HTTPException(415)
    try:
        text = (await request.body()).decode("ascii")
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_LIMIT, errors="strict"))
    except ValueError:
        raise HTTPException(400) from None


Looking = Annotated[Visitor, Depends(visitor_of)]
Buying = Annotated[Buyer, Depends(buyer_of)]
Form = Annotated[dict[str, str], Depends(form_of)]
"""What pages take of who looks, of who must have signed in, and of what was filled in."""


def number_in(form: dict[str, str], name: str, limit: int) -> int:
    """A number that a form of ours has. Raises HTTPException."""
    typed = form.get(name, "")
    if not re.fullmatch("[0-9]{1,10}", typed) or int(typed) > limit:
        raise HTTPException(400)
    return int(typed)


def place(asked: str) -> str:
    """Where to go next, as an address says it: a page of this shop, whatever it says."""
    return asked if len(asked) <= 200 and _PLACE.fullmatch(asked) else "/"


def sign_in_first(request: Request) -> Response:
    """The page where one signs in, which then leads back."""
    answer = elsewhere(f"/sign-in?to={quote(place(request.url.path), safe='/')}")
    _forget(request, answer)
    return answer


def signed_in(request: Request, answer: Response, token: str) -> Response:
    """The answer, with which the browser gets its session."""
    _forget(request, answer)
    over_tls = request.headers.get("origin", "").startswith("https:")
    answer.set_cookie(
        SAFE if over_tls else PLAIN,
        token,
        max_age=VALID_MS // 1000,
        path="/",
        secure=over_tls,
        httponly=True,
        samesite="strict",
    )
    return answer


def signed_out(request: Request, answer: Response) -> Response:
    """The answer, after which the browser has no session."""
    _forget(request, answer)
    return answer


def telling(answer: Response, done: str) -> Response:
    """The next page says what was done (one of DONE), once."""
    answer.set_cookie(TOLD, done, max_age=TOLD_S, path="/", httponly=True, samesite="strict")
    return answer


def told(answer: Response, visitor: Visitor) -> Response:
    """A page that has said what was done."""
    if visitor.told:
        answer.delete_cookie(TOLD, path="/", httponly=True, samesite="strict")
    return answer


def _token(request: Request) -> str | None:
    found = request.cookies.get(SAFE)
    if found is None and request.url.scheme == "http":
        found = request.cookies.get(PLAIN)
    return found or None


def _forget(request: Request, answer: Response) -> None:
    for name in (SAFE, PLAIN):
        if name in request.cookies:
            answer.delete_cookie(name, path="/", secure=name == SAFE, httponly=True, samesite="strict")
