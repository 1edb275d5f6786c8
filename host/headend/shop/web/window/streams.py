"""Pages of what is streamed: titles, their time limits with a price, buying a token, and those that are good."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from headend.shop.refusals import NO_STREAM, NUMBER_LIMIT, UNITS_LIMIT, Refused
from headend.shop.web import schemas
from headend.shop.web.desk import At
from headend.shop.web.stream_schemas import Stream
from headend.shop.web.streams import Sales
from headend.shop.web.window.failures import said
from headend.shop.web.window.pages import elsewhere, page
from headend.shop.web.window.visitors import (
    Buyer,
    Visitor,
    buyer_of,
    form_of,
    number_in,
    same_origin,
    telling,
    told,
    visitor_of,
)
from headend.stream.catalogue import PAGE
from headend.stream.sales.core import TransactionServer

router = APIRouter(include_in_schema=False, dependencies=[Depends(same_origin)])
Looking = Annotated[Visitor, Depends(visitor_of)]
Buying = Annotated[Buyer, Depends(buyer_of)]
Form = Annotated[dict[str, str], Depends(form_of)]
_UNITS = ((24 * 3600, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


@router.get("/streams")
def streams(sales: Sales, visitor: Looking, asked: Annotated[schemas.Page, Query()]) -> Response:
    """What is streamed."""
    found = sales.streams(asked.after)
    following = found[-1].stream if len(found) == PAGE else None
    return told(page("streams.html.j2", visitor=visitor, streams=found, after=asked.after, next=following), visitor)


@router.get("/streams/{stream}")
def one_stream(sales: Sales, visitor: Looking, stream: Stream) -> Response:
    """A title, for how long it may be watched, and at which price."""
    return told(_stream(sales, visitor, stream), visitor)


@router.post("/streams/{stream}")
def buy(desk: At, sales: Sales, buyer: Buying, stream: Stream, form: Form) -> Response:
    """Buys a token (fields `limit`: the time limit's number, and `price`: what the page showed)."""
    limit, seen = number_in(form, "limit", NUMBER_LIMIT), number_in(form, "price", UNITS_LIMIT)
    try:
        _, is_new = sales.buy(buyer.user, stream, limit, desk.now_ms(), seen)
    except Refused as refusal:
        if refusal.code == NO_STREAM:
            raise
        return _stream(sales, buyer, stream, refusal)
    return telling(elsewhere("/account/streams"), "token" if is_new else "token-had")


@router.get("/account/streams")
def tokens(desk: At, sales: Sales, buyer: Buying) -> Response:
    """The tokens that are good, each with its address and what starts the viewer."""
    found = sales.purchased(buyer.user, desk.now_ms())
    answer = page("tokens.html.j2", visitor=buyer, tickets=found)
    return told(answer, buyer)


def length(seconds: int) -> str:
    """A time limit as a person says it: 2 days, 36 hours, 90 minutes."""
    count, name = next((seconds // each, name) for each, name in _UNITS if not seconds % each)
    return f"{count:,} {name}" + ("" if count == 1 else "s")


def _stream(sales: TransactionServer, visitor: Visitor, stream: int, refusal: Refused | None = None) -> Response:
    found = sales.stream(stream)
    limits = [(one, length(one.holds_s)) for one in found.limits]
    return said("stream.html.j2", refusal, visitor=visitor, stream=found, limits=limits)
