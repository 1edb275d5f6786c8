"""Pages of a user's own: registering and signing in, balance and cards, library, transactions, players."""

from collections.abc import Callable
from functools import partial
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Depends, Query, Request, Response

from headend.shop import refusals
from headend.shop.groups import note_of
from headend.shop.refusals import NOT_YOURS, NUMBER_LIMIT, Refused
from headend.shop.web import schemas
from headend.shop.web.desk import Address, At, Desk
from headend.shop.web.window import words
from headend.shop.web.window.failures import said
from headend.shop.web.window.pages import elsewhere, page
from headend.shop.web.window.visitors import (
    Buyer,
    Visitor,
    buyer_of,
    form_of,
    place,
    same_origin,
    signed_in,
    signed_out,
    telling,
    told,
    visitor_of,
)

TRANSACTIONS_PAGE = 50

router = APIRouter(include_in_schema=False, dependencies=[Depends(same_origin)])
Looking = Annotated[Visitor, Depends(visitor_of)]
Owner = Annotated[Buyer, Depends(buyer_of)]
Form = Annotated[dict[str, str], Depends(form_of)]


@router.get("/register")
def registering(visitor: Looking, to: str = "/") -> Response:
    """Where an account is made."""
    return told(_entrance("register.html.j2", visitor, place(to)), visitor)


@router.post("/register")
async def register(request: Request, desk: At, address: Address, visitor: Looking, form: Form) -> Response:
    """Makes an account, and signs in."""
    check = partial(desk.shop.register_user, address=address)
    return await _enter(request, desk, visitor, form, check, "register.html.j2", "registered")


@router.get("/sign-in")
def signing_in(visitor: Looking, to: str = "/") -> Response:
    """Where one signs in."""
    return told(_entrance("sign_in.html.j2", visitor, place(to)), visitor)


@router.post("/sign-in")
async def sign_in(request: Request, desk: At, visitor: Looking, form: Form) -> Response:
    """Signs in. An unknown login and a wrong password get one answer, after the same work."""
    return await _enter(request, desk, visitor, form, desk.shop.sign_in, "sign_in.html.j2", "signed-in")


@router.post("/sign-out")
def sign_out(request: Request, desk: At, visitor: Looking) -> Response:
    """Ends the session."""
    if visitor.token is not None:
        desk.shop.end_session(visitor.token)
    return telling(signed_out(request, elsewhere("/")), "signed-out")


@router.get("/account")
def account(visitor: Owner) -> Response:
    """The balance, and where a card is redeemed."""
    return told(_account(visitor), visitor)


@router.post("/account")
def redeem(desk: At, buyer: Owner, form: Form) -> Response:
    """Credits a prepaid card."""
    number = form.get("number", "")
    try:
        desk.shop.redeem(number, desk.now_ms(), buyer.user)
    except Refused as refusal:
        return _account(buyer, number, refusal)
    return telling(elsewhere("/account"), "credited")


@router.get("/account/library")
def library(desk: At, visitor: Owner) -> Response:
    """What the user has bought; what has ended stands apart."""
    now_ms = desk.now_ms()
    found = desk.shop.restore(visitor.user)
    titles = [one for one in found if not one.over(now_ms)]
    over = [one for one in found if one.over(now_ms)]
    return told(page("library.html.j2", visitor=visitor, titles=titles, over=over), visitor)


@router.get("/account/transactions")
def transactions(
    desk: At, visitor: Owner, before: Annotated[int | None, Query(ge=1, le=NUMBER_LIMIT)] = None
) -> Response:
    """All that was booked, the newest first."""
    found = desk.shop.newest_transactions(visitor.user, before, TRANSACTIONS_PAGE)
    names = desk.shop.title_names({one.title_id for one in found if one.title_id is not None})
    return told(
        page(
            "transactions.html.j2",
            visitor=visitor,
            transactions=found,
            names=names,
            terms=desk.shop.terms_of([one.transaction for one in found]),
            tastes={note_of(one.group): one.name for one in desk.shop.tastes()},
            kinds=words.BOOKED,
            older=found[-1].transaction if len(found) == TRANSACTIONS_PAGE else None,
        ),
        visitor,
    )


@router.get("/account/players")
def players(desk: At, visitor: Owner) -> Response:
    """Clients on which the user has signed in."""
    found = [one.hex() for one in desk.shop.clients_of(visitor.user)]
    return told(page("players.html.j2", visitor=visitor, players=found), visitor)


@router.get("/account/players/{client}")
def losing(desk: At, visitor: Owner, client: schemas.Client) -> Response:
    """Asks whether that player is to be removed."""
    if bytes.fromhex(client) not in desk.shop.clients_of(visitor.user):
        raise Refused(NOT_YOURS)
    return told(page("player.html.j2", visitor=visitor, player=client), visitor)


@router.post("/account/players/{client}")
def lose(desk: At, buyer: Owner, client: schemas.Client, _: Form) -> Response:
    """Removes a player that was lost."""
    try:
        desk.shop.remove_client(buyer.user, bytes.fromhex(client), desk.now_ms())
    except Refused as refusal:
        raise Refused(NOT_YOURS) if refusal.code == refusals.NO_CLIENT else refusal from None
    return telling(elsewhere("/account/players"), "removed")


def _account(visitor: Visitor, number: str = "", refusal: Refused | None = None) -> Response:
    return said("account.html.j2", refusal, visitor=visitor, number=number)


def _entrance(template: str, visitor: Visitor, to: str, login: str = "", refusal: Refused | None = None) -> Response:
    at_login = refusal is not None and refusal.code in (refusals.LOGIN_TAKEN, refusals.BAD_LOGIN_NAME)
    at_password = refusal is not None and refusal.code == refusals.BAD_PASSWORD
    return said(template, refusal, visitor=visitor, to=to, login=login, at_login=at_login, at_password=at_password)


async def _enter(
    request: Request,
    desk: Desk,
    visitor: Visitor,
    form: dict[str, str],
    check: Callable[[str, str, int], int],
    template: str,
    done: str,
) -> Response:
    login, password, to = form.get("login", ""), form.get("password", ""), place(form.get("to", "/"))

    def work() -> Response:
        try:
            user = check(login, password, desk.now_ms())
        except Refused as refusal:
            return _entrance(template, visitor, to, login, refusal)
        if visitor.token is not None:
            desk.shop.end_session(visitor.token)
        return telling(signed_in(request, elsewhere(to), desk.shop.begin_session(user, desk.now_ms())), done)

    return await anyio.to_thread.run_sync(work, limiter=desk.passwords)
