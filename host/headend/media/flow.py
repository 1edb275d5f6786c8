"""How fast a title goes to one viewer: by what its buffer has room for, what is on the way, and what the line loses.

The viewer says in RTCP what it has received (RR) and what its buffer holds (NADU, 3GPP TS 26.234, 6.2.3.2). Of what it
says nothing is believed that would let more go than its buffer can hold beyond what a clock can have played.
"""

from collections import deque
from dataclasses import dataclass

from settop.errors import RemoteError
from settop.media.feedback import EVERY_MS
from settop.wire import rtcp

MIN_SIZE = 16 * 1316
RESERVE = 1316
"""Octets of the buffer that are never filled, a packet."""
MAX_SIZE = 0xFFFF * rtcp.FREE_UNIT_BYTES
MAX_TARGET_MS = 60_000
UNHEARD_MS = 2_000
"""Who has told nothing of its buffer so long is sent to by the title's clock, as one who announced none."""
SOONEST_MS = 50
"""Reports that come sooner after the last one are passed over."""
FASTEST, URGENT, STEADY, SLOWEST = 2.0, 1.5, 1.125, 0.75
"""Times the title's own rate: to fill a buffer, below its low mark, to keep it from falling, while the line loses."""
SLOWEST_QUEUED, SLOWER, FASTER = 1.0, 0.85, 0.05
"""Where packets wait in a queue it slows to the title's own rate; by how much at a time, and how much more after."""
LOST_MS = 2_000
"""A packet that is so much longer on the way than the quickest one has been lost, and takes no room any more."""
LOSS, LOSS_PACKETS, LOSS_MS = 0.02, 20, 1_000
"""From this share on loss counts, over so many packets and so long at least."""
QUEUED_MS = 500
"""A packet that is so much longer on the way than the quickest one waits in a queue."""
PRESSED_MS = 2_000
SETTLED_MS = 5_000
CLEAN_MS, MAX_CLEAN_MS = 10_000, 120_000
_BURST_US = 20_000
_HOLD_MS = 20


@dataclass(frozen=True, slots=True)
class _Sent:
    """One packet: number counts from the first one on; before: octets of all that went before it."""

    number: int
    before: int
    octets: int
    media_ms: int
    sent_ms: int


