"""Revoked terminals: for a call they are unknown from then on, with the same answer and the same work."""

from settop.errors import LocalError
from sqlalchemy import Connection, Engine, Row, select, update

from headend.accounts.engine import transaction
from headend.callcentre.models import Call, Subscriber

REVOKED = "revoked"
"""How the record of a call ends that was under way."""


def revoke(engine: Engine, terminal_id: bytes, now_ms: int) -> int:
    """Revokes a terminal and ends its call: no key leaves any more. Since when it is revoked, in Unix ms.

    One that is revoked already stays so since then. Raises LocalError for an unknown terminal.
    """
    with transaction(engine) as connection:
        row = _locked(connection, terminal_id)
        if row.revoked_ms is not None:
            return int(row.revoked_ms)
        this = Subscriber.subscriber_id == row.subscriber_id
        connection.execute(update(Subscriber).where(this).values(revoked_ms=now_ms))
        running = (Call.subscriber_id == row.subscriber_id, Call.ended_ms.is_(None))
        connection.execute(update(Call).where(*running).values(ended_ms=now_ms, reason=REVOKED))
    return now_ms


def reinstate(engine: Engine, terminal_id: bytes) -> bool:
    """Takes a revocation back. False where there is none. Raises LocalError for an unknown terminal."""
    with transaction(engine) as connection:
        row = _locked(connection, terminal_id)
        this = Subscriber.subscriber_id == row.subscriber_id
        connection.execute(update(Subscriber).where(this).values(revoked_ms=None))
    return row.revoked_ms is not None


def _locked(connection: Connection, terminal_id: bytes) -> Row[int, int | None]:
    row = connection.execute(
        select(Subscriber.subscriber_id, Subscriber.revoked_ms)
        .where(Subscriber.terminal_id == terminal_id)
        .with_for_update()
    ).one_or_none()
    if row is None:
        raise LocalError(f"no terminal {terminal_id.hex()} is registered in this database")
    return row
