"""Call records as they are read back: what a call delivered, and what it cost."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, exists, func, select
from sqlalchemy.orm import aliased

from headend.callcentre.models import Alarm, Call, Charge, Delivery


@dataclass(frozen=True)
class CallRecord:
    """A call's bill. Portions in rising order; `price` in hundredths of `currency`, set-up included.

    `withdrawn`: taken back by a goodbye; what is paid for through another delivery of the same portion stays paid.
    `alarms`: what the operator was told of the subscriber from its start to its end, oldest first.
    """

    call: int
    programme_id: int
    broadcast_id: bytes
    started_ms: int
    ended_ms: int | None
    reason: str | None
    delivered: tuple[int, ...]
    acknowledged: tuple[int, ...]
    withdrawn: tuple[int, ...]
    tariff: str
    price: int
    currency: str
    alarms: tuple[str, ...] = ()


def read_record(connection: Connection, call: Row[Any]) -> CallRecord:
    """The record of a row of `calls`."""
    deliveries = connection.execute(
        select(Delivery.portion, Delivery.acked_ms, Delivery.withdrawn)
        .where(Delivery.call_id == call.call_id)
        .order_by(Delivery.portion)
    ).all()
    alarms = connection.scalars(_alarms_in(call)).all()
    price = connection.scalar(select(func.sum(Charge.price)).where(Charge.call_id == call.call_id))
    return CallRecord(
        call=call.call_id,
        programme_id=call.programme_id,
        broadcast_id=bytes(call.broadcast_id),
        started_ms=call.started_ms,
        ended_ms=call.ended_ms,
        reason=call.reason,
        delivered=tuple(d.portion for d in deliveries),
        acknowledged=tuple(d.portion for d in deliveries if d.acked_ms is not None),
        withdrawn=tuple(d.portion for d in deliveries if d.withdrawn),
        tariff=call.tariff,
        price=int(price or 0),
        currency=call.currency,
        alarms=tuple(alarms),
    )


def _alarms_in(call: Row[Any]) -> Select[str]:
    """A subscriber has one call at a time: an alarm is its who had begun last, as long as that call lasted."""
    later = aliased(Call)
    begun = exists().where(
        later.subscriber_id == call.subscriber_id, later.call_id > call.call_id, later.started_ms <= Alarm.at_ms
    )
    inside = [Alarm.subscriber_id == call.subscriber_id, Alarm.at_ms >= call.started_ms, ~begun]
    if call.ended_ms is not None:
        inside.append(Alarm.at_ms <= call.ended_ms)
    return select(Alarm.text).where(*inside).order_by(Alarm.alarm_id)
