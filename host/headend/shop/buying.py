"""Purchase: debit, key and record in one transaction, or none of them; what was bought is given again for nothing.

Whoever buys what he has already gets the same once more: an answer that was lost costs nothing. A right with an end
(headend.shop.rentals) may be bought anew when it may be over, and makes room for one for good before.
"""

import secrets
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, Integer, and_, bindparam, insert, select, update

from headend.accounts import money
from headend.accounts.models import SealedSecret
from headend.accounts.vault import Vault
from headend.shop import groups, ledger, rentals
from headend.shop.models import Member, Right, Terms, Title
from headend.shop.refusals import NO_RIGHT, NO_TITLE, NO_UNITS, PRICE_CHANGED, STILL_RUNS, Refused
from headend.shop.rentals import RentalOffer, Term
from headend.titles.protection import KEY_BYTES

_RIGHT = insert(Right)
_USER = bindparam("user", type_=Integer)
_HAVE = and_(Right.title_id == Title.title_id, Right.user_id == _USER, Right.refunded_ms.is_(None))
_OFFER = (
    select(
        Title.name,
        Title.price,
        Title.withdrawn,
        Title.group_id,
        Right.right_id,
        Right.key_id,
        Right.transaction_id,
        Terms.rental_id,
        Terms.begins_ms,
        Terms.ends_ms,
        Terms.holds_s,
        Terms.until_ms,
        Member.user_id.label("member"),
    )
    .outerjoin(Right, _HAVE)
    .outerjoin(Terms, Terms.right_id == Right.right_id)
    .outerjoin(Member, and_(Member.group_id == Title.group_id, Member.user_id == _USER))
    .where(Title.title_id == bindparam("title"))
)
"""Made once: to put a statement together takes longer than the database does."""


@dataclass(frozen=True)
class Bought:
    """A right that stands. `kid`: the key's id, which the title's header names. `term`: of one with an end, as it was
    bought or, from headend.shop.rentals.deliver, as a client is told it; `until_ms`: when it may be
    over at the earliest.
    """

    right: int
    transaction: int
    title: int
    name: str
    kid: bytes
    key: bytes = field(repr=False)
    term: Term | None = None
    until_ms: int | None = None

    def over(self, now_ms: int) -> bool:
        """Whether it has ended, as far as the shop can know."""
        return self.until_ms is not None and now_ms >= self.until_ms


def buy(
    connection: Connection,
    vault: Vault,
    user_id: int,
    title_id: int,
    now_ms: int,
    price: int | None = None,
    offer: int | None = None,
) -> tuple[Bought, bool]:
    """What was bought, and whether it was just now: had already, it costs nothing. `price`: what the user has seen;
    `offer`: the number of one with an end (headend.shop.rentals), or for good.

    Raises Refused; nothing is changed then.
    """
    user = ledger.locked_user(connection, user_id)
    title = connection.execute(_OFFER, {"user": user_id, "title": title_id}).one_or_none()
    had = None
    if title is not None and title.right_id is not None:
        had = _had(connection, vault, title_id, title)
        runs = not had.over(now_ms)
        if had.term is None or (runs and offer == title.rental_id):
            return had, False
        if runs and offer is not None:
            raise Refused(STILL_RUNS)
    if title is None or title.withdrawn:
        raise Refused(NO_TITLE)
    rental = None if offer is None else rentals.rental(connection, title_id, offer, now_ms)
    costs = title.price if rental is None else rental.price
    if price is not None and price != costs:
        raise Refused(PRICE_CHANGED)
    if had is not None:
        _make_room(connection, had, user_id, now_ms)
    kid, key = _key_for(connection, vault, title, had, rental)
    lines = ledger.moved(ledger.USER, ledger.SALES, costs, user_id)
    lines += ledger.moved(ledger.STORE, ledger.USER, 1, user_id, title_id)
    booked = ledger.book(connection, ledger.PURCHASE, user_id, now_ms, lines, f"title {title_id}")
    row = {"user_id": user_id, "title_id": title_id, "key_id": kid, "transaction_id": booked, "bought_ms": now_ms}
    made = connection.execute(_RIGHT, row).inserted_primary_key
    assert made is not None
    right_id = int(made[0])
    term = None if rental is None else rentals.record(connection, right_id, rental)
    if costs and not money.pay(connection, user.account_id, costs):
        raise Refused(NO_UNITS)
    until_ms = None if term is None else term.ends_ms or None
    return Bought(right_id, booked, title_id, title.name, kid, key, term, until_ms), True


