"""`StoreLedger`: headend.callcentre.ledger.Ledger over the database. Each method commits before it returns.

Several processes may serve calls on one database. Whatever changes a subscriber's calls or charges first locks
that subscriber's row (SQLite: the whole database), so the changes of one subscriber come one after another.
"""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from settop.errors import LocalError
from settop.wire import call as wire
from sqlalchemy import Connection, Engine, Row, delete, exists, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from headend.accounts.engine import transaction
from headend.accounts.master_key import MasterKey
from headend.accounts.models import Terminal
from headend.accounts.money import pay, refund
from headend.accounts.terminals import DeviceKeys, SealedKey
from headend.callcentre.alarms import add_alarm
from headend.callcentre.ledger import SUPERSEDED, WITHDRAWALS_LIMIT, Delivered, Opening, Superseded
from headend.callcentre.ledger import Subscriber as CallingSubscriber
from headend.callcentre.models import SET_UP, AllowedProgramme, Call, Charge, Delivery, OutdatedCall, Subscriber
from headend.callcentre.opening import begin, open_record, subscribed
from headend.callcentre.records import CallRecord, read_record
from headend.callcentre.redeliveries import deliveries_of, fetched_too_often
from headend.callcentre.token_rows import read_tokens, write_tokens
from headend.callcentre.tokens import REDELIVERIES, Tokens

__all__ = ("CallRecord", "StoreLedger")


