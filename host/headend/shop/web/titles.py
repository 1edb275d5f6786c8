"""Titles by HTTP: catalogue, samples, subscriptions, purchases; copies and licences, in either order."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from settop.wire.licence import COMMAND

from headend.http.problems import documented
from headend.shop.buying import Bought
from headend.shop.catalogue import PAGE, Offer
from headend.shop.refusals import HAS_AN_END, NOT_YOURS, Refused
from headend.shop.rentals import RentalOffer
from headend.shop.sampling import sample_of
from headend.shop.web import schemas
from headend.shop.web.desk import At, Desk, PerhapsUser, User
from headend.shop.web.etags import answered
from headend.shop.web.terms import held_of, term_of
from headend.titles.terminal_licence import licence_line

KIND = "video/mp4"
_TRIES = 3

router = APIRouter(prefix="/api", responses=documented(422, 503))

_OR_NOBODY: dict[str, Any] = {"security": [{}]}
"""Added to what the dependencies say: a token, or none."""
FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "the whole", "content": {KIND: {"schema": {"type": "string", "format": "binary"}}}},
    206: {"description": "a range of it", "content": {KIND: {"schema": {"type": "string", "format": "binary"}}}},
    304: {"description": "what is named by If-None-Match"},
}


@router.get("/titles", tags=["catalogue"], responses=documented(401), openapi_extra=_OR_NOBODY)
def catalogue(request: Request, user: PerhapsUser, asked: Annotated[schemas.Looked, Query()]) -> schemas.Catalogue:
    """What is sold, a page at a time: whoever has signed in sees the titles of his subscriptions first."""
    desk: Desk = request.app.state.desk  # not At: this is asked for most, and each dependency takes its time
    now_ms = desk.now_ms()
    found, offers = desk.shop.browse(user, asked.taste, asked.words, asked.after, now_ms)
    told = {
        "titles": [_shown(one, offers.get(one.title, [])) for one in found],
        "next": asked.after + PAGE if len(found) == PAGE else None,
    }
    return schemas.Catalogue.model_validate(told)


@router.get("/titles/{title}", tags=["catalogue"], responses=documented(401, 404), openapi_extra=_OR_NOBODY)
def offer(desk: At, user: PerhapsUser, title: schemas.Title) -> schemas.Offer:
    """One title with its extras, and for how long it is sold beside for good."""
    now_ms = desk.now_ms()
    found = desk.shop.offer(title, user, now_ms)
    return schemas.Offer(**_shown(found, desk.shop.rentals(title, now_ms)))


@router.get(
    "/titles/{title}/sample",
    tags=["catalogue"],
    response_class=Response,
    responses={**FILE, **documented(404, 416)},
)
@router.head("/titles/{title}/sample", include_in_schema=False)
def sample(desk: At, request: Request, title: schemas.Title) -> Response:
    """The beginning of a title, in clear."""
    desk.shop.offer(title)
    kept = {"cache-control": "public, max-age=3600"}
    return file_of(request, lambda: sample_of(desk.shelf, desk.shop.engine, title), kept)


@router.get("/tastes", tags=["subscriptions"], responses=documented(401), openapi_extra=_OR_NOBODY)
def tastes(desk: At, user: PerhapsUser) -> schemas.Tastes:
    """The subscriptions there are."""
    found = desk.shop.tastes(user)
    return schemas.Tastes(
        tastes=[
            schemas.Subscription(taste=one.group, name=one.name, price=one.price, member=one.member) for one in found
        ]
    )


@router.put("/account/tastes/{taste}", tags=["subscriptions"], responses=documented(401, 402, 404, 409))
def join(desk: At, user: User, taste: schemas.Taste, asked: schemas.Price) -> schemas.Joined:
    """Subscribes, for the price that was seen: what is bought from now on of these titles has the members' key."""
    is_new = desk.shop.join(user, taste, desk.now_ms(), asked.price)
    return schemas.Joined(new=is_new, balance=desk.shop.balance(user))


@router.delete("/account/tastes/{taste}", status_code=204, tags=["subscriptions"], responses=documented(401))
def leave(desk: At, user: User, taste: schemas.Taste) -> None:
    """Ends a subscription; what was bought stays."""
    desk.shop.leave(user, taste)


