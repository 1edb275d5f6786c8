"""`StoreLedger`: headend.callcentre.ledger.Ledger over the database. Each method commits before it returns.

Several processes may serve calls on one database. What keeps them from charging twice is the database itself:
a unique constraint per portion charged, and a credit that is reduced only by an UPDATE that checks it.
"""

from dataclasses import dataclass
from typing import Any

from settop.errors import LocalError
from sqlalchemy import Connection, Engine, Row, delete, exists, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from headend.callcentre.ledger import Subscriber as CallingSubscriber
from headend.store.master_key import MasterKey
from headend.store.models import SET_UP, AllowedProgramme, Call, Charge, Delivery, Subscriber, Tariff
from headend.store.subscribers import check_master_key


@dataclass(frozen=True)
class CallRecord:
    """A call's bill. Portions in rising order; `price` in hundredths of `currency`, set-up included."""

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


class StoreLedger:
    """See headend.callcentre.ledger.Ledger. A wrong master key is a LocalError at the first `find`."""

    def __init__(self, engine: Engine, master_key: MasterKey) -> None:
        self._engine = engine
        self._master_key = master_key
        self._checked = False

    def find(self, terminal_id: bytes) -> CallingSubscriber | None:
        """The subscriber with this terminal, or None."""
        if not self._checked:
            check_master_key(self._engine, self._master_key)
            self._checked = True
        with self._engine.begin() as connection:
            row = connection.execute(
                select(Subscriber.subscriber_id, Subscriber.sealed_key).where(
                    Subscriber.terminal_id == terminal_id
                )
            ).one_or_none()
        if row is None:
            return None
        return CallingSubscriber(
            row.subscriber_id, terminal_id, self._master_key.open(terminal_id, row.sealed_key)
        )

    def may_watch(self, subscriber: CallingSubscriber, programme_id: int) -> bool:
        """Whether the subscription covers this programme."""
        listed = exists().where(
            AllowedProgramme.subscriber_id == subscriber.subscriber_id,
            AllowedProgramme.programme_id == programme_id,
        )
        with self._engine.begin() as connection:
            row = connection.execute(
                select(Subscriber.every_programme, listed).where(
                    Subscriber.subscriber_id == subscriber.subscriber_id
                )
            ).one_or_none()
        return row is not None and bool(row[0] or row[1])

    def open_call(
        self, subscriber: CallingSubscriber, programme_id: int, broadcast_id: bytes, now_ms: int
    ) -> int:
        """A new record under the subscriber's tariff of this moment; its id."""
        with self._engine.begin() as connection:
            tariff = connection.execute(
                select(Tariff.name, Tariff.portion_price, Tariff.set_up_price, Tariff.currency)
                .join(Subscriber, Subscriber.tariff_id == Tariff.tariff_id)
                .where(Subscriber.subscriber_id == subscriber.subscriber_id)
            ).one_or_none()
            if tariff is None:
                raise LocalError(f"no subscriber {subscriber.subscriber_id}")
            key = connection.execute(
                insert(Call).values(
                    subscriber_id=subscriber.subscriber_id,
                    programme_id=programme_id,
                    broadcast_id=broadcast_id,
                    started_ms=now_ms,
                    tariff=tariff.name,
                    portion_price=tariff.portion_price,
                    set_up_price=tariff.set_up_price,
                    currency=tariff.currency,
                )
            ).inserted_primary_key
            assert key is not None
        return int(key[0])

    def deliver(self, call: int, portion: int, now_ms: int) -> bool:
        """Charges a portion, with the first one the set-up, unless that is done. False: too little credit."""
        with self._engine.connect() as connection, connection.begin() as transaction:
            record = self._call(connection, call)
            price = 0
            if self._claim(connection, record, portion, record.portion_price):
                price += record.portion_price
                if self._claim(connection, record, SET_UP, record.set_up_price):
                    price += record.set_up_price
            if price and not self._pay(connection, record.subscriber_id, price):
                transaction.rollback()
                return False
            row = {"call_id": call, "portion": portion, "sent_ms": now_ms, "withdrawn": False, "price": price}
            statement = self._insert(Delivery).values(**row)
            key = ["call_id", "portion"]
            connection.execute(statement.on_conflict_do_update(index_elements=key, set_={"withdrawn": False}))
        return True

    def acknowledge(self, call: int, portion: int, now_ms: int) -> None:
        """The terminal has this key; the first acknowledgement's time stays."""
        with self._engine.begin() as connection:
            connection.execute(
                update(Delivery)
                .where(Delivery.call_id == call, Delivery.portion == portion, Delivery.acked_ms.is_(None))
                .values(acked_ms=now_ms)
            )

    def withdraw_after(self, call: int, last_kept: int) -> None:
        """Takes back this call's deliveries after `last_kept` and refunds them, whichever call paid.

        The set-up price goes back too where no portion of the broadcast remains charged.
        """
        with self._engine.begin() as connection:
            record = self._call(connection, call)
            late = (Delivery.call_id == call, Delivery.portion > last_kept, Delivery.withdrawn.is_(False))
            portions = list(connection.scalars(select(Delivery.portion).where(*late)))
            connection.execute(update(Delivery).where(*late).values(withdrawn=True))
            refund = sum(self._take_back(connection, record, portion) for portion in portions)
            remains = exists().where(*_broadcast_of(record), Charge.portion != SET_UP)
            if portions and not connection.scalar(select(remains)):
                refund += self._take_back(connection, record, SET_UP)
            if refund:
                # NULL + refund stays NULL: who has no limit gets no credit.
                connection.execute(
                    update(Subscriber)
                    .where(Subscriber.subscriber_id == record.subscriber_id)
                    .values(credit=Subscriber.credit + refund)
                )

    def charged(self, call: int) -> int:
        """Portions that this call paid for."""
        with self._engine.begin() as connection:
            count = connection.scalar(
                select(func.count())
                .select_from(Charge)
                .where(Charge.call_id == call, Charge.portion != SET_UP)
            )
        return count or 0

    def close_call(self, call: int, now_ms: int, reason: str) -> None:
        """Ends the record; one that has ended stays as it is."""
        with self._engine.begin() as connection:
            connection.execute(
                update(Call)
                .where(Call.call_id == call, Call.ended_ms.is_(None))
                .values(ended_ms=now_ms, reason=reason[:120])
            )

    def call_record(self, call: int) -> CallRecord:
        """The call's bill. Raises LocalError for an unknown call."""
        with self._engine.begin() as connection:
            record = self._call(connection, call)
            deliveries = connection.execute(
                select(Delivery.portion, Delivery.acked_ms, Delivery.withdrawn)
                .where(Delivery.call_id == call)
                .order_by(Delivery.portion)
            ).all()
            price = connection.scalar(select(func.sum(Charge.price)).where(Charge.call_id == call))
        return CallRecord(
            call=call,
            programme_id=record.programme_id,
            broadcast_id=bytes(record.broadcast_id),
            started_ms=record.started_ms,
            ended_ms=record.ended_ms,
            reason=record.reason,
            delivered=tuple(d.portion for d in deliveries),
            acknowledged=tuple(d.portion for d in deliveries if d.acked_ms is not None),
            withdrawn=tuple(d.portion for d in deliveries if d.withdrawn),
            tariff=record.tariff,
            price=int(price or 0),
            currency=record.currency,
        )

    def calls_of(self, subscriber_id: int) -> tuple[int, ...]:
        """Ids of a subscriber's calls, oldest first."""
        with self._engine.begin() as connection:
            found = connection.scalars(
                select(Call.call_id).where(Call.subscriber_id == subscriber_id).order_by(Call.call_id)
            )
            return tuple(found)

    # --- inside one transaction -----------------------------------------------------------------------------

    def _call(self, connection: Connection, call: int) -> Row[Any]:
        row = connection.execute(select(Call.__table__).where(Call.call_id == call)).one_or_none()
        if row is None:
            raise LocalError(f"no call record {call}")
        return row

    def _insert(self, table: type[Charge] | type[Delivery]) -> "sqlite.Insert | postgresql.Insert":
        if self._engine.dialect.name == "postgresql":
            return postgresql.insert(table)
        return sqlite.insert(table)

    def _claim(self, connection: Connection, record: Row[Any], portion: int, price: int) -> bool:
        """Whether the charge is new: of two processes at the same portion the database lets one through."""
        row = {
            "subscriber_id": record.subscriber_id,
            "programme_id": record.programme_id,
            "broadcast_id": record.broadcast_id,
            "portion": portion,
            "call_id": record.call_id,
            "price": price,
        }
        # RETURNING, because an insert's rowcount means nothing in some drivers.
        statement = self._insert(Charge).values(**row).on_conflict_do_nothing().returning(Charge.charge_id)
        return connection.scalar(statement) is not None

    def _pay(self, connection: Connection, subscriber_id: int, price: int) -> bool:
        enough = Subscriber.credit.is_(None) | (Subscriber.credit >= price)
        paid = connection.execute(
            update(Subscriber)
            .where(Subscriber.subscriber_id == subscriber_id, enough)
            .values(credit=Subscriber.credit - price)
        )
        return paid.rowcount == 1

    def _take_back(self, connection: Connection, record: Row[Any], portion: int) -> int:
        """The price of a charge that is removed, 0 where there is none."""
        price = connection.scalar(
            delete(Charge).where(*_broadcast_of(record), Charge.portion == portion).returning(Charge.price)
        )
        return price or 0


def _broadcast_of(record: Row[Any]) -> tuple[Any, ...]:
    """The charges of this subscriber for this broadcast."""
    return (
        Charge.subscriber_id == record.subscriber_id,
        Charge.programme_id == record.programme_id,
        Charge.broadcast_id == record.broadcast_id,
    )
