"""Streams by HTTP: what is sent, by which time limits, and the tokens that a user buys and has."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from headend.http.problems import documented
from headend.shop.web import schemas
from headend.shop.web import stream_schemas as told
from headend.shop.web.desk import At, User
from headend.stream.catalogue import PAGE, Stream
from headend.stream.sales.core import Ticket, TransactionServer

router = APIRouter(prefix="/api", responses=documented(422, 503), tags=["streams"])


async def sales_of(request: Request) -> TransactionServer:
    """The dependency by which an endpoint gets at the transaction server."""
    sales: TransactionServer = request.app.state.streams
    return sales


Sales = Annotated[TransactionServer, Depends(sales_of)]


@router.get("/streams")
def streams(sales: Sales, asked: Annotated[schemas.Page, Query()]) -> told.Streams:
    """Titles that are streamed, with their time limits, a page at a time."""
    found = sales.streams(asked.after)
    following = found[-1].stream if len(found) == PAGE else None
    return told.Streams(streams=[_offered(one) for one in found], next=following)


@router.get("/streams/{stream}", responses=documented(404))
def stream(sales: Sales, stream: told.Stream) -> told.Offered:
    """One title, and for how long a token of it may be had at which price."""
    return _offered(sales.stream(stream))


@router.get("/account/streams", responses=documented(401))
def tokens(desk: At, sales: Sales, user: User) -> told.Tickets:
    """The user's tokens that are good: a viewer that lost everything takes them from here, at no cost."""
    return told.Tickets(tokens=[told.Ticket(**_ticket(one)) for one in sales.purchased(user, desk.now_ms())])


@router.put("/account/streams/{stream}", responses=documented(401, 402, 404, 409))
def buy(desk: At, sales: Sales, user: User, stream: told.Stream, asked: told.Chosen) -> told.Bought:
    """Buys a token by one of the title's time limits, for the price that was seen.

    While it is good it is given again for nothing: an answer that was lost may be asked for again.
    """
    bought, is_new = sales.buy(user, stream, asked.limit, desk.now_ms(), asked.price)
    return told.Bought(**_ticket(bought), new=is_new, balance=desk.shop.balance(user))


def _offered(one: Stream) -> told.Offered:
    limits = [
        told.Limit(limit=each.limit, name=each.name, seconds=each.holds_s, price=each.price) for each in one.limits
    ]
    return told.Offered(stream=one.stream, name=one.name, label=one.label, uri=one.uri, open=one.is_open, limits=limits)


def _ticket(one: Ticket) -> dict[str, Any]:
    record = {name: value for name, value in vars(one.granted).items() if name != "number"}
    return {**record, "user": one.user, "token": one.token}
