"""A token is bought: debit, record and end in one transaction, or none of them. Within the caller's.

Whoever has a token by a time limit gets that one again for nothing while it is good: an answer that was lost costs
nothing. By another time limit of the same title he gets another one. What is free is no line of the ledger.
"""

import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, Select, delete, insert, select

from headend.accounts import money
from headend.shop import ledger
from headend.shop.refusals import NO_LIMIT, NO_STREAM, NO_UNITS, PRICE_CHANGED, Refused
from headend.stream.catalogue import uri_of
from headend.stream.models import StreamGrant, StreamLimit, StreamTitle

NUMBER_BYTES = 8


@dataclass(frozen=True)
class Granted:
    """The record of a token. `limit`: the time limit's name; `transaction`: what paid for it, None for a free one."""

    number: bytes
    stream: int
    name: str
    label: str
    uri: str
    limit: str
    transaction: int | None
    issued_ms: int
    expires_ms: int


def buy(
    connection: Connection, user_id: int, stream_id: int, limit_id: int, now_ms: int, price: int | None = None
) -> tuple[Granted, bool]:
    """The record of the token, and whether it was made just now. `price`: what the user has seen.

    Raises Refused; nothing is changed then.
    """
    user = ledger.locked_user(connection, user_id)
    offered = connection.execute(
        select(
            StreamTitle.name,
            StreamLimit.price,
            StreamLimit.holds_s,
            StreamLimit.withdrawn,
            StreamTitle.withdrawn.label("gone"),
        )
        .join(StreamTitle, StreamTitle.stream_id == StreamLimit.stream_id)
        .where(StreamLimit.limit_id == limit_id, StreamLimit.stream_id == stream_id)
    ).one_or_none()
    if offered is None:
        known = connection.scalar(select(StreamTitle.withdrawn).where(StreamTitle.stream_id == stream_id))
        raise Refused(NO_STREAM if known in (None, True) else NO_LIMIT)
    standing = _standing(user_id, now_ms).where(StreamGrant.limit_id == limit_id)
    if had := _read(connection, standing):
        return had[0], False
    if offered.gone or offered.withdrawn:
        raise Refused(NO_STREAM if offered.gone else NO_LIMIT)
    if price is not None and price != offered.price:
        raise Refused(PRICE_CHANGED)
    forget_expired(connection, user_id, now_ms)
    row = {
        "number": secrets.token_bytes(NUMBER_BYTES),
        "user_id": user_id,
        "limit_id": limit_id,
        "transaction_id": None,
        "issued_ms": now_ms,
        "expires_ms": now_ms + 1000 * offered.holds_s,
    }
    if offered.price:
        lines = ledger.moved(ledger.USER, ledger.SALES, offered.price, user_id)
        note = f"stream {offered.name}"
        row["transaction_id"] = ledger.book(connection, ledger.STREAM, user_id, now_ms, lines, note)
    connection.execute(insert(StreamGrant).values(**row))
    if offered.price and not money.pay(connection, user.account_id, offered.price):
        raise Refused(NO_UNITS)
    (made,) = _read(connection, standing)
    return made, True


def granted(connection: Connection, user_id: int, now_ms: int) -> list[Granted]:
    """Records of a user's tokens that are good, in the order of purchase."""
    return _read(connection, _standing(user_id, now_ms))


def forget_expired(connection: Connection, user_id: int, now_ms: int) -> int:
    """Records of tokens that are good for nothing any more go; how many. What paid for them stays in the ledger."""
    over = (StreamGrant.user_id == user_id, StreamGrant.expires_ms <= now_ms)
    return connection.execute(delete(StreamGrant).where(*over)).rowcount


_Rows = Select[bytes, int, str, str, str, str, int | None, int, int]


def _standing(user_id: int, now_ms: int) -> _Rows:
    return (
        select(
            StreamGrant.number,
            StreamTitle.stream_id,
            StreamTitle.name,
            StreamTitle.label,
            StreamTitle.server,
            StreamLimit.name,
            StreamGrant.transaction_id,
            StreamGrant.issued_ms,
            StreamGrant.expires_ms,
        )
        .join(StreamLimit, StreamLimit.limit_id == StreamGrant.limit_id)
        .join(StreamTitle, StreamTitle.stream_id == StreamLimit.stream_id)
        .where(StreamGrant.user_id == user_id, StreamGrant.expires_ms > now_ms)
        .order_by(StreamGrant.issued_ms, StreamGrant.number)
    )


def _read(connection: Connection, look: _Rows) -> list[Granted]:
    return [
        Granted(number, stream, name, label, uri_of(server, name), limit, transaction, issued_ms, expires_ms)
        for number, stream, name, label, server, limit, transaction, issued_ms, expires_ms in connection.execute(look)
    ]
