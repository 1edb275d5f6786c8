"""Subscribers, calls and alarms as an operator looks at them: newest first, filtered, and never a key or a token."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, func, select

from headend.accounts.engine import transaction
from headend.accounts.models import Account, Terminal
from headend.callcentre.models import Alarm, AllowedProgramme, Call, Charge, Delivery, Subscriber, Tariff


@dataclass(frozen=True)
class Only:
    """What to show. `since_ms`: calls begun, alarms raised and subscribers who called since then, in Unix ms.

    `subscriber`: a subscriber's number, or the 8 bytes of a terminal's id. `limit`: the newest so many.
    """

    since_ms: int | None = None
    subscriber: int | bytes | None = None
    limit: int | None = None


@dataclass(frozen=True)
class SubscriberLine:
    """`programmes` None: all of them. Money in hundredths of `currency`; `credit` None: no limit. Times in Unix ms."""

    subscriber: int
    terminal: str
    account: int
    tariff: str
    programmes: tuple[int, ...] | None
    credit: int | None
    charged: int
    currency: str
    calls: int
    last_call_ms: int | None
    alarms: int
    clone_rule: str
    revoked_ms: int | None


@dataclass(frozen=True)
class CallLine:
    """`portions`: keys that left and were not given back. `ended_ms` None: under way. `price`: what it paid for."""

    call: int
    subscriber: int
    terminal: str
    programme: int
    broadcast: str
    started_ms: int
    ended_ms: int | None
    reason: str | None
    portions: int
    withdrawn: int
    price: int
    currency: str
    tariff: str


@dataclass(frozen=True)
class AlarmLine:
    """`at_ms` in Unix ms."""

    alarm: int
    subscriber: int
    terminal: str
    at_ms: int
    kind: str
    text: str


def subscribers(engine: Engine, only: Only, revoked: bool = False) -> list[SubscriberLine]:
    """The subscribers, the newest first. revoked: those alone that are."""
    calls = select(func.count()).where(Call.subscriber_id == Subscriber.subscriber_id).scalar_subquery()
    last = select(func.max(Call.started_ms)).where(Call.subscriber_id == Subscriber.subscriber_id).scalar_subquery()
    alarms_of = select(func.count()).where(Alarm.subscriber_id == Subscriber.subscriber_id).scalar_subquery()
    wanted: Any = (
        select(
            Subscriber,
            Account,
            Tariff.name,
            Tariff.currency,
            calls.label("calls"),
            last.label("last"),
            alarms_of.label("alarms"),
        )
        .join(Terminal, Terminal.terminal_id == Subscriber.terminal_id)
        .join(Account, Account.account_id == Terminal.account_id)
        .join(Tariff, Tariff.tariff_id == Subscriber.tariff_id)
        .order_by(Subscriber.subscriber_id.desc())
    )
    wanted = _of_subscriber(wanted, only)
    if only.since_ms is not None:
        wanted = wanted.where(last >= only.since_ms)
    if revoked:
        wanted = wanted.where(Subscriber.revoked_ms.is_not(None))
    with transaction(engine) as connection:
        rows = connection.execute(wanted).all()
        allowed: dict[int, list[int]] = {}
        for number, programme in connection.execute(
            select(AllowedProgramme.subscriber_id, AllowedProgramme.programme_id)
            .where(AllowedProgramme.subscriber_id.in_(wanted.with_only_columns(Subscriber.subscriber_id)))
            .order_by(AllowedProgramme.programme_id)
        ):
            allowed.setdefault(number, []).append(programme)
    return [
        SubscriberLine(
            subscriber=row.subscriber_id,
            terminal=row.terminal_id.hex(),
            account=row.account_id,
            tariff=row.name,
            programmes=None if row.every_programme else tuple(allowed.get(row.subscriber_id, ())),
            credit=row.credit,
            charged=row.charged,
            currency=row.currency,
            calls=row.calls,
            last_call_ms=row.last,
            alarms=row.alarms,
            clone_rule=row.clone_rule,
            revoked_ms=row.revoked_ms,
        )
        for row in rows
    ]


def calls(engine: Engine, only: Only, running: bool = False) -> list[CallLine]:
    """The calls, the newest first. running: those alone that have not ended."""
    wanted: Any = (
        select(
            *(column for column in Call.__table__.columns if column.name not in ("portion_price", "set_up_price")),
            Subscriber.terminal_id,
            _deliveries(withdrawn=False).label("portions"),
            _deliveries(withdrawn=True).label("withdrawn"),
            select(func.sum(Charge.price)).where(Charge.call_id == Call.call_id).scalar_subquery().label("price"),
        )
        .join(Subscriber, Subscriber.subscriber_id == Call.subscriber_id)
        .order_by(Call.call_id.desc())
    )
    wanted = _of_subscriber(wanted, only)
    if only.since_ms is not None:
        wanted = wanted.where(Call.started_ms >= only.since_ms)
    if running:
        wanted = wanted.where(Call.ended_ms.is_(None))
    return [
        CallLine(
            call=row.call_id,
            subscriber=row.subscriber_id,
            terminal=row.terminal_id.hex(),
            programme=row.programme_id,
            broadcast=row.broadcast_id.hex(),
            started_ms=row.started_ms,
            ended_ms=row.ended_ms,
            reason=row.reason,
            portions=row.portions,
            withdrawn=row.withdrawn,
            price=int(row.price or 0),
            currency=row.currency,
            tariff=row.tariff,
        )
        for row in _all(engine, wanted)
    ]


def alarms(engine: Engine, only: Only, kinds: Iterable[str] = ()) -> list[AlarmLine]:
    """The alarms, the newest first. kinds: those alone, where there are any."""
    wanted: Any = (
        select(*Alarm.__table__.columns, Subscriber.terminal_id)
        .join(Subscriber, Subscriber.subscriber_id == Alarm.subscriber_id)
        .order_by(Alarm.at_ms.desc(), Alarm.alarm_id.desc())
    )
    wanted = _of_subscriber(wanted, only)
    if only.since_ms is not None:
        wanted = wanted.where(Alarm.at_ms >= only.since_ms)
    if kinds := tuple(kinds):
        wanted = wanted.where(Alarm.kind.in_(kinds))
    return [
        AlarmLine(row.alarm_id, row.subscriber_id, row.terminal_id.hex(), row.at_ms, row.kind, row.text)
        for row in _all(engine, wanted)
    ]


def _of_subscriber(wanted: Any, only: Only) -> Any:
    if isinstance(only.subscriber, bytes):
        wanted = wanted.where(Subscriber.terminal_id == only.subscriber)
    elif only.subscriber is not None:
        wanted = wanted.where(Subscriber.subscriber_id == only.subscriber)
    return wanted if only.limit is None else wanted.limit(only.limit)


def _deliveries(withdrawn: bool) -> Any:
    of_call = (Delivery.call_id == Call.call_id, Delivery.withdrawn.is_(withdrawn))
    return select(func.count()).where(*of_call).scalar_subquery()


def _all(engine: Engine, wanted: Any) -> list[Any]:
    with transaction(engine) as connection:
        return list(connection.execute(wanted))
