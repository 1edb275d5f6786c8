"""Prepaid cards: each is credited once. Within the caller's transaction.

The database has a digest of the number under a key of its own, so that who reads the database cannot spend a card.
"""

import hmac
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, insert, select, update

from headend.accounts.money import add_credit
from headend.shop import ledger
from headend.shop.card_number import draw_number
from headend.shop.models import Card, Client, Transaction
from headend.shop.refusals import CARD_USED, NO_CARD, NO_CLIENT, Refused, checked_units

DIGEST_KEY_ID = b"shop card digest"
"""Of the secret under which numbers are digested."""


@dataclass(frozen=True)
class CardLine:
    """A card as its list shows it: by its own number in the database, never by the one that spends it."""

    card: int
    units: int
    made_ms: int
    client: str | None
    user: int | None
    credited_ms: int | None


def digest(key: bytes, number: str) -> bytes:
    """What the database has of a number."""
    return hmac.digest(key, number.encode(), "sha256")[:16]


def new_card(connection: Connection, key: bytes, units: int, now_ms: int) -> str:
    """A new card's number, which nothing can tell again. Raises Refused for an impossible amount."""
    number = draw_number()
    row = {"digest": digest(key, number), "units": checked_units(units), "made_ms": now_ms}
    connection.execute(insert(Card).values(**row))
    return number


def redeem(connection: Connection, key: bytes, number: str, user_id: int, now_ms: int) -> tuple[int, bool]:
    """Credits a card to a user: its units, and whether just now. The one who had it already is told so again, for the
    answer may have been lost. Raises Refused where it is unknown, or another's.
    """
    user = ledger.locked_user(connection, user_id)
    card = _card(connection, key, number)
    if card.user_id == user_id:
        return card.units, False
    return _credit(connection, _unused(card), user, now_ms), True


def claim(connection: Connection, key: bytes, number: str, client_id: bytes) -> tuple[int, bool] | None:
    """Keeps a card for the first user of a client that has none: its units, and whether just now. None: by now it has
    one. Raises Refused.
    """
    look = select(Client.user_id).where(Client.client_id == client_id, Client.removed_ms.is_(None))
    client = connection.execute(look.with_for_update()).one_or_none()
    if client is None:
        raise Refused(NO_CLIENT)
    if client.user_id is not None:
        return None
    card = _card(connection, key, number)
    if card.client_id == client_id and card.user_id is None:
        return card.units, False
    _unused(card)
    connection.execute(update(Card).where(Card.card_id == card.card_id).values(client_id=client_id))
    return card.units, True


def credit_claimed(connection: Connection, client_id: bytes, user_id: int, now_ms: int) -> int:
    """Credits what was claimed on a client to the user, whose row is locked and who has the client's; the units."""
    look = select(Card.card_id, Card.units).where(Card.client_id == client_id, Card.transaction_id.is_(None))
    claimed = connection.execute(look.order_by(Card.card_id).with_for_update()).all()
    if not claimed:
        return 0
    user = ledger.locked_user(connection, user_id)
    return sum(_credit(connection, _Card(*card, None, client_id), user, now_ms) for card in claimed)


def cards(connection: Connection, unused: bool = False) -> list[CardLine]:
    """All cards, the newest first; `unused`: those alone that were neither credited nor claimed."""
    look = (
        select(Card.card_id, Card.units, Card.made_ms, Card.client_id, Transaction.user_id, Transaction.at_ms)
        .outerjoin(Transaction, Transaction.transaction_id == Card.transaction_id)
        .order_by(Card.card_id.desc())
    )
    if unused:
        look = look.where(Card.transaction_id.is_(None), Card.client_id.is_(None))
    return [
        CardLine(row[0], row[1], row[2], None if row[3] is None else row[3].hex(), row[4], row[5])
        for row in connection.execute(look)
    ]


class _Card(NamedTuple):
    """`user_id`: whom it was credited to; `client_id`: which client it is or was kept for."""

    card_id: int
    units: int
    user_id: int | None
    client_id: bytes | None


def _card(connection: Connection, key: bytes, number: str) -> _Card:
    """The card, which nobody else takes until the end."""
    look = select(Card.card_id, Card.units, Card.transaction_id, Card.client_id)
    found = connection.execute(look.where(Card.digest == digest(key, number)).with_for_update()).one_or_none()
    if found is None:
        raise Refused(NO_CARD)
    user_id = None
    if found.transaction_id is not None:
        # A look of its own: a join would show what was before the wait for the card's row.
        whose = select(Transaction.user_id).where(Transaction.transaction_id == found.transaction_id)
        user_id = connection.scalar(whose)
    return _Card(found.card_id, found.units, user_id, found.client_id)


def _unused(card: _Card) -> _Card:
    if card.user_id is not None or card.client_id is not None:
        raise Refused(CARD_USED)
    return card


def _credit(connection: Connection, card: _Card, user: ledger.Payer, now_ms: int) -> int:
    lines = ledger.moved(ledger.CARDS, ledger.USER, card.units, user.user_id)
    booked = ledger.book(connection, ledger.CARD, user.user_id, now_ms, lines, f"card {card.card_id}")
    connection.execute(update(Card).where(Card.card_id == card.card_id).values(transaction_id=booked))
    add_credit(connection, user.account_id, card.units)
    return int(card.units)
