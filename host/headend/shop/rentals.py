"""Offers of a title for less than good, and the terms of rights that were bought so. Within the caller's transaction.

A right with an end holds from and to an instant, or so long from its first play on. The shop does not see that play: it
knows when a client got the key first. That client gets the whole time from its first play on; whoever gets the right
behind that (another client, the same one after it lost everything) has it until that time has gone by from the first
delivery, which is never more than was left.
"""

from collections.abc import Collection
from dataclasses import dataclass

from settop.errors import LocalError
from sqlalchemy import Connection, bindparam, insert, select, update

from headend.shop.models import Rental, Right, Terms, Title
from headend.shop.refusals import NO_OFFER, NO_TITLE, UNITS_LIMIT, Refused

MS_LIMIT = 1 << 53
HOLDS_LIMIT = 0xFFFFFFFF

_RENTALS = (
    select(Rental.title_id, Rental.begins_ms, Rental.ends_ms, Rental.holds_s, Rental.rental_id, Rental.price)
    .join(Title, Title.title_id == Rental.title_id)
    .where(
        Rental.title_id.in_(bindparam("titles", expanding=True)),
        Rental.withdrawn.is_(False),
        Title.withdrawn.is_(False),
    )
    .order_by(Rental.rental_id)
)
"""Made once: to put a statement together takes longer than the database does."""


@dataclass(frozen=True)
class Term:
    """`begins_ms`, `ends_ms`: Unix ms; `holds_s`: from the first play on; 0: not limited."""

    begins_ms: int = 0
    ends_ms: int = 0
    holds_s: int = 0


@dataclass(frozen=True)
class RentalOffer(Term):
    """An offer of a title, by its number `offer`, for `price` units."""

    offer: int = 0
    price: int = 0


def add_rental(connection: Connection, title_id: int, price: int, term: Term) -> int:
    """A new offer's number. Raises Refused for an unknown title, LocalError for terms that never end or hold."""
    if not 0 <= price <= UNITS_LIMIT:
        raise LocalError(f"a price is 0 to {UNITS_LIMIT} units")
    if not 0 <= term.holds_s <= HOLDS_LIMIT or not (0 <= term.begins_ms < MS_LIMIT and 0 <= term.ends_ms < MS_LIMIT):
        raise LocalError("hours and instants from 0 on, within what can be told")
    if term.ends_ms <= term.begins_ms if term.ends_ms else not term.holds_s:
        raise LocalError("an offer has an end behind its begin, or hours from the first play on")
    if connection.execute(select(Title.title_id).where(Title.title_id == title_id)).one_or_none() is None:
        raise Refused(NO_TITLE)
    made = connection.execute(
        insert(Rental).values(title_id=title_id, price=price, **vars(term), withdrawn=False)
    ).inserted_primary_key
    assert made is not None
    return int(made[0])


def withdraw_rental(connection: Connection, offer: int) -> None:
    """It is sold no more; what was bought runs on. Raises Refused."""
    if not connection.execute(update(Rental).where(Rental.rental_id == offer).values(withdrawn=True)).rowcount:
        raise Refused(NO_OFFER)


def rentals_of(connection: Connection, title_id: int, now_ms: int) -> list[RentalOffer]:
    """What there is of a title beside for good, by number; nothing of what is withdrawn or over."""
    return rentals_by_title(connection, [title_id], now_ms).get(title_id, [])


def rentals_by_title(connection: Connection, title_ids: Collection[int], now_ms: int) -> dict[int, list[RentalOffer]]:
    """The same of several titles; nothing for those that have none."""
    found: dict[int, list[RentalOffer]] = {}
    for title_id, *row in connection.execute(_RENTALS, {"titles": list(title_ids)}):
        one = RentalOffer(*row)
        if not one.ends_ms or now_ms < one.ends_ms:
            found.setdefault(title_id, []).append(one)
    return found


def rental(connection: Connection, title_id: int, offer: int, now_ms: int) -> RentalOffer:
    """One of them. Raises Refused."""
    for one in rentals_of(connection, title_id, now_ms):
        if one.offer == offer:
            return one
    raise Refused(NO_OFFER)


def record(connection: Connection, right_id: int, offer: RentalOffer) -> Term:
    """Writes down by which terms a right was bought; these, as a client is told them."""
    term = Term(offer.begins_ms, offer.ends_ms, offer.holds_s)
    until_ms = offer.ends_ms or None
    connection.execute(insert(Terms).values(right_id=right_id, rental_id=offer.offer, **vars(term), until_ms=until_ms))
    return term


def terms_of(connection: Connection, transaction_ids: Collection[int]) -> dict[int, Term]:
    """By which terms rights were bought, by the transaction; nothing for what is no purchase, or for good."""
    look = (
        select(Right.transaction_id, Terms.begins_ms, Terms.ends_ms, Terms.holds_s)
        .join(Terms, Terms.right_id == Right.right_id)
        .where(Right.transaction_id.in_(transaction_ids))
    )
    return {row[0]: Term(*row[1:]) for row in connection.execute(look)}


def deliver(connection: Connection, right_id: int, now_ms: int) -> Term | None:
    """What a client is told of a right that it gets now; None: for good.

    The first one gets the terms as they were bought; from then on the end is known. Of two at once one is first.
    """
    held = connection.execute(
        select(Terms.begins_ms, Terms.ends_ms, Terms.holds_s).where(Terms.right_id == right_id).with_for_update()
    ).one_or_none()
    if held is None:
        return None
    begins_ms, ends_ms, holds_s = held
    ends = [ends_ms] if ends_ms else []
    if holds_s:
        ends.append(max(now_ms, begins_ms) + 1000 * holds_s)
    first = update(Terms).where(Terms.right_id == right_id, Terms.delivered_ms.is_(None))
    if connection.execute(first.values(delivered_ms=now_ms, until_ms=min(ends))).rowcount:
        return Term(begins_ms, ends_ms, holds_s)
    until_ms = connection.execute(select(Terms.until_ms).where(Terms.right_id == right_id)).scalar_one()
    return Term(begins_ms, until_ms or 0, holds_s)
