"""Accounts by HTTP: registering, signing in, balance, cards, orders of units, clients."""

from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Query

from headend.http.problems import documented
from headend.shop.refusals import NO_CLIENT, NOT_YOURS, Refused
from headend.shop.sessions import VALID_MS
from headend.shop.web import schemas
from headend.shop.web.desk import Address, At, Desk, Token, User
from headend.shop.web.terms import term_of

TRANSACTIONS_PAGE = 100

router = APIRouter(prefix="/api", responses=documented(422, 503))


@router.post("/accounts", status_code=201, tags=["account"], responses=documented(409, 429))
async def register(desk: At, address: Address, asked: schemas.NewAccount) -> schemas.Session:
    """Makes an account and signs in. From one address so many are made in an hour."""

    def work() -> schemas.Session:
        return _session(desk, desk.shop.register_user(asked.login, asked.password, desk.now_ms(), None, address))

    return await anyio.to_thread.run_sync(work, limiter=desk.passwords)


@router.post("/sessions", status_code=201, tags=["account"], responses=documented(401, 429))
async def sign_in(desk: At, asked: schemas.SignIn) -> schemas.Session:
    """Signs in. An unknown login and a wrong password get one answer, after the same work."""

    def work() -> schemas.Session:
        return _session(desk, desk.shop.sign_in(asked.login, asked.password, desk.now_ms()))

    return await anyio.to_thread.run_sync(work, limiter=desk.passwords)


@router.delete("/sessions/current", status_code=204, tags=["account"], responses=documented(401))
def sign_out(desk: At, _: User, token: Token) -> None:
    """Ends the session of this token."""
    assert token is not None
    desk.shop.end_session(token)


@router.get("/account", tags=["account"], responses=documented(401))
def account(desk: At, user: User) -> schemas.Account:
    """Who has signed in, and the balance."""
    return schemas.Account(user=user, login=desk.shop.login(user), balance=desk.shop.balance(user))


@router.get("/account/transactions", tags=["account"], responses=documented(401))
def transactions(desk: At, user: User, asked: Annotated[schemas.Page, Query()]) -> schemas.Transactions:
    """Everything that was booked, a page at a time."""
    found = desk.shop.transactions(user, asked.after, TRANSACTIONS_PAGE)
    terms = desk.shop.terms_of([one.transaction for one in found])
    told = [
        schemas.Booked(
            transaction=one.transaction,
            kind=one.kind,
            at_ms=one.at_ms,
            units=one.units,
            title=one.title_id,
            term=schemas.Term(**term_of(terms[one.transaction])) if one.transaction in terms else None,
            note=one.note,
            reverses=one.reverses,
        )
        for one in found
    ]
    following = found[-1].transaction if len(found) == TRANSACTIONS_PAGE else None
    return schemas.Transactions(transactions=told, next=following)


@router.post("/account/cards", tags=["units"], responses=documented(401, 404, 409, 429))
def redeem(desk: At, user: User, asked: schemas.Card) -> schemas.Credited:
    """Credits a prepaid card. Guesses are slowed down."""
    units = desk.shop.redeem(asked.number, desk.now_ms(), user)
    return schemas.Credited(units=units, balance=desk.shop.balance(user))


@router.post("/account/orders", status_code=201, tags=["units"], responses=documented(401))
def order_units(desk: At, user: User, asked: schemas.Units) -> schemas.Order:
    """A number with which a seller of units can be paid; it learns nothing else of the user."""
    order = desk.shop.order_units(user, asked.units, desk.now_ms())
    return schemas.Order(order=order.hex(), units=asked.units)


@router.get("/account/clients", tags=["clients"], responses=documented(401))
def clients(desk: At, user: User) -> schemas.Clients:
    """Where the user has signed in to play."""
    return schemas.Clients(clients=[one.hex() for one in desk.shop.clients_of(user)])


@router.delete("/account/clients/{client}", status_code=204, tags=["clients"], responses=documented(401, 404))
def remove_client(desk: At, user: User, client: schemas.Client) -> None:
    """A client that was lost is unknown from now on."""
    try:
        desk.shop.remove_client(user, bytes.fromhex(client), desk.now_ms())
    except Refused as refusal:
        raise Refused(NOT_YOURS) if refusal.code == NO_CLIENT else refusal from None


def _session(desk: Desk, user: int) -> schemas.Session:
    now_ms = desk.now_ms()
    return schemas.Session(token=desk.shop.begin_session(user, now_ms), until_ms=now_ms + VALID_MS)
