"""Pages of what is sold: catalogue by taste and by words, a title with its sample, subscriptions; and buying it."""

import os
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from headend.shop.catalogue import PAGE
from headend.shop.covers import cover_of
from headend.shop.refusals import NO_TITLE, NUMBER_LIMIT, UNITS_LIMIT, Refused
from headend.shop.web import schemas
from headend.shop.web.desk import At, Desk
from headend.shop.web.etags import answered
from headend.shop.web.window.failures import said
from headend.shop.web.window.pages import elsewhere, page, rendered
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

router = APIRouter(include_in_schema=False, dependencies=[Depends(same_origin)])
Looking = Annotated[Visitor, Depends(visitor_of)]
Buying = Annotated[Buyer, Depends(buyer_of)]
Form = Annotated[dict[str, str], Depends(form_of)]
KEPT = {"cache-control": "public, max-age=3600"}
SHOWN = ("artist", "album", "composer")
"""Extras that a title's page shows beside its name; `lyrics` stand below."""


@router.get("/")
def catalogue(desk: At, visitor: Looking, asked: Annotated[schemas.Looked, Query()]) -> Response:
    """What is sold: those of the visitor's subscriptions first."""
    taste, now_ms = asked.taste or None, desk.now_ms()
    found, offers = desk.shop.browse(visitor.user, taste, asked.words, asked.after, now_ms)
    following = asked.after + PAGE if len(found) == PAGE else None
    before = max(asked.after - PAGE, 0) if asked.after else None
    answer = page(
        "catalogue.html.j2",
        visitor=visitor,
        titles=found,
        least={title: min(one.price for one in some) for title, some in offers.items()},
        tastes=desk.shop.tastes(visitor.user),
        taste=taste,
        words=asked.words,
        next=following,
        before=before,
    )
    return told(answer, visitor)


@router.get("/titles/{title}")
def one_title(desk: At, visitor: Looking, title: schemas.Title) -> Response:
    """A title, its sample, and what it costs."""
    return told(_title(desk, visitor, title), visitor)


@router.get("/titles/{title}/cover")
def cover(request: Request, desk: At, title: schemas.Title) -> Response:
    """The title's picture, or one that is drawn for it."""
    offer = desk.shop.offer(title)
    found = cover_of(desk.shelf, desk.shop.engine, title)
    if found is None:
        letter = next((one.upper() for one in offer.name if one.isalnum()), "♪")
        text = rendered("cover.svg.j2", letter=letter, hue=title * 47 % 360)
        return Response(text, 200, {**KEPT, "content-security-policy": "default-src 'none'"}, "image/svg+xml")
    path, kind = found
    return answered(request, os.open(path, os.O_RDONLY), path.name, kind, KEPT)


@router.post("/titles/{title}")
def buy(desk: At, buyer: Buying, title: schemas.Title, form: Form) -> Response:
    """Buys at the price that the page showed: for good, or for as long as the form's `offer` says."""
    offer = number_in(form, "offer", NUMBER_LIMIT) if "offer" in form else None
    try:
        bought, is_new = desk.shop.buy(buyer.user, title, desk.now_ms(), number_in(form, "price", UNITS_LIMIT), offer)
    except Refused as refusal:
        if refusal.code == NO_TITLE:
            raise
        return _title(desk, buyer, title, refusal)
    done = "had" if not is_new else "bought" if bought.term is None else "rented"
    return telling(elsewhere(f"/titles/{title}"), done)


@router.get("/subscriptions")
def subscriptions(desk: At, visitor: Looking) -> Response:
    """Tastes that one can subscribe to."""
    return told(_subscriptions(desk, visitor), visitor)


@router.post("/subscriptions")
def join_or_leave(desk: At, buyer: Buying, form: Form) -> Response:
    """Subscribes (fields `join`: the taste's number, and `price`: what the page showed), or ends it (`leave`)."""
    if "leave" in form:
        desk.shop.leave(buyer.user, number_in(form, "leave", NUMBER_LIMIT))
        return telling(elsewhere("/subscriptions"), "left")
    try:
        seen = number_in(form, "price", UNITS_LIMIT)
        desk.shop.join(buyer.user, number_in(form, "join", NUMBER_LIMIT), desk.now_ms(), seen)
    except Refused as refusal:
        return _subscriptions(desk, buyer, refusal)
    return telling(elsewhere("/subscriptions"), "joined")


def _title(desk: Desk, visitor: Visitor, title: int, refusal: Refused | None = None) -> Response:
    now_ms = desk.now_ms()
    found = desk.shop.offer(title, visitor.user, now_ms)
    facts = [(name, found.extras[name]) for name in SHOWN if name in found.extras]
    offers = [] if found.bought else desk.shop.rentals(title, now_ms)
    return said("title.html.j2", refusal, visitor=visitor, title=found, facts=facts, offers=offers)


def _subscriptions(desk: Desk, visitor: Visitor, refusal: Refused | None = None) -> Response:
    return said("subscriptions.html.j2", refusal, visitor=visitor, tastes=desk.shop.tastes(visitor.user))
