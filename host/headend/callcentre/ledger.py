"""What a call needs to know of subscribers and to write down; `store_ledger` keeps it in a database."""

from dataclasses import dataclass, field
from typing import Protocol

from settop.errors import RingcastError

WITHDRAWALS_LIMIT = 8
"""Portions of one broadcast that a subscriber may have given back and not paid since, over all calls.

The key of such a portion did leave: what a terminal that lies about wiping it can gain is bounded by this."""
SUPERSEDED = "superseded by another call"


class Superseded(RingcastError):
    """The record is over because the same subscriber has opened another call since."""


@dataclass(frozen=True)
class Subscriber:
    """A provisioned terminal. `device_key`: 32 bytes."""

    subscriber_id: int
    terminal_id: bytes
    device_key: bytes = field(repr=False)


class Ledger(Protocol):
    """Every method returns only when what it wrote is committed, and raises LedgerError (headend.accounts.errors) where
    it cannot be: nothing is known to be charged then, so no key may leave."""

    def find(self, terminal_id: bytes) -> Subscriber | None:
        """The subscriber; None, after the same work, for an unknown terminal."""
        ...

    def may_watch(self, subscriber: Subscriber, programme_id: int) -> bool: ...

    def open_call(
        self, subscriber: Subscriber, programme_id: int, broadcast_id: bytes, now_ms: int, max_price: int | None = None
    ) -> int | None:
        """A new call record; its id. The subscriber's records that are still open end as SUPERSEDED.

        None, and nothing changes, where a portion costs more than `max_price` (None: no limit) hundredths.
        """
        ...

    def deliver(self, call: int, portion: int, now_ms: int) -> bool:
        """The key of `portion` is about to leave: charge it. A portion already charged to this subscriber for this
        broadcast costs nothing more. False where the credit does not cover it: the key must not leave.

        Raises Superseded for a record that has ended: the key must not leave either.
        """
        ...

    def acknowledge(self, call: int, portion: int, now_ms: int) -> None: ...

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
