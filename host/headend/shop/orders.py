"""Orders of units and the notices that pay them: a notice credits its order once, however often it comes.

The user takes the order's id to a seller, who learns nothing else of him. Within the caller's transaction.
"""

import secrets

from settop.errors import LocalError
from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from headend.accounts.money import add_credit
from headend.shop import ledger, notice
from headend.shop.models import Order, Seller
from headend.shop.refusals import BAD_NOTICE, NO_ORDER, ORDER_PAID, Refused, checked_units

VALID_MS = 7 * 24 * 60 * 60 * 1000
"""A notice is believed for so long."""
AHEAD_MS = 10 * 60 * 1000
"""A seller's clock may be so far ahead."""
UNPAID_LIMIT = 20
"""Orders of one user that wait; a further one takes the oldest one's place."""


def add_seller(connection: Connection, name: str, public_key: bytes) -> int:
    """Who may sell units from now on; the number. Raises LocalError for what is no key, and where the name is taken."""
    if not 1 <= len(name) <= 64 or len(public_key) != notice.KEY_BYTES:
        raise LocalError(f"a seller has a name of 1 to 64 characters and a key of {notice.KEY_BYTES} octets")
    try:
        key = connection.execute(insert(Seller).values(name=name, public_key=public_key)).inserted_primary_key
    except IntegrityError:
        raise LocalError(f"there is a seller {name!r} already") from None
    assert key is not None
    return int(key[0])


def revoke_seller(connection: Connection, seller_id: int, now_ms: int) -> None:
    """No notice of this seller is believed any more. Raises LocalError where there is none."""
    known = (Seller.seller_id == seller_id, Seller.revoked_ms.is_(None))
    if not connection.execute(update(Seller).where(*known).values(revoked_ms=now_ms)).rowcount:
        raise LocalError(f"there is no seller {seller_id}")


def new_order(connection: Connection, user_id: int, units: int, now_ms: int) -> bytes:
    """The id of an order, which is only as secret as what it is good for: to pay for somebody. Raises Refused."""
    checked_units(units)
    ledger.locked_user(connection, user_id)
    unpaid = (Order.user_id == user_id, Order.transaction_id.is_(None))
    if (connection.scalar(select(func.count()).select_from(Order).where(*unpaid)) or 0) >= UNPAID_LIMIT:
        oldest = select(Order.order_id).where(*unpaid).order_by(Order.made_ms, Order.order_id).limit(1)
        connection.execute(delete(Order).where(Order.order_id == connection.scalar(oldest)))
    order_id = secrets.token_bytes(notice.ORDER_BYTES)
    connection.execute(insert(Order).values(order_id=order_id, user_id=user_id, units=units, made_ms=now_ms))
    return order_id


def accept(connection: Connection, data: bytes, now_ms: int) -> tuple[int, bool]:
    """A notice has come: the transaction that it led to, and whether just now. Raises Refused.

    The same notice again leads to the same transaction, so that a seller whose answer was lost may ask again.
    """
    said = notice.read(data)
    known = (Seller.seller_id == said.seller_id, Seller.revoked_ms.is_(None))
    key = connection.scalar(select(Seller.public_key).where(*known))
    if key is None:
        raise Refused(BAD_NOTICE)
    notice.verify(data, key)
    mine = Order.order_id == said.order_id
    user_id = connection.scalar(select(Order.user_id).where(mine))
    if user_id is None:
        raise Refused(NO_ORDER)
    user = ledger.locked_user(connection, user_id)
    order = connection.execute(select(Order.units, Order.notice, Order.transaction_id).where(mine)).one_or_none()
    if order is None:
        raise Refused(NO_ORDER)
    if order.transaction_id is not None:
        if order.notice != data:
            raise Refused(ORDER_PAID)
        return order.transaction_id, False
    if order.units != said.units or not now_ms - VALID_MS <= said.issued_ms <= now_ms + AHEAD_MS:
        raise Refused(BAD_NOTICE)
    lines = ledger.moved(ledger.SELLER, ledger.USER, said.units, user_id)
    booked = ledger.book(connection, ledger.UNITS, user_id, now_ms, lines, f"seller {said.seller_id}")
    paid = {"seller_id": said.seller_id, "notice": data, "transaction_id": booked}
    connection.execute(update(Order).where(mine).values(**paid))
    add_credit(connection, user.account_id, said.units)
    return booked, True
