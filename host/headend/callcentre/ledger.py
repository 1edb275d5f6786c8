"""What a call needs to know of subscribers and to write down; `headend.store` keeps it in a database."""

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Subscriber:
    """A provisioned terminal. `device_key`: 32 bytes."""

    subscriber_id: int
    terminal_id: bytes
    device_key: bytes = field(repr=False)


class Ledger(Protocol):
    """Every method returns only when what it wrote is committed."""

    def find(self, terminal_id: bytes) -> Subscriber | None: ...

    def may_watch(self, subscriber: Subscriber, programme_id: int) -> bool: ...

    def open_call(self, subscriber: Subscriber, programme_id: int, broadcast_id: bytes, now_ms: int) -> int:
        """A new call record; its id."""
        ...

    def deliver(self, call: int, portion: int, now_ms: int) -> bool:
        """The key of `portion` is about to leave: charge it. A portion already charged to this subscriber for this
        broadcast costs nothing more. False where the credit does not cover it: the key must not leave."""
        ...

    def acknowledge(self, call: int, portion: int, now_ms: int) -> None: ...

    def withdraw_after(self, call: int, last_kept: int) -> None:
        """The viewer said goodbye keeping keys up to `last_kept` (-1: none): later ones of this call are not charged."""
        ...

    def charged(self, call: int) -> int:
        """Portions charged in this call."""
        ...

    def close_call(self, call: int, now_ms: int, reason: str) -> None: ...