@router.get("/account/titles", tags=["purchases"], responses=documented(401))
def library(desk: At, user: User) -> schemas.Library:
    """All that the user has bought: a client that lost everything takes copies and licences from here, at no cost."""
    now_ms = desk.now_ms()
    return schemas.Library(titles=[schemas.Owned(**_owned(one, now_ms)) for one in desk.shop.restore(user)])


@router.put("/account/titles/{title}", tags=["purchases"], responses=documented(401, 402, 404, 409))
def buy(desk: At, user: User, title: schemas.Title, asked: schemas.Price) -> schemas.Purchase:
    """Buys. Whoever has it already gets the same again for nothing: an answer that was lost may be asked for again."""
    return _bought(desk, user, title, asked.price)


@router.put("/account/titles/{title}/offers/{offer}", tags=["purchases"], responses=documented(401, 402, 404, 409))
def rent(
    desk: At, user: User, title: schemas.Title, offer: schemas.RentalNumber, asked: schemas.Price
) -> schemas.Purchase:
    """Buys for as long as this offer says. The same one again, while that may still run, costs nothing. A client gets
    the key in its channel: there is no licence to a right with an end.
    """
    return _bought(desk, user, title, asked.price, offer)


@router.get(
    "/account/titles/{title}/copy",
    tags=["purchases"],
    response_class=Response,
    responses={**FILE, **documented(401, 403, 416)},
)
@router.head("/account/titles/{title}/copy", include_in_schema=False)
def copy(desk: At, user: User, request: Request, title: schemas.Title) -> Response:
    """The user's copy, encrypted: the same octets whenever it is asked for, so that a download goes on by its ETag."""
    bought = desk.shop.right(user, title)
    return file_of(request, lambda: desk.shelf.copy_of(desk.shop.engine, bought, user), {})


@router.get("/account/titles/{title}/licences/{client}", tags=["purchases"], responses=documented(401, 403, 404, 409))
def licence(desk: At, user: User, title: schemas.Title, client: schemas.Client) -> schemas.Licence:
    """The title's key, sealed for one client of the user: nobody else opens it, whoever reads it."""
    client_id = bytes.fromhex(client)
    if client_id not in desk.shop.clients_of(user):
        raise Refused(NOT_YOURS)
    bought = desk.shop.right(user, title)
    if bought.term is not None:
        raise Refused(HAS_AN_END)  # a licence says nothing of an end: it would be for good
    sealed = [
        schemas.Sealed(
            key=one.number,
            licence=licence_line(one.key, client_id, bought.kid, bought.key).removeprefix(f"{COMMAND} "),
        )
        for one in desk.shop.client_keys(client_id)
    ]
    if not sealed:
        raise Refused(NOT_YOURS)  # removed meanwhile
    return schemas.Licence(title=title, kid=bought.kid.hex(), sealed=sealed)


def _bought(desk: Desk, user: int, title: int, price: int, offer: int | None = None) -> schemas.Purchase:
    now_ms = desk.now_ms()
    bought, is_new = desk.shop.buy(user, title, now_ms, price, offer)
    return schemas.Purchase(**_owned(bought, now_ms), new=is_new, balance=desk.shop.balance(user))


def _shown(offer: Offer, rentals: list[RentalOffer]) -> dict[str, Any]:
    """Of schemas.Offer, which leaves out what else there is."""
    offers = [{**term_of(one), "offer": one.offer, "price": one.price} for one in rentals]
    return {**vars(offer), "held": held_of(offer.term, offer.until_ms), "offers": offers}


def _owned(bought: Bought, now_ms: int) -> dict[str, Any]:
    return {
        "title": bought.title,
        "name": bought.name,
        "transaction": bought.transaction,
        "kid": bought.kid.hex(),
        "held": held_of(bought.term, bought.until_ms),
        "over": bought.over(now_ms),
    }


def file_of(request: Request, make: Callable[[], Path], headers: dict[str, str]) -> Response:
    """The file that `make` finds, or a part of it. Raises OSError."""
    handle, name = opened(make)
    return answered(request, handle, name, KIND, headers)


def opened(make: Callable[[], Path]) -> tuple[int, str]:
    """(descriptor, name) of the file that `make` finds. Raises OSError."""
    for _ in range(_TRIES - 1):
        path = make()
        with suppress(FileNotFoundError):  # it made room for another one meanwhile
            return os.open(path, os.O_RDONLY), path.name
    path = make()
    return os.open(path, os.O_RDONLY), path.name
