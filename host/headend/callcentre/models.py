"""Tables of the call centre. Money in hundredths of the tariff's currency, times in ms of the centre's clock.

Accounts and terminals are in headend.accounts.models. The tariffs are here, since a price per portion and
broadcast fits no other system.
"""

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from headend.accounts.models import Base

SET_UP = -1
"""`Charge.portion` of a set-up price: due once per broadcast, with the first portion of it."""


class Tariff(Base):
    """What a portion costs, and once per broadcast the set-up."""

    __tablename__ = "tariffs"
    __table_args__ = (CheckConstraint("portion_price >= 0 AND set_up_price >= 0", name="prices_valid"),)

    tariff_id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    portion_price: Mapped[int] = mapped_column(BigInteger)
    set_up_price: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(8))


class Subscriber(Base):
    """A terminal that may call, and under which tariff.

    `token_old`, `token_pending`: 8 octets that a call must show, or null. `clone_rule`: what an older one means.
    `revoked_ms`: since when the terminal counts as unknown, in Unix ms; null: it does not.
    """

    __tablename__ = "subscribers"
    __table_args__ = (CheckConstraint("clone_rule IN ('warn', 'deny', 'reprovision')", name="clone_rule_valid"),)

    subscriber_id: Mapped[int] = mapped_column(primary_key=True)
    terminal_id: Mapped[bytes] = mapped_column(ForeignKey("terminals.terminal_id"), unique=True)
    tariff_id: Mapped[int] = mapped_column(ForeignKey("tariffs.tariff_id"))
    every_programme: Mapped[bool]
    token_old: Mapped[bytes | None] = mapped_column(LargeBinary(8))
    token_pending: Mapped[bytes | None] = mapped_column(LargeBinary(8))
    clone_rule: Mapped[str] = mapped_column(String(16), server_default="warn")
    revoked_ms: Mapped[int | None] = mapped_column(BigInteger)


class TokenDoubt(Base):
    """Where a token has left that was not acknowledged. `displaced`: one whose place another call's has taken, or null.

    `unstored`: the call to which the pending one was said took keys and did not acknowledge it.
    """

    __tablename__ = "token_doubts"

    subscriber_id: Mapped[int] = mapped_column(
        ForeignKey("subscribers.subscriber_id"), primary_key=True, autoincrement=False
    )
    displaced: Mapped[bytes | None] = mapped_column(LargeBinary(8))
    unstored: Mapped[bool]


class Alarm(Base):
    """What the operator should look at; the texts are ours, never a peer's."""

    __tablename__ = "alarms"

    alarm_id: Mapped[int] = mapped_column(primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(ForeignKey("subscribers.subscriber_id"), index=True)
    at_ms: Mapped[int] = mapped_column(BigInteger, index=True)
    kind: Mapped[str] = mapped_column(String(32))
    text: Mapped[str] = mapped_column(String(200))


class AllowedProgramme(Base):
    """A programme in a subscription that does not cover all of them."""

    __tablename__ = "allowed_programmes"

    subscriber_id: Mapped[int] = mapped_column(ForeignKey("subscribers.subscriber_id"), primary_key=True)
    programme_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)


class Call(Base):
    """One programme watched in one call. The tariff is copied in: a later change of it alters no record."""

    __tablename__ = "calls"

    call_id: Mapped[int] = mapped_column(primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(ForeignKey("subscribers.subscriber_id"), index=True)
    programme_id: Mapped[int] = mapped_column(BigInteger)
    broadcast_id: Mapped[bytes] = mapped_column(LargeBinary(8))
    started_ms: Mapped[int] = mapped_column(BigInteger)
    ended_ms: Mapped[int | None] = mapped_column(BigInteger)
    reason: Mapped[str | None] = mapped_column(String(120))
    tariff: Mapped[str] = mapped_column(String(64))
    portion_price: Mapped[int] = mapped_column(BigInteger)
    set_up_price: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(8))


class OutdatedCall(Base):
    """A call that showed an outdated token, and goes on."""

    __tablename__ = "outdated_calls"

    call_id: Mapped[int] = mapped_column(ForeignKey("calls.call_id"), primary_key=True, autoincrement=False)


class Delivery(Base):
    """A key that left in a call. `price`: what was charged for it then, 0 where it was paid for already."""

    __tablename__ = "deliveries"

    call_id: Mapped[int] = mapped_column(ForeignKey("calls.call_id"), primary_key=True)
    portion: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    sent_ms: Mapped[int] = mapped_column(BigInteger)
    acked_ms: Mapped[int | None] = mapped_column(BigInteger)
    withdrawn: Mapped[bool]
    price: Mapped[int] = mapped_column(BigInteger)


class Charge(Base):
    """Money owed for a portion or the set-up; their sum is the bill. Unique, however many calls resume it."""

    __tablename__ = "charges"
    __table_args__ = (UniqueConstraint("subscriber_id", "programme_id", "broadcast_id", "portion"),)

    charge_id: Mapped[int] = mapped_column(primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(ForeignKey("subscribers.subscriber_id"))
    programme_id: Mapped[int] = mapped_column(BigInteger)
    broadcast_id: Mapped[bytes] = mapped_column(LargeBinary(8))
    portion: Mapped[int] = mapped_column(BigInteger)
    call_id: Mapped[int] = mapped_column(ForeignKey("calls.call_id"), index=True)
    price: Mapped[int] = mapped_column(BigInteger)
