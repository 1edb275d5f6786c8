"""How often the key of one portion has left for one subscriber. Within the caller's transaction."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, exists, func, or_, select

from headend.callcentre.ledger import DELIVERIES_LIMIT, OUTDATED_DELIVERIES_LIMIT, OVERTAKEN
from headend.callcentre.models import Call, Delivery, OutdatedCall

ACKNOWLEDGED_FOR_ALARM = 2
"""So many calls must have acknowledged the key: one whose line drops before that names nobody."""


def fetched_too_often(
    connection: Connection, record: Row[Any], portion: int, since_ms: int, same_line: Collection[int]
) -> str | None:
    """None where the key may leave in this call; else what the operator is told, or "" for nothing.

    A call with an outdated token counts among those alone, and one that such a call has ended does not count: a copy
    takes nothing from who is not one. Calls that had ended by `since_ms`, when the portion began, do not count either.
    """
    outdated = bool(connection.scalar(select(exists().where(OutdatedCall.call_id == record.call_id))))
    is_outdated = exists().where(OutdatedCall.call_id == Call.call_id)
    counted = _others(record, portion, same_line).where(or_(Call.ended_ms.is_(None), Call.ended_ms >= since_ms))
    if outdated:
        counted, limit = counted.where(is_outdated), OUTDATED_DELIVERIES_LIMIT
    else:
        counted, limit = counted.where(~is_outdated, Call.reason.is_distinct_from(OVERTAKEN)), DELIVERIES_LIMIT
    if (connection.scalar(counted) or 0) < limit:
        return None
    acknowledged = _others(record, portion, same_line).where(Delivery.acked_ms.is_not(None))
    if (connection.scalar(acknowledged) or 0) < ACKNOWLEDGED_FOR_ALARM:
        return ""
    return (
        f"programme {record.programme_id}: the key of portion {portion} was asked for in a call more than "
        f"the {limit} that may have it"
    )


def deliveries_of(record: Row[Any]) -> tuple[ColumnElement[bool], ...]:
    """The deliveries of this subscriber's calls for this broadcast."""
    return (
        Delivery.call_id == Call.call_id,
        Call.subscriber_id == record.subscriber_id,
        Call.programme_id == record.programme_id,
        Call.broadcast_id == record.broadcast_id,
    )


def _others(record: Row[Any], portion: int, same_line: Collection[int]) -> Select[int]:
    """Other calls in which the key of this portion has left, taken back or not."""
    return (
        select(func.count())
        .select_from(Delivery)
        .join(Call, Call.call_id == Delivery.call_id)
        .where(
            *deliveries_of(record),
            Delivery.portion == portion,
            Delivery.call_id.not_in([record.call_id, *same_line]),
        )
    )
