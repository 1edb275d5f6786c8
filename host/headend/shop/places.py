"""Each request over a channel counts once: what lies behind the last one is told by one row, changed by one statement.

Sessions of one peer are in the order of their opening by the shop's clock; of two the later ends the earlier with its
first request. Within the caller's transaction.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from headend.shop.models import ChannelPlace

SESSION_BYTES = 8


@dataclass(frozen=True, order=True)
class Place:
    """Of a request. `issued_ms`: when its session was opened; `session`: how its transcript begins."""

    issued_ms: int
    session: bytes
    counter: int


def next_issue(connection: Connection, peer: bytes, now_ms: int) -> int:
    """When a session is said to be opened: now, or behind the last one where the clock was set back meanwhile."""
    last = connection.scalar(select(func.max(ChannelPlace.issued_ms)).where(ChannelPlace.peer == peer))
    return now_ms if last is None else max(now_ms, last + 1)


def advance(connection: Connection, peer: bytes, place: Place) -> bool:
    """The peer's requests have come to this one. False: it, or a later one, was there before."""
    table = ChannelPlace.__table__.c
    values = {"issued_ms": place.issued_ms, "session": place.session, "counter": place.counter}
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    new = dialect.insert(ChannelPlace).values(peer=peer, **values)
    before = tuple_(table.issued_ms, table.session, table.counter) < tuple_(*values.values())
    stated = new.on_conflict_do_update(index_elements=["peer"], set_=values, where=before)
    return connection.execute(stated.returning(ChannelPlace.counter)).one_or_none() is not None
