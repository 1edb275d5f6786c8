"""Purchase: debit, key and record in one transaction, or none of them; what was bought is given again for nothing.

Whoever buys what he has already gets the same once more: an answer that was lost costs nothing.
"""

import secrets
from dataclasses import dataclass, field

from sqlalchemy import Connection, Integer, and_, bindparam, insert, select, update

from headend.accounts import money
from headend.accounts.models import SealedSecret
from headend.accounts.vault import Vault
from headend.shop import groups, ledger
from headend.shop.models import Member, Right, Title
from headend.shop.refusals import NO_RIGHT, NO_TITLE, NO_UNITS, PRICE_CHANGED, Refused
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
        Member.user_id.label("member"),
    )
    .outerjoin(Right, _HAVE)
    .outerjoin(Member, and_(Member.group_id == Title.group_id, Member.user_id == _USER))
    .where(Title.title_id == bindparam("title"))
)
"""Made once: to put a statement together takes longer than the database does."""


@dataclass(frozen=True)
class Bought:
    """A right that stands. `kid`: the key's id, which the title's header names."""

    right: int
    transaction: int
    title: int
    name: str
    kid: bytes
    key: bytes = field(repr=False)


def buy(
    connection: Connection, vault: Vault, user_id: int, title_id: int, now_ms: int, price: int | None = None
) -> tuple[Bought, bool]:
    """What was bought, and whether it was just now: had already, it costs nothing. `price`: what the user has seen.

    Raises Refused; nothing is changed then.
    """
    user = ledger.locked_user(connection, user_id)
    title = connection.execute(_OFFER, {"user": user_id, "title": title_id}).one_or_none()
    if title is not None and title.right_id is not None:
        key = vault.get(connection, title.key_id)
        return Bought(title.right_id, title.transaction_id, title_id, title.name, title.key_id, key), False
    if title is None or title.withdrawn:
        raise Refused(NO_TITLE)
    if price is not None and price != title.price:
        raise Refused(PRICE_CHANGED)
    if title.group_id is not None and title.member is not None:
        kid = groups.key_of(connection, vault, title.group_id)
        key = vault.get(connection, kid)
    else:
        key = secrets.token_bytes(KEY_BYTES)
        kid = vault.put(connection, key)
    lines = ledger.moved(ledger.USER, ledger.SALES, title.price, user_id)
    lines += ledger.moved(ledger.STORE, ledger.USER, 1, user_id, title_id)
    booked = ledger.book(connection, ledger.PURCHASE, user_id, now_ms, lines, f"title {title_id}")
    row = {"user_id": user_id, "title_id": title_id, "key_id": kid, "transaction_id": booked, "bought_ms": now_ms}
    made = connection.execute(_RIGHT, row).inserted_primary_key
    assert made is not None
    if title.price and not money.pay(connection, user.account_id, title.price):
        raise Refused(NO_UNITS)
    return Bought(int(made[0]), booked, title_id, title.name, kid, key), True


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
        )
        .join(Title, Title.title_id == Right.title_id)
        .join(SealedSecret, SealedSecret.secret_id == Right.key_id)
        .where(Right.user_id == user_id, Right.refunded_ms.is_(None))
        .order_by(Right.right_id)
    )
    if title_id is not None:
        look = look.where(Right.title_id == title_id)
    return [
        Bought(row[0], row[1], row[2], row[3], row[4], vault.open(connection, row[4], row[5], row[6]))
        for row in connection.execute(look).all()
    ]
