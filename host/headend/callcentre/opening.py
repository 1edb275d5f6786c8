"""How a call begins in the database: its token is judged, its record opened. Within the caller's transaction."""

from typing import Any

from settop.errors import LocalError
from settop.wire import call as wire
from sqlalchemy import Connection, Row, insert, select, update

from headend.callcentre.alarms import add_alarm
from headend.callcentre.ledger import OVERTAKEN, SUPERSEDED, Opening
from headend.callcentre.ledger import Subscriber as CallingSubscriber
from headend.callcentre.models import Call, OutdatedCall, Subscriber, Tariff
from headend.callcentre.revoking import REVOKED
from headend.callcentre.token_rows import read_tokens, write_tokens
from headend.callcentre.tokens import CLONE, CLONE_TEXT, KINDS, REPROVISION, WARN, judge

Programme = tuple[int, bytes]
"""(programme id, broadcast id)."""


def subscribed(connection: Connection, subscriber: CallingSubscriber) -> Row[Any]:
    """The subscriber's row, locked until the transaction is over. Raises LocalError where it has gone."""
    mine = Subscriber.subscriber_id == subscriber.subscriber_id
    row = connection.execute(select(Subscriber.__table__).where(mine).with_for_update()).one_or_none()
    if row is None:
        raise LocalError(f"no subscriber {subscriber.subscriber_id}")
    return row


def begin(
    connection: Connection,
    subscriber: CallingSubscriber,
    programme: Programme,
    now_ms: int,
    shown: bytes,
    fresh: bytes,
    max_price: int | None,
) -> Opening:
    """See headend.callcentre.ledger.Ledger.begin_call."""
    row = subscribed(connection, subscriber)
    if row.revoked_ms is not None:
        record = open_record(connection, row, programme, now_ms, max_price)
        return Opening(record, wire.DENY_TOO_DEAR if record is None else 0, token=fresh)
    verdict = judge(read_tokens(connection, row), shown, fresh)
    if not verdict.known and row.clone_rule != WARN:
        return _refuse(connection, subscriber, now_ms, row.clone_rule)
    if verdict.alarm:
        # Whatever becomes of the call: nobody tries a token without a trace.
        add_alarm(connection, subscriber.subscriber_id, now_ms, KINDS[verdict.alarm], verdict.alarm)
    record = open_record(connection, row, programme, now_ms, max_price, outdated=not verdict.known)
    if record is None:
        return Opening(None, wire.DENY_TOO_DEAR, alarm=verdict.alarm)
    write_tokens(connection, subscriber.subscriber_id, verdict.after)
    return Opening(record, unfinished=verdict.unfinished, alarm=verdict.alarm, token=verdict.after.pending or fresh)


def open_record(
    connection: Connection,
    row: Row[Any],
    programme: Programme,
    now_ms: int,
    max_price: int | None,
    outdated: bool = False,
) -> int | None:
    """A new record of a subscriber whose `row` is locked; its id. Open ones end as superseded.

    `outdated`: the call showed an outdated token.

    None, and nothing changes, where a portion costs more than `max_price`.
    """
    tariff = connection.execute(
        select(Tariff.name, Tariff.portion_price, Tariff.set_up_price, Tariff.currency)
        .join(Subscriber, Subscriber.tariff_id == Tariff.tariff_id)
        .where(Subscriber.subscriber_id == row.subscriber_id)
    ).one()
    if max_price is not None and tariff.portion_price > max_price:
        return None
    _end_open(connection, row.subscriber_id, now_ms, OVERTAKEN if outdated else SUPERSEDED)
    key = connection.execute(
        insert(Call).values(
            subscriber_id=row.subscriber_id,
            programme_id=programme[0],
            broadcast_id=programme[1],
            started_ms=now_ms,
            # Revoked since it was found: the record is over before a key can leave.
            ended_ms=None if row.revoked_ms is None else now_ms,
            reason=None if row.revoked_ms is None else REVOKED,
            tariff=tariff.name,
            portion_price=tariff.portion_price,
            set_up_price=tariff.set_up_price,
            currency=tariff.currency,
        )
    ).inserted_primary_key
    assert key is not None
    if outdated:
        connection.execute(insert(OutdatedCall).values(call_id=key[0]))
    return int(key[0])


def _refuse(connection: Connection, subscriber: CallingSubscriber, now_ms: int, rule: str) -> Opening:
    """An outdated token, and a rule that lets none pass. Who shows a valid one goes on, unless all are to end."""
    add_alarm(connection, subscriber.subscriber_id, now_ms, CLONE, CLONE_TEXT)
    if rule != REPROVISION:
        return Opening(None, wire.DENY_CLONE, alarm=CLONE_TEXT)
    _change(connection, subscriber, revoked_ms=now_ms)
    _end_open(connection, subscriber.subscriber_id, now_ms, REVOKED)
    return Opening(None, wire.DENY_WITHDRAWN, alarm=CLONE_TEXT)


def _end_open(connection: Connection, subscriber_id: int, now_ms: int, reason: str) -> None:
    connection.execute(
        update(Call)
        .where(Call.subscriber_id == subscriber_id, Call.ended_ms.is_(None))
        .values(ended_ms=now_ms, reason=reason)
    )


def _change(connection: Connection, subscriber: CallingSubscriber, **values: object) -> None:
    connection.execute(update(Subscriber).where(Subscriber.subscriber_id == subscriber.subscriber_id).values(**values))
