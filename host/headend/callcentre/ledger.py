"""What a call needs to know of subscribers and to write down; `store_ledger` keeps it in a database."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Protocol

from settop.errors import RingcastError

WITHDRAWALS_LIMIT = 8
"""Portions of one broadcast that a subscriber may have given back and not paid since, over all calls.

The key of such a portion did leave: what a terminal that lies about wiping it can gain is bounded by this."""
DELIVERIES_LIMIT = 6
"""Calls in which the key of one portion may leave for one subscriber: one, and the five redials that a terminal makes
by itself while no key comes (REDIALS in settop.services.call.service)."""
OUTDATED_DELIVERIES_LIMIT = 1
"""The same for calls that showed an outdated token, which have a count of their own."""
SUPERSEDED = "superseded by another call"
OVERTAKEN = "superseded by a call with an outdated token"


class Superseded(RingcastError):
    """The record is over because the same subscriber has opened another call since."""


@dataclass(frozen=True)
class Subscriber:
    """A provisioned terminal. `device_key`: 32 bytes."""

    subscriber_id: int
    terminal_id: bytes
    device_key: bytes = field(repr=False)


@dataclass(frozen=True)
class Opening:
    """How a call begins. `record`: its record, or None where it is denied for the reason `denied` (settop.wire.call).

    `token`: for the next call. `unfinished`: before the first key. `alarm`: what the operator is told, or "".
    """

    record: int | None
    denied: int = 0
    unfinished: bool = False
    alarm: str = ""
    token: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Delivered:
    """Whether a key may leave; `denied` and `alarm` as in Opening where it must not."""

    denied: int = 0
    alarm: str = ""

    def __bool__(self) -> bool:
        return not self.denied


class Ledger(Protocol):
    """Every method returns only when what it wrote is committed, and raises LedgerError (headend.accounts.errors) where
    it cannot be: nothing is known to be charged then, so no key may leave."""

    def find(self, terminal_id: bytes) -> Subscriber | None:
        """The subscriber; None, after the same work, for an unknown terminal."""
        ...

    def may_watch(self, subscriber: Subscriber, programme_id: int) -> bool: ...

    def begin_call(
        self,
        subscriber: Subscriber,
        programme_id: int,
        broadcast_id: bytes,
        now_ms: int,
        shown: bytes,
        fresh: bytes,
        max_price: int | None = None,
    ) -> Opening:
        """The first record of a call, as `open_call` makes it, where its token `shown` (headend.callcentre.tokens) is
        valid or the subscription's rule lets an outdated one pass. `fresh`, a new one, is pending from then on, or
        the one that was where two have left that nobody has acknowledged.

        Where the call is denied no token changes, and no other call ends unless the rule ends them all.
        """
        ...

    def keep_token(self, call: int, token: bytes) -> None:
        """The terminal has stored `token`, which was said in this call: the one before is outdated. Nothing where it is
        not the pending one. Raises Superseded for a record that has ended: what is pending is another call's."""
        ...

    def open_call(
        self,
        subscriber: Subscriber,
        programme_id: int,
        broadcast_id: bytes,
        now_ms: int,
        max_price: int | None = None,
        after: int | None = None,
    ) -> int | None:
        """A new call record; its id. The subscriber's records that are still open end as SUPERSEDED. `after`: the
        record of this same call that ended just before; what it showed is what this one shows.

        None, and nothing changes, where a portion costs more than `max_price` (None: no limit) hundredths.
        """
        ...

    def deliver(
        self, call: int, portion: int, now_ms: int, same_line: Collection[int] = (), start_ms: int = 0
    ) -> Delivered:
        """The key of `portion` is about to leave: charge it. A portion already charged to this subscriber for this
        broadcast costs nothing more. False where the credit does not cover it, or where the key has left on
        DELIVERIES_LIMIT other lines (OUTDATED_DELIVERIES_LIMIT for a call with an outdated token): it must not leave.
        `same_line`: records of this call that have ended. `start_ms`: when the portion begins or began; from then on
        the lines that had gone before do not count.

        Raises Superseded for a record that has ended: the key must not leave either.
        """
        ...

    def acknowledge(self, call: int, portion: int, now_ms: int, owed: bytes | None = None) -> None:
        """The terminal has this key. `owed`: the token that left in this call and that it has not acknowledged."""
        ...

    def withdraw_after(self, call: int, last_owed: int) -> None:
        """Deliveries of this call after `last_owed` (-1: all) are taken back.

        The charge goes too, unless another delivery of that portion stands or WITHDRAWALS_LIMIT is reached.
        """
        ...

    def charged(self, call: int) -> int:
        """Portions charged in this call."""
        ...

    def close_call(self, call: int, now_ms: int, reason: str) -> bool:
        """Ends the record. False, and nothing changes, where it had ended."""
        ...