class StoreLedger:
    """See headend.callcentre.ledger.Ledger. A wrong master key is a LocalError at the first `find`.

    Raises LedgerError where the database fails; a record that does not exist is a LocalError.
    """

    def __init__(self, engine: Engine, master_key: MasterKey) -> None:
        self._engine = engine
        self._keys = DeviceKeys(engine, master_key)

    def find(self, terminal_id: bytes) -> CallingSubscriber | None:
        """The subscriber with this terminal; None, after unwrapping a key all the same, if it is unknown or revoked."""
        self._keys.check()
        with transaction(self._engine) as connection:
            row = connection.execute(
                select(Subscriber.subscriber_id, Subscriber.revoked_ms, Terminal.sealed_key, Terminal.key_version)
                .join(Terminal, Terminal.terminal_id == Subscriber.terminal_id)
                .where(Subscriber.terminal_id == terminal_id)
            ).one_or_none()
        sealed = None if row is None else SealedKey(row.key_version, row.sealed_key)
        device_key = self._keys.open(terminal_id, sealed)
        if row is None or device_key is None or row.revoked_ms is not None:
            return None
        return CallingSubscriber(row.subscriber_id, terminal_id, device_key)

    def may_watch(self, subscriber: CallingSubscriber, programme_id: int) -> bool:
        """Whether the subscription covers this programme."""
        listed = exists().where(
            AllowedProgramme.subscriber_id == subscriber.subscriber_id,
            AllowedProgramme.programme_id == programme_id,
        )
        with transaction(self._engine) as connection:
            row = connection.execute(
                select(Subscriber.every_programme, listed).where(
                    Subscriber.subscriber_id == subscriber.subscriber_id, Subscriber.revoked_ms.is_(None)
                )
            ).one_or_none()
        return row is not None and bool(row[0] or row[1])

    def begin_call(
        self,
        subscriber: CallingSubscriber,
        programme_id: int,
        broadcast_id: bytes,
        now_ms: int,
        shown: bytes,
        fresh: bytes,
        max_price: int | None = None,
    ) -> Opening:
        """The token is judged, the record opened and the fresh token made pending in one transaction."""
        with transaction(self._engine) as connection:
            return begin(connection, subscriber, (programme_id, broadcast_id), now_ms, shown, fresh, max_price)

    def keep_token(self, call: int, token: bytes) -> None:
        """The pending token is the only one from now on, if it is this one. Superseded: the record has ended."""
        with transaction(self._engine) as connection:
            record, _ = self._locked(connection, call)
            if record.ended_ms is not None:
                raise Superseded(SUPERSEDED)
            pending = select(Subscriber.token_pending).where(Subscriber.subscriber_id == record.subscriber_id)
            if connection.scalar(pending) == token:
                write_tokens(connection, record.subscriber_id, Tokens(token))

    def open_call(
        self,
        subscriber: CallingSubscriber,
        programme_id: int,
        broadcast_id: bytes,
        now_ms: int,
        max_price: int | None = None,
        after: int | None = None,
    ) -> int | None:
        """A new record under the subscriber's tariff of this moment; its id. Open ones end as superseded.

        None, and nothing changes, where that tariff's portion costs more than `max_price`.
        """
        with transaction(self._engine) as connection:
            row = subscribed(connection, subscriber)
            outdated = connection.scalar(select(exists().where(OutdatedCall.call_id == after)))
            return open_record(connection, row, (programme_id, broadcast_id), now_ms, max_price, bool(outdated))

    def deliver(
        self, call: int, portion: int, now_ms: int, same_line: Collection[int] = (), start_ms: int = 0
    ) -> Delivered:
        """Charges a portion, and the set-up with the first, unless that is done. False: too little credit, or the key
        has left too often. Superseded: the record has ended."""
        with transaction(self._engine) as connection:
            record, account_id = self._locked(connection, call)
            if record.ended_ms is not None:
                raise Superseded(SUPERSEDED)
            since_ms = start_ms if start_ms <= now_ms else 0
            alarm = fetched_too_often(connection, record, portion, since_ms, same_line)
            if alarm is not None:
                if alarm:
                    add_alarm(connection, record.subscriber_id, now_ms, REDELIVERIES, alarm)
                return Delivered(wire.DENY_TOO_OFTEN, alarm)
            price = 0
            if self._claim(connection, record, portion, record.portion_price):
                price += record.portion_price
                if self._claim(connection, record, SET_UP, record.set_up_price):
                    price += record.set_up_price
            if price and not pay(connection, account_id, price):
                connection.rollback()
                return Delivered(wire.DENY_NO_CREDIT)
            row = {"call_id": call, "portion": portion, "sent_ms": now_ms, "withdrawn": False, "price": price}
            statement = self._insert(Delivery).values(**row)
            key = ["call_id", "portion"]
            connection.execute(statement.on_conflict_do_update(index_elements=key, set_={"withdrawn": False}))
        return Delivered()

    def acknowledge(self, call: int, portion: int, now_ms: int, owed: bytes | None = None) -> None:
        """The terminal has this key; the first acknowledgement's time stays. `owed` is noted while the call is on."""
        with transaction(self._engine) as connection:
            if owed is not None:
                self._note_unstored(connection, call, owed)
            connection.execute(
                update(Delivery)
                .where(Delivery.call_id == call, Delivery.portion == portion, Delivery.acked_ms.is_(None))
                .values(acked_ms=now_ms)
            )

    def withdraw_after(self, call: int, last_owed: int) -> None:
        """Takes back this call's deliveries after `last_owed`, the last ones first, and refunds what is paid for them.

        A portion whose key stands delivered by another call too stays paid; one over WITHDRAWALS_LIMIT stays
        delivered and paid. The set-up price goes back where no portion of the broadcast remains charged.
        """
        with transaction(self._engine) as connection:
            record, account_id = self._locked(connection, call)
            late = (Delivery.call_id == call, Delivery.portion > last_owed, Delivery.withdrawn.is_(False))
            portions = connection.scalars(select(Delivery.portion).where(*late).order_by(Delivery.portion.desc())).all()
            room = WITHDRAWALS_LIMIT - self._given_back(connection, record)
            back = 0
            for portion in portions:
                if not self._stands_elsewhere(connection, record, portion):
                    if room <= 0:
                        continue
                    room -= 1
                    back += self._take_back(connection, record, portion)
                connection.execute(
                    update(Delivery).where(Delivery.call_id == call, Delivery.portion == portion).values(withdrawn=True)
                )
            remains = exists().where(*_charges_of(record), Charge.portion != SET_UP)
            if portions and not connection.scalar(select(remains)):
                back += self._take_back(connection, record, SET_UP)
            if back:
                refund(connection, account_id, back)

    def charged(self, call: int) -> int:
        """Portions that this call paid for."""
        with transaction(self._engine) as connection:
            count = connection.scalar(
                select(func.count()).select_from(Charge).where(Charge.call_id == call, Charge.portion != SET_UP)
            )
        return count or 0

    def close_call(self, call: int, now_ms: int, reason: str) -> bool:
        """Ends the record; one that has ended stays as it is: False."""
        with transaction(self._engine) as connection:
            closed = connection.execute(
                update(Call)
                .where(Call.call_id == call, Call.ended_ms.is_(None))
                .values(ended_ms=now_ms, reason=reason[:120])
            )
        return closed.rowcount == 1

    def call_record(self, call: int) -> CallRecord:
        """The call's bill. Raises LocalError for an unknown call."""
        with transaction(self._engine) as connection:
            return read_record(connection, self._call(connection, call))

    def calls_of(self, subscriber_id: int) -> tuple[int, ...]:
        """Ids of a subscriber's calls, oldest first."""
        with transaction(self._engine) as connection:
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

    def _locked(self, connection: Connection, call: int) -> tuple[Row[Any], int]:
        """The call, read after every other change of this subscriber's calls and charges, and the account that pays."""
        account_id = connection.scalar(
            select(Terminal.account_id)
            .join(Subscriber, Subscriber.terminal_id == Terminal.terminal_id)
            .join(Call, Call.subscriber_id == Subscriber.subscriber_id)
            .where(Call.call_id == call)
            .with_for_update(of=Subscriber)
        )
        record = self._call(connection, call)
        assert account_id is not None
        return record, account_id

    def _note_unstored(self, connection: Connection, call: int, owed: bytes) -> None:
        record, _ = self._locked(connection, call)
        mine = Subscriber.subscriber_id == record.subscriber_id
        tokens = read_tokens(connection, connection.execute(select(Subscriber.__table__).where(mine)).one())
        if record.ended_ms is None and tokens.pending == owed and not tokens.unstored:
            write_tokens(connection, record.subscriber_id, replace(tokens, unstored=True))

    def _insert(self, table: type[Charge] | type[Delivery]) -> "sqlite.Insert | postgresql.Insert":
        if self._engine.dialect.name == "postgresql":
            return postgresql.insert(table)
        return sqlite.insert(table)

    def _claim(self, connection: Connection, record: Row[Any], portion: int, price: int) -> bool:
        """Whether the charge is new."""
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

    def _take_back(self, connection: Connection, record: Row[Any], portion: int) -> int:
        """The price of a charge that is removed, 0 where there is none."""
        price = connection.scalar(
            delete(Charge).where(*_charges_of(record), Charge.portion == portion).returning(Charge.price)
        )
        return price or 0

    def _stands_elsewhere(self, connection: Connection, record: Row[Any], portion: int) -> bool:
        """Whether another call delivered this portion and did not take it back."""
        standing = exists().where(
            *deliveries_of(record),
            Delivery.portion == portion,
            Delivery.call_id != record.call_id,
            Delivery.withdrawn.is_(False),
        )
        return bool(connection.scalar(select(standing)))

    def _given_back(self, connection: Connection, record: Row[Any]) -> int:
        """Portions of this broadcast whose keys left and which nobody pays for now."""
        paid = exists().where(*_charges_of(record), Charge.portion == Delivery.portion)
        count = connection.scalar(
            select(func.count(Delivery.portion.distinct()))
            .join(Call, Call.call_id == Delivery.call_id)
            .where(*deliveries_of(record), Delivery.withdrawn.is_(True), ~paid)
        )
        return count or 0


def _charges_of(record: Row[Any]) -> tuple[Any, ...]:
    """The charges of this subscriber for this broadcast."""
    return (
        Charge.subscriber_id == record.subscriber_id,
        Charge.programme_id == record.programme_id,
        Charge.broadcast_id == record.broadcast_id,
    )
