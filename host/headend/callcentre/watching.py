"""What a terminal is being served: which keys have left, which are due, and which portions are owed."""

from dataclasses import dataclass

from settop.wire.dark import PAID_DARK_MS, PAID_DARK_PORTIONS

from headend.broadcast.schedule import Broadcast
from headend.callcentre.timing import Timing

ELSEWHERE_LIMIT_MS = 20_000
"""How long a terminal that asked for a programme that is not on air may hold the line without another request."""


UNHEARD_KEYS = 3
"""So many keys are sold to a terminal that says nothing; then only repeated ones leave."""


@dataclass
class SentKey:
    """A key that left for a portion that is not over. `tries`: how often it left."""

    sent_ms: int
    tries: int = 1
    acknowledged: bool = False


class Watching:
    """One programme within one call. `record`: its call record."""

    def __init__(self, broadcast: Broadcast, record: int, timing: Timing, now_ms: int) -> None:
        self.broadcast = broadcast
        self.record = record
        self.since_ms = now_ms
        self.elsewhere_since_ms: int | None = None
        """Since when the terminal has asked for something that is not on air: it is sold nothing more till then."""
        self._held_since_ms: int | None = None
        self._line_free_ms = now_ms
        self._timing = timing
        self._keys: dict[int, SentKey] = {}
        self._highest = -1
        self._highest_late = -1
        self._silent_since_ms: int | None = None
        self._unheard = 0  # keys sold since the terminal was last heard
        position = broadcast.position
        if position and not position.last and position.next_ms - now_ms < timing.lead_min_ms:
            # The running portion would be over before its key is there: nobody pays for that.
            self._highest = position.portion

    def next_due(self) -> tuple[int, int] | None:
        """(portion, time) of the key that leaves next, as far as the broadcaster's announcements reach."""
        position = self.broadcast.position
        held = self.elsewhere_since_ms is not None or self._held_since_ms is not None
        if position is None or held or self._unheard >= UNHEARD_KEYS:
            return None
        if self._highest < position.portion:
            return position.portion, position.start_ms
        if self._highest == position.portion and not position.last:
            return position.portion + 1, max(position.start_ms, position.next_ms - self._timing.lead_max_ms)
        return None

    def start_ms(self, portion: int) -> int:
        """When the running portion began, or the next one begins."""
        position = self.broadcast.position
        assert position is not None
        return position.start_ms if portion <= position.portion else position.next_ms

    def sent(self, portion: int, now_ms: int) -> None:
        """The key of `portion` leaves, for the first time or again."""
        key = self._keys.get(portion)
        if key is None:
            self._keys[portion] = SentKey(now_ms)
            self._highest = portion
            self._unheard += 1
            if self.broadcast.position and portion <= self.broadcast.position.portion:
                self._highest_late = portion
        else:
            key.tries += 1
            key.sent_ms = now_ms
        self._line_free_ms = max(self._line_free_ms, now_ms) + self._timing.key_ms
        if self._silent_since_ms is None:
            self._silent_since_ms = now_ms

    def room_for_token(self, now_ms: int) -> int | None:
        """When a TOKEN may leave: behind the first key, with the line free, and without delaying the next key. None:
        not before another key has left."""
        if self._held_since_ms is not None:
            return now_ms
        position = self.broadcast.position
        if position is None or not self._keys:
            return None
        at_ms = max(now_ms, self._line_free_ms)
        due = self.next_due()
        next_ms = due[1] if due is not None else position.next_ms
        return at_ms if position.last or at_ms + self._timing.key_ms // 2 <= next_ms else None

    def hold(self, now_ms: int) -> None:
        """No key leaves before `release`: the terminal is to store its token first."""
        self._held_since_ms = now_ms

    def release(self) -> None:
        """Keys may leave."""
        self._held_since_ms = None

    def heard(self) -> None:
        """A valid sealed message came."""
        self._silent_since_ms = None
        self._unheard = 0

    def acknowledged(self, portion: int) -> bool:
        """The terminal has this key; whether that is news."""
        key = self._keys.get(portion)
        if key is None or key.acknowledged:
            return False
        key.acknowledged = True
        return True

    def asked_again(self) -> None:
        """The terminal wants everything once more: it has wiped its keyring, or our answer was lost."""
        self.elsewhere_since_ms = None
        for key in self._keys.values():
            key.acknowledged = False

    def again(self, now_ms: int, after_ms: int, first: int = 0) -> list[int]:
        """Portions from `first` on whose keys left `after_ms` ago, are not acknowledged and may leave again."""
        return [
            portion
            for portion, key in self._keys.items()
            if portion >= first and self._may_repeat(key) and now_ms >= key.sent_ms + after_ms
        ]

    def forget_past(self) -> None:
        """A portion that has gone by needs no key any more."""
        position = self.broadcast.position
        if position is not None:
            self._keys = {portion: key for portion, key in self._keys.items() if portion >= position.portion}

    def given_up(self, now_ms: int) -> bool:
        """Whether the terminal has owed an answer, or another request, for too long."""
        return any(now_ms >= limit for limit in self._limits())

    def next_timer(self) -> int | None:
        times = self._limits()
        times += [key.sent_ms + self._timing.rto_ms for key in self._keys.values() if self._may_repeat(key)]
        due = self.next_due()
        if due is not None:
            times.append(due[1])
        return min(times, default=None)

    def begun(self, now_ms: int, graceful: bool = False) -> int:
        """The last portion that could be watched (-1: none); it and those before it are owed.

        `graceful`: the running one is not among them if its key left before it began and it has just begun, so
        that a GOODBYE sent before its start was still on its way.
        """
        position = self.broadcast.position
        if position is None:
            return self._highest
        grace_ms = self._timing.grace_ms(position.next_ms - position.start_ms) if graceful else 0
        if position.portion > self._highest_late and now_ms < position.start_ms + grace_ms:
            return position.portion - 1
        return position.portion

    def owed_when_dark(self, first: int, now_ms: int) -> int:
        """The last portion that is owed although the terminal says that all from `first` on stayed dark.

        A terminal says so once PAID_DARK_MS, or PAID_DARK_PORTIONS portions, have gone by in the dark. So our clock
        contradicts it for older portions, and for one whose key could be used for longer: that one was clear at first.
        """
        position = self.broadcast.position
        if position is None:
            return self._highest
        portion_ms = position.next_ms - position.start_ms
        patience_ms = PAID_DARK_MS + self._timing.dark_grace_ms
        owed = position.portion
        while owed >= max(first, position.portion - PAID_DARK_PORTIONS - 1):  # one more: it was on its way
            usable_ms = max(position.start_ms - (position.portion - owed) * portion_ms, self.since_ms)
            if now_ms > usable_ms + patience_ms:
                break
            owed -= 1
        return owed

    def _may_repeat(self, key: SentKey) -> bool:
        return not key.acknowledged and key.tries < self._timing.tries

    def _limits(self) -> list[int]:
        limits = []
        if self._silent_since_ms is not None:
            limits.append(self._silent_since_ms + self._timing.silence_ms)
        if self.elsewhere_since_ms is not None:
            limits.append(self.elsewhere_since_ms + ELSEWHERE_LIMIT_MS)
        if self._held_since_ms is not None:
            limits.append(self._held_since_ms + self._timing.silence_ms)
        return limits