def _had(connection: Connection, vault: Vault, title_id: int, row: Any) -> Bought:
    term = None if row.rental_id is None else Term(row.begins_ms, row.ends_ms, row.holds_s)
    key = vault.get(connection, row.key_id)
    return Bought(row.right_id, row.transaction_id, title_id, row.name, row.key_id, key, term, row.until_ms)


def _make_room(connection: Connection, had: Bought, user_id: int, now_ms: int) -> None:
    """A right with an end goes back to the store, by an entry of its own; what was paid for it stays paid."""
    lines = ledger.moved(ledger.USER, ledger.STORE, 1, user_id, had.title)
    ledger.book(connection, ledger.END, user_id, now_ms, lines, f"title {had.title}")
    connection.execute(update(Right).where(Right.right_id == had.right).values(refunded_ms=now_ms))


def _key_for(
    connection: Connection, vault: Vault, title: Any, had: Bought | None, rental: RentalOffer | None
) -> tuple[bytes, bytes]:
    """(key id, key). A right with an end never has a subscription's key, which opens other titles for good. What
    follows one has its key: the copy that was downloaded opens by it, and the terminal knows which of the two is newer.
    """
    if had is not None:
        return had.kid, had.key
    if rental is None and title.group_id is not None and title.member is not None:
        kid = groups.key_of(connection, vault, title.group_id)
        return kid, vault.get(connection, kid)
    key = secrets.token_bytes(KEY_BYTES)
    return vault.put(connection, key), key


def deliver(connection: Connection, bought: Bought, now_ms: int) -> Bought:
    """What a client is told of it that gets it now (headend.shop.rentals)."""
    if bought.term is None:
        return bought
    return replace(bought, term=rentals.deliver(connection, bought.right, now_ms))


def refund(connection: Connection, user_id: int, title_id: int, now_ms: int) -> int:
    """Takes a purchase back by a counter-entry; the units. The right ends, its key stays in the books.

    Raises Refused.
    """
    user = ledger.locked_user(connection, user_id)
    standing = (Right.user_id == user_id, Right.title_id == title_id, Right.refunded_ms.is_(None))
    found = connection.execute(select(Right.right_id, Right.transaction_id).where(*standing)).one_or_none()
    if found is None:
        raise Refused(NO_RIGHT)
    taken = ledger.lines_of(connection, found.transaction_id)
    back = [ledger.Line(line.party, -line.amount, line.user_id, line.title_id) for line in taken]
    ledger.book(connection, ledger.REFUND, user_id, now_ms, back, f"title {title_id}", found.transaction_id)
    connection.execute(update(Right).where(Right.right_id == found.right_id).values(refunded_ms=now_ms))
    units = sum(line.amount for line in back if line.party == ledger.USER and line.title_id is None)
    if units:
        money.refund(connection, user.account_id, units)
    return units


def rights_of(connection: Connection, vault: Vault, user_id: int, title_id: int | None = None) -> list[Bought]:
    """What a user has, with its keys, in the order of purchase; `title_id`: of this one alone. Costs nothing."""
    look = (
        select(
            Right.right_id,
            Right.transaction_id,
            Right.title_id,
            Title.name,
            Right.key_id,
            SealedSecret.sealed,
            SealedSecret.key_version,
            Terms.begins_ms,
            Terms.ends_ms,
            Terms.holds_s,
            Terms.until_ms,
        )
        .join(Title, Title.title_id == Right.title_id)
        .join(SealedSecret, SealedSecret.secret_id == Right.key_id)
        .outerjoin(Terms, Terms.right_id == Right.right_id)
        .where(Right.user_id == user_id, Right.refunded_ms.is_(None))
        .order_by(Right.right_id)
    )
    if title_id is not None:
        look = look.where(Right.title_id == title_id)
    return [
        Bought(
            *row[:5],
            vault.open(connection, row[4], row[5], row[6]),
            None if row[7] is None else Term(*row[7:10]),
            row[10],
        )
        for row in connection.execute(look).all()
    ]
