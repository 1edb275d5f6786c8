"""One way over a link: rate, delay, what is lost, damaged, doubled or overtaken; from a seed, to the nanosecond.

A `Way` has no clock and holds no packets: it says when a packet that is sent now will be out at the other end, and
whoever asked keeps it until then.
"""

import random
from dataclasses import dataclass

from settop.errors import LocalError

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
MTU_BYTES = 1500


@dataclass(frozen=True)
class Link:
    """What one way does to packets. LocalError: a value out of its range.

    rate_bits_s: None is without limit. queue_octets: what may wait for its turn; more is lost at the tail, as in a
    router or modem. delay_ns, and up to jitter_ns more, which alone never changes the order. loss, damage (an octet of
    it is another one), double and reorder: probabilities from 0 to 1, in this order for each packet. A reordered one
    comes up to reorder_ns later than it would, and others pass it. lose: numbers of packets that are lost for certain,
    the first is 1. mtu_octets: 68 (RFC 791) to 65,535.
    """

    rate_bits_s: int | None = None
    delay_ns: int = 0
    jitter_ns: int = 0
    loss: float = 0.0
    lose: frozenset[int] = frozenset()
    damage: float = 0.0
    double: float = 0.0
    reorder: float = 0.0
    reorder_ns: int = 20 * NS_PER_MS
    queue_octets: int = 64 * 1024
    mtu_octets: int = MTU_BYTES

    def __post_init__(self) -> None:
        if self.rate_bits_s is not None and self.rate_bits_s < 1:
            raise LocalError(f"link of {self.rate_bits_s} bit/s, expected at least 1")
        if min(self.delay_ns, self.jitter_ns, self.reorder_ns, self.queue_octets) < 0:
            raise LocalError("link with a delay, jitter or queue below zero")
        for name in ("loss", "damage", "double", "reorder"):
            if not 0 <= getattr(self, name) <= 1:
                raise LocalError(f"link with {name} {getattr(self, name)}, expected 0 to 1")
        if not 68 <= self.mtu_octets <= 0xFFFF:
            raise LocalError(f"link for packets of {self.mtu_octets} octets, expected 68 to 65535")


IDEAL = Link()
"""Everything arrives at once, as it was sent."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One copy of a packet: the ns when its last bit is out at the other end, and the octets then."""

    at_ns: int
    data: bytes


class Way:
    """One direction of a link. `name` and `seed` settle its accidents; no other way's traffic changes them.

    Counters, in packets: `sent`, of which `lost`, `damaged`, `doubled`, `reordered`; `overflowed` found no room to
    wait, `cut` came while the link was down or were on it when it went. `octets` of all that were sent.
    """

    def __init__(self, link: Link, name: str, seed: int) -> None:
        self.link = link
        self.name = name
        self.up = True
        self.fallen = 0
        self.sent = self.octets = self.lost = self.damaged = self.doubled = self.reordered = 0
        self.overflowed = self.cut = 0
        self._random = random.Random(f"link {name} {seed}")
        self._free_ns = 0  # when the last bit of what was sent has left
        self._latest_ns = 0  # when the latest packet that keeps the order is out

    def down(self) -> None:
        """Nothing passes any more. Whoever keeps packets of before looks at `fallen`: they are `cut`."""
        if self.up:
            self.up = False
            self.fallen += 1

    def restore(self) -> None:
        """Packets pass again; what waited is gone."""
        if not self.up:
            self.up = True
            self._free_ns = self._latest_ns = 0

    def waiting_octets(self, now_ns: int) -> int:
        """What has not left yet, by the rate."""
        rate = self.link.rate_bits_s
        return 0 if rate is None else max(0, self._free_ns - now_ns) * rate // (8 * NS_PER_S)

    def send(self, data: bytes, now_ns: int, bits: int | None = None) -> list[Passage]:
        """The copies of a packet that get through: none, one, or two. bits: what it takes of the rate, if not eight an
        octet. Time never goes back."""
        link, chance = self.link, self._random.random
        self.sent += 1
        self.octets += len(data)
        # As many numbers are drawn whatever becomes of a packet, so that the next one's fate does not hang on it.
        fates = [chance() for _ in range(6)]
        if not self.up:
            self.cut += 1
            return []
        if link.rate_bits_s is not None:
            if now_ns < self._free_ns and self.waiting_octets(now_ns) + len(data) > link.queue_octets:
                self.overflowed += 1
                return []
            count = len(data) * 8 if bits is None else bits
            self._free_ns = max(now_ns, self._free_ns) + -(-count * NS_PER_S // link.rate_bits_s)
            now_ns = self._free_ns
        if self.sent in link.lose or fates[0] < link.loss:
            self.lost += 1
            return []
        at_ns = now_ns + link.delay_ns + int(fates[4] * link.jitter_ns)
        if fates[1] < link.damage and data:
            self.damaged += 1
            place = int(fates[5] * len(data))
            data = data[:place] + bytes((data[place] ^ 1 << self.damaged % 8,)) + data[place + 1 :]
        if fates[3] < link.reorder:
            self.reordered += 1
            return self._copies(at_ns + int(fates[5] * link.reorder_ns), data, fates[2])
        self._latest_ns = max(self._latest_ns, at_ns)
        return self._copies(self._latest_ns, data, fates[2])

    def _copies(self, at_ns: int, data: bytes, fate: float) -> list[Passage]:
        one = Passage(at_ns, data)
        if fate >= self.link.double:
            return [one]
        self.doubled += 1
        return [one, one]
