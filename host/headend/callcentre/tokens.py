"""The rolling token: which one a call may show, and what one says that nobody should have any more.

A subscriber has at most two tokens: `old`, which its terminal has stored, and `pending`, which was given to a call that
did not come to acknowledge it, or has not yet. Null `old` beside a pending one: the terminal never had one, and shows
zeros. Both null: the centre holds none, and believes what it is shown.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field

from settop.wire.call import NO_TOKEN, TOKEN_BYTES

from headend.callcentre.timing import Timing

WARN, DENY, REPROVISION = "warn", "deny", "reprovision"
CLONE_RULES = (WARN, DENY, REPROVISION)
CLONE, REDELIVERIES = "clone", "redeliveries"
"""Kinds of alarm."""
CLONE_TEXT = "an outdated token: a copy of the identity is in use, or a backup of the terminal was put back"


@dataclass(frozen=True)
class Shown:
    """What the token of a call says. `old`: valid from now on beside the new pending one. `unfinished`: the token of
    an earlier call was never acknowledged, and this call shows the one before."""

    known: bool
    unfinished: bool
    old: bytes | None = field(repr=False)


def judge(old: bytes | None, pending: bytes | None, shown: bytes) -> Shown:
    """Compares with both in the same time whatever they are."""
    is_old = hmac.compare_digest(shown, NO_TOKEN if old is None else old)
    is_pending = hmac.compare_digest(shown, NO_TOKEN if pending is None else pending) and pending is not None
    if old is None and pending is None:
        return Shown(True, False, None if is_old else shown)
    if is_pending:
        return Shown(True, False, pending)
    return Shown(is_old, is_old and pending is not None, old)


def fresh_token(random: Callable[[int], bytes]) -> bytes:
    """A new token, never NO_TOKEN."""
    token = NO_TOKEN
    while token == NO_TOKEN:
        token = random(TOKEN_BYTES)
    return token


class Rolling:
    """The next token on its way to the terminal within one call. `unfinished`: it goes before the first key."""

    def __init__(self, token: bytes, unfinished: bool, timing: Timing) -> None:
        self.token = token
        self.unfinished = unfinished
        self.stored = self.sent = False
        self._rto_ms = 2 * timing.rto_ms
        self._tries_left = timing.tries
        self._again_ms = 0
        self._room_ms: int | None = None

    def due(self, room_ms: int | None, now_ms: int) -> bool:
        """Whether it leaves now; it counts as sent then. `room_ms`: from when on the line has room for it, or None."""
        self._room_ms = room_ms
        due_ms = self.next_timer()
        if due_ms is None or now_ms < due_ms:
            return False
        self.sent = True
        self._tries_left -= 1
        self._again_ms = now_ms + self._rto_ms
        return True

    def next_timer(self) -> int | None:
        """When it leaves next, as far as that is known."""
        if self.stored or not self._tries_left or self._room_ms is None:
            return None
        return max(self._room_ms, self._again_ms)