class Flow:
    """One viewer's buffer, as the sender knows it. size: octets, target_ms: its low mark, as it announced them.

    ssrc: of the stream. `refused` counts reports that cannot be true or came too soon.
    """

    def __init__(self, ssrc: int, size: int, target_ms: int, now_ms: int) -> None:
        self.resize(size, target_ms)
        self.refused = self.reports = 0
        self.speed = FASTEST
        self.level_ms = 0
        self._ssrc = ssrc
        self._last_sequence = 0
        self._patience_ms = CLEAN_MS
        self._changed_ms = now_ms
        self._quickest_ms: int | None = None
        self.begin(now_ms)

    def resize(self, size: int, target_ms: int) -> None:
        """The viewer announces another buffer."""
        self.size = min(size, MAX_SIZE)
        self.target_ms = min(target_ms, MAX_TARGET_MS)

    def begin(self, now_ms: int) -> None:
        """Play begins elsewhere in the title: the viewer's buffer is empty."""
        self._sent: deque[_Sent] = deque()
        self._played: deque[_Sent] = deque()  # what even a clock has not played yet
        self._numbers = self._octets = 0
        self._media_ms = self._base_ms = 0
        self._highest = self._next = -1  # numbers of what was received, of what is played next
        self._given_up = 0  # what was sent ahead of this one has come or been lost
        self._free: int | None = None  # behind the highest one
        self._heard_ms: int | None = None
        self._counted: tuple[int, int, int] | None = None  # (number, lost, ms) where loss was last looked at
        self._clean_ms: int | None = None
        self._pressed_ms: int | None = None
        self._ready_us = now_ms * 1000
        self._clock_ms = 0  # of media that a clock has played
        self._running_ms: int | None = None
        self._is_full = self._is_queued = False
        self.resume(now_ms)

    def resume(self, now_ms: int) -> None:
        """Play goes on where it was."""
        self.pause(now_ms)
        self._running_ms = self._begun_ms = now_ms
        self._base_ms = self._media_ms
        self._ready_us = max(self._ready_us, now_ms * 1000)

    def pause(self, now_ms: int) -> None:
        """And stops."""
        if self._running_ms is not None:
            self._clock_ms += now_ms - self._running_ms
            self._running_ms = None

    # --- what may go ----------------------------------------------------------------------------------------------

    @property
    def in_flight(self) -> int:
        """Octets behind the highest packet that the viewer said it has."""
        return self._octets - self._before(max(self._highest + 1, self._given_up))

    def ready(self, octets: int, media_ms: int, now_ms: int) -> bool:
        """Whether a packet may go. media_ms: when it is due, from the last begin() or resume() on."""
        media_ms += self._base_ms
        if self._is_unheard(now_ms):
            self._ready_us = (now_ms + max(media_ms - self._clock(now_ms), 0)) * 1000
            return media_ms <= self._clock(now_ms)
        if now_ms * 1000 < self._ready_us:
            return False
        free = self.size if self._free is None else self._free
        self._is_full = free - self.in_flight - octets < RESERVE
        if self._is_full or self._ahead(now_ms) + octets > self.size:
            self._ready_us = (now_ms + (EVERY_MS if self._is_full else _HOLD_MS)) * 1000
            return False
        return True

    def _is_unheard(self, now_ms: int) -> bool:
        return self._free is None and not self.reports and now_ms - self._begun_ms >= UNHEARD_MS

    def next_ms(self, now_ms: int) -> int:
        """When to ask again."""
        return max(-(-self._ready_us // 1000), now_ms + 1)

    def sent(self, sequence: int, octets: int, media_ms: int, now_ms: int) -> None:
        """A packet went."""
        media_ms = max(media_ms + self._base_ms, self._media_ms)
        span_us = (media_ms - self._media_ms) * 1000 / self._pace(now_ms)
        one = _Sent(self._numbers, self._octets, octets, media_ms, now_ms)
        self._sent.append(one)
        self._played.append(one)
        self._numbers += 1
        self._octets += octets
        self._media_ms = media_ms
        self._last_sequence = sequence
        self._ready_us = max(self._ready_us, now_ms * 1000 - _BURST_US) + int(span_us)
        self._ahead(now_ms)
        self._forget()

    def _forget(self) -> None:
        """What is longer ago than any buffer of that size can hold, and than what is on its way."""
        while self._octets - self._sent[0].before > 3 * self.size:
            self._sent.popleft()

    def _pace(self, now_ms: int) -> float:
        """Times the title's rate, by the buffer and the line. A report that is overdue counts as media played."""
        heard_ms = now_ms if self._heard_ms is None else self._heard_ms
        level_ms = self.level_ms - max(now_ms - heard_ms - EVERY_MS, 0)
        if level_ms < self.target_ms + EVERY_MS and not self._is_queued:
            return max(self.speed, URGENT)
        empty = self._free is None or self._free > self.size // 2
        return max(self.speed, STEADY) if empty or level_ms < self.target_ms + 2 * EVERY_MS else self.speed

    def _clock(self, now_ms: int) -> int:
        running = 0 if self._running_ms is None else now_ms - self._running_ms
        return self._clock_ms + running

    def _ahead(self, now_ms: int) -> int:
        """Octets that went and that no clock can have played."""
        clock_ms = self._clock(now_ms)
        clock_ms += clock_ms // 1024  # of a viewer whose clock is a fast one
        while self._played and self._played[0].media_ms <= clock_ms:
            self._played.popleft()
        return self._octets - self._played[0].before if self._played else 0

    def _before(self, number: int) -> int:
        """Octets ahead of the packet of this number, which was sent or is the next one."""
        if number >= self._numbers or not self._sent:
            return self._octets
        return self._sent[max(number - self._sent[0].number, 0)].before

    # --- what the viewer says -------------------------------------------------------------------------------------

    def report(self, data: bytes, now_ms: int) -> None:
        """A compound packet came from the viewer."""
        if self._heard_ms is not None and now_ms - self._heard_ms < SOONEST_MS:
            self.refused += 1
            return
        self._heard_ms = now_ms
        block = unit = None
        try:
            for kind, count, at, end in rtcp.unpack(data, len(data)):
                if kind in (rtcp.RR, rtcp.SR):
                    block = self._ours(rtcp.blocks(data, kind, count, at, end)) or block
                elif kind == rtcp.APP and not count and rtcp.application(data, at, end)[1] == rtcp.NADU_NAME:
                    unit = self._ours(rtcp.next_units(data, at, end)) or unit
            if block is not None:
                self._take(block, unit, now_ms)
        except RemoteError:
            self.refused += 1

    def _ours(self, parts: list[tuple[int, ...]]) -> tuple[int, ...] | None:
        return next((one for one in parts if one[0] == self._ssrc), None)

    def _number(self, sequence: int) -> int:
        """Of the packet that has, or will have, this number on the wire; raises RemoteError for one of long ago."""
        number = self._numbers - 1 - ((self._last_sequence - sequence) & 0xFFFF)
        if number == self._numbers - 1 - 0xFFFF:
            number = self._numbers
        if number < 0:
            raise RemoteError("a report of packets that were not sent since play began")
        return number

    def _take(self, block: tuple[int, ...], unit: tuple[int, ...] | None, now_ms: int) -> None:
        highest = self._number(block[3] & 0xFFFF)
        if highest < max(self._highest, 0) or highest >= self._numbers:
            raise RemoteError("a report of packets that were not sent, or older than the last one")
        if unit is None:
            self._look(highest, block[2], now_ms)
            return
        _, delay_ms, sequence, _, free = unit
        following = self._number(sequence)
        if not self._next <= following <= highest + 1:
            raise RemoteError("a report of a buffer that plays what it has not received, or again what it played")
        self._free = min(free, self.size)
        self._highest = highest
        self._next = following
        self.reports += 1
        if self._is_full:
            self._ready_us = now_ms * 1000
        self.level_ms = 0
        if following <= highest and delay_ms != rtcp.UNKNOWN_DELAY:
            self.level_ms = self._at(highest).media_ms - self._at(following).media_ms + delay_ms
        self._look(highest, block[2], now_ms)
        self._give_up(now_ms)
        while self._sent and self._sent[0].number < min(following, highest):
            self._sent.popleft()
        self._forget()

    def _give_up(self, now_ms: int) -> None:
        """What is still on its way now has been lost."""
        limit_ms = now_ms - LOST_MS - (self._quickest_ms or 0)
        self._given_up = max(self._given_up, self._highest + 1)
        while self._given_up < self._numbers and self._at(self._given_up).sent_ms < limit_ms:
            self._given_up += 1

    def _at(self, number: int) -> _Sent:
        return self._sent[min(max(number - self._sent[0].number, 0), len(self._sent) - 1)]

    # --- the line -------------------------------------------------------------------------------------------------

    def _look(self, highest: int, lost: int, now_ms: int) -> None:
        """What the line loses, and whether packets wait in it."""
        if not self._sent:
            return
        way_ms = now_ms - self._at(highest).sent_ms
        self._quickest_ms = way_ms if self._quickest_ms is None else min(self._quickest_ms, way_ms)
        waiting = highest + 1 < self._numbers
        queued = waiting and now_ms - self._at(highest + 1).sent_ms > self._quickest_ms + QUEUED_MS
        if self._counted is None:
            self._counted = (highest, lost, now_ms)
            return
        number, before, at_ms = self._counted
        if now_ms - at_ms < LOSS_MS or highest - number < LOSS_PACKETS:
            return
        self._counted = (highest, lost, now_ms)
        self._is_queued = queued
        lossy = (lost - before) / (highest - number) >= LOSS
        if lossy or queued:
            self._clean_ms = None
            self._pressed_ms = at_ms if self._pressed_ms is None else self._pressed_ms
            floor = SLOWEST if lossy else SLOWEST_QUEUED
            self.speed = min(self.speed, max(self.speed * SLOWER, floor))
        else:
            self._pressed_ms = None
            self._clean_ms = at_ms if self._clean_ms is None else self._clean_ms
            self.speed = min(self.speed + FASTER, FASTEST)

    def wants_lighter(self, now_ms: int) -> bool:
        """Whether the line has lost packets, or kept them waiting, for so long that a lighter variant is better."""
        pressed = self._pressed_ms is not None and now_ms - self._pressed_ms >= PRESSED_MS
        return pressed and now_ms - self._changed_ms >= SETTLED_MS

    def wants_heavier(self, now_ms: int) -> bool:
        """Whether the line has been clean for long enough to try a heavier one, with the buffer above its low mark."""
        clean = self._clean_ms is not None and now_ms - self._clean_ms >= self._patience_ms
        return clean and self.level_ms >= self.target_ms and now_ms - self._changed_ms >= self._patience_ms

    def changed(self, lighter: bool, now_ms: int) -> None:
        """Another variant goes from now on. A try that failed makes the next one later."""
        if lighter:
            soon = now_ms - self._changed_ms < 2 * self._patience_ms
            self._patience_ms = min(2 * self._patience_ms, MAX_CLEAN_MS) if soon else CLEAN_MS
        self._changed_ms = now_ms
        self._pressed_ms = self._clean_ms = self._counted = None
