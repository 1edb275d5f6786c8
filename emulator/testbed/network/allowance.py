"""How much one end answers another: a store that fills slowly, so that who asks for ever is not answered for ever."""

from collections import Counter

BURST = 32
PER_S = 8

_NS_PER_S = 1_000_000_000


class Allowance:
    """BURST at once, PER_S again each second. What is beyond is counted in `refused` as "asked too often"."""

    def __init__(self, refused: Counter[str], burst: int = BURST, per_s: int = PER_S) -> None:
        self._refused = refused
        self._full = burst * _NS_PER_S
        self._per_s = per_s
        self._left, self._seen_ns = self._full, 0

    def take(self, now_ns: int) -> bool:
        """Whether there is one left; it is gone then."""
        self._left = min(self._full, self._left + (now_ns - self._seen_ns) * self._per_s)
        self._seen_ns = now_ns
        if self._left < _NS_PER_S:
            self._refused["asked too often"] += 1
            return False
        self._left -= _NS_PER_S
        return True
