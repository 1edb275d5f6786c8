"""The rolling token: which one a call may show, and what one says that nobody should have any more.

A subscriber has at most three tokens: `old`, which its terminal has stored, `pending`, which was given to a call that
did not come to acknowledge it, or has not yet, and `displaced`, which was pending when another call showed the old one.
Null `old` beside a pending one: the terminal never had one, and shows zeros. All null: the centre holds none, and
believes what it is shown.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from settop.wire.call import NO_TOKEN, TOKEN_BYTES

from headend.callcentre.timing import Timing

WARN, DENY, REPROVISION = "warn", "deny", "reprovision"
CLONE_RULES = (WARN, DENY, REPROVISION)
CLONE, UNSTORED, REDELIVERIES = "clone", "unstored", "redeliveries"
"""Kinds of alarm."""
CLONE_TEXT = "an outdated token: a copy of the identity is in use, or a backup of the terminal was put back"
DISPLACED_TEXT = "a token whose place a call with the one before it has taken: a copy of the identity is in use"
UNSTORED_TEXT = (
    "the last call took keys and stored no token: it was a copy's, or its line or its power failed just then"
)
KINDS = {CLONE_TEXT: CLONE, DISPLACED_TEXT: CLONE, UNSTORED_TEXT: UNSTORED}


@dataclass(frozen=True)
class Tokens:
    """What the centre keeps of a subscriber. `unstored`: keys were acknowledged behind the pending one, and it not."""

    old: bytes | None = field(default=None, repr=False)
    pending: bytes | None = field(default=None, repr=False)
    displaced: bytes | None = field(default=None, repr=False)
    unstored: bool = False


@dataclass(frozen=True)
class Shown:
    """What the token of a call says. `known`: no rule is needed. `unfinished`: tokens have left that nobody has
    acknowledged, so this call's leaves before its first key. `alarm`: what the operator is told, or "".

    `after`: what is kept from now on; its pending one is what this call is given.
    """

    known: bool
    unfinished: bool
    alarm: str
    after: Tokens


def judge(kept: Tokens, shown: bytes, fresh: bytes) -> Shown:
    """Compares with all of them in the same time whatever they are. `fresh`: a new token."""
    is_old = hmac.compare_digest(shown, NO_TOKEN if kept.old is None else kept.old)
    is_pending = _is(shown, kept.pending)
    is_displaced = _is(shown, kept.displaced)
    if kept.old is None and kept.pending is None:
        return Shown(True, False, "", Tokens(None if is_old else shown, fresh))
    if is_pending:
        return Shown(True, False, "", Tokens(kept.pending, fresh))
    if is_old:
        return Shown(True, kept.pending is not None, UNSTORED_TEXT if kept.unstored else "", _rolled(kept, fresh))
    if is_displaced:
        # It was stored and its acknowledgement lost, or it is a copy's: two have called, and either may be the owner.
        return Shown(True, True, DISPLACED_TEXT, Tokens(kept.displaced, fresh, kept.pending))
    return Shown(False, False, CLONE_TEXT, _rolled(kept, fresh))


def _is(shown: bytes, token: bytes | None) -> bool:
    return hmac.compare_digest(shown, NO_TOKEN if token is None else token) and token is not None


def _rolled(kept: Tokens, fresh: bytes) -> Tokens:
    """A call that shows neither the pending nor the displaced token loses neither for who may have stored it: where
    both are there, it is given the pending one once more."""
    if kept.displaced is not None:
        return replace(kept, unstored=False)
    return Tokens(kept.old, fresh, kept.pending)


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
        self.stored = False
        self._sent_ms: int | None = None
        self._silence_ms = timing.silence_ms
        self._rto_ms = 2 * timing.rto_ms
        self._tries_left = timing.tries
        self._again_ms = 0
        self._room_ms: int | None = None

    def due(self, room_ms: int | None, now_ms: int) -> bool:
        """Whether it leaves now; it counts as sent then. `room_ms`: from when on the line has room for it, or None."""
        self._room_ms = room_ms
        if self.stored or not self._tries_left or room_ms is None or now_ms < self._leaves_ms(room_ms):
            return False
        if self._sent_ms is None:
            self._sent_ms = now_ms
        self._tries_left -= 1
        self._again_ms = now_ms + self._rto_ms
        return True

    @property
    def owed(self) -> bool:
        """Whether it has left and is not acknowledged."""
        return self._sent_ms is not None and not self.stored

    def given_up(self, now_ms: int) -> bool:
        """Whether the terminal has owed the acknowledgement for too long: it is sold no further key."""
        return not self.stored and self._sent_ms is not None and now_ms >= self._sent_ms + self._silence_ms

    def next_timer(self) -> int | None:
        """When it leaves next, or is given up, as far as that is known."""
        if self.stored:
            return None
        times = [] if self._sent_ms is None else [self._sent_ms + self._silence_ms]
        if self._tries_left and self._room_ms is not None:
            times.append(self._leaves_ms(self._room_ms))
        return min(times, default=None)

    def _leaves_ms(self, room_ms: int) -> int:
        return max(room_ms, self._again_ms)
