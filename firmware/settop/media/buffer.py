"""The viewer's buffer: opened media in a ring of octets, put in order, played when it is due by its RTP time.

Of a fixed size, made once. Packets ahead of a gap wait aside, in a few slots, until the gap is filled or given up.
"""

from array import array

from settop.errors import LocalError
from settop.wire.rtp import CLOCK_HZ, later
from settop.wire.transport import PACKET_BYTES

FILLING, PLAYING, PAUSED = range(3)
SLOT_BYTES = 7 * PACKET_BYTES
SLOTS = 8
REORDER_MS = 200
STARVED_MS = 100  # so far two clock references may lie apart (ISO/IEC 13818-1, 2.7.2)
LEAP_MS = 10_000
_TICKS_PER_MS = CLOCK_HZ // 1000
_REMEMBERED = 64
_HALF = 0x80000000


class MediaBuffer:
    """size: octets of media that it holds, the high mark. low_ms: what shall always be here while it plays, the low
    mark; preroll_ms: with so much it begins, or where less than a quarter is free, for a sender may leave some. slots,
    a power of two: how far a packet may come ahead of one that is missing; slot_bytes: the longest payload.

    level: octets that wait in order. Counters: `packets` that were kept, of which `reordered` came behind a later one;
    `missing` were given up, `late` came after that or had been played, `doubled`; `overruns` found no room,
    `misfits` are empty or longer than a slot; `leaps` of RTP time that nobody announced; `underruns`: how often there
    was nothing to play. No allocation per packet but the short-lived views of a copy.
    """

    def __init__(self, size, low_ms, preroll_ms, slots=SLOTS, slot_bytes=SLOT_BYTES):
        if slots & (slots - 1) or size < 2 * slots * slot_bytes or preroll_ms < low_ms:
            raise LocalError(
                "a buffer of %d octets, low mark %d ms, pre-roll %d ms; expected at least %d octets, a pre-roll not"
                " below the low mark, and slots that are a power of two"
                % (size, low_ms, preroll_ms, 2 * slots * slot_bytes)
            )
        self.size = size
        self.low_ms = low_ms
        self._preroll_ms = preroll_ms
        self._ring = memoryview(bytearray(size))
        self._records = size // PACKET_BYTES
        self._lengths = array("H", bytes(2 * self._records))
        self._sequences = array("H", bytes(2 * self._records))
        self._times = array("i", bytes(4 * self._records))  # ms of media from the first packet on
        self._slots = slots
        self._slot_bytes = slot_bytes
        self._aside = memoryview(bytearray(slots * slot_bytes))
        self._aside_lengths = array("H", bytes(2 * slots))  # 0: a slot is free
        self._aside_times = array("I", bytes(4 * slots))
        self._came = bytearray(_REMEMBERED)  # which of the last sequence numbers
        self.packets = self.reordered = self.missing = self.late = self.doubled = 0
        self.overruns = self.misfits = self.leaps = self.underruns = 0
        self.octets = 0  # of all that were kept
        self.restart()

    def restart(self, sequence=None):
        """Empty, at the beginning or elsewhere in the title: the next packet has this number, None: any."""
        self.state = FILLING
        self.ended = False
        self.level = 0
        self._start = self._first = self._count = self._taken = 0
        self._held = self._held_octets = self._far = 0
        for slot in range(self._slots):
            self._aside_lengths[slot] = 0
        for place in range(_REMEMBERED):
            self._came[place] = 0
        self._expected = sequence
        self._join = None
        self._stamp = None  # RTP time of the last packet in order
        self._usual = self._rest = 0  # ticks from one packet to the next; of the last one beyond its ms
        self._last_ms = 0
        self._origin_ms = self._gap_ms = self._paused_ms = 0

    def join(self, sequence):
        """From this number on RTP time begins anew, and the media follow those before at once: PLAY after a pause."""
        self._join = sequence

    def end(self):
        """Nothing more comes: what is here is played to its end, and that is no underrun."""
        self.ended = True

    # --- in -------------------------------------------------------------------------------------------------------

    def put(self, sequence, timestamp, payload, now_ms):
        """Take over a packet's payload, a view; whether it was kept. timestamp: RTP's, 32 bits."""
        length = len(payload)
        if not 0 < length <= self._slot_bytes:
            self.misfits += 1
            return False
        if self._expected is None:
            self._expected = sequence
        ahead = later(sequence, self._expected)
        if ahead < 0:
            if -ahead <= _REMEMBERED and self._came[sequence % _REMEMBERED]:
                self.doubled += 1
            else:
                self.late += 1
            return False
        if ahead >= self._slots:
            ahead = self._pass_gap(sequence, ahead, now_ms)
        slot = sequence & (self._slots - 1)
        if ahead and self._aside_lengths[slot]:
            self.doubled += 1
            return False
        if length > self.size - self.level - self._held_octets or self._count + self._held >= self._records:
            self.overruns += 1
            return False
        self.packets += 1
        self.octets += length
        if ahead:
            self._put_aside(sequence, timestamp, payload, slot, now_ms)
        else:
            self._append(sequence, timestamp, payload, now_ms)
            if self._held:
                self.reordered += 1
                self._follow(now_ms)
        return True

    def _put_aside(self, sequence, timestamp, payload, slot, now_ms):
        at = slot * self._slot_bytes
        self._aside[at : at + len(payload)] = payload
        self._aside_lengths[slot] = len(payload)
        self._aside_times[slot] = timestamp
        if not self._held:
            self._gap_ms = now_ms
        if not self._held or later(sequence, self._far) > 0:
            self._far = sequence
        else:
            self.reordered += 1
        self._held += 1
        self._held_octets += len(payload)

    def _pass_gap(self, sequence, ahead, now_ms):
        """Give up what would have to come before a packet that has no slot; how far it is ahead then."""
        while ahead >= self._slots and self._held:
            self._step(now_ms)
            self._follow(now_ms)
            ahead = later(sequence, self._expected)
        if ahead >= self._slots:
            gone = ahead - self._slots + 1
            for number in range(min(gone, _REMEMBERED)):
                self._came[(self._expected + gone - 1 - number) % _REMEMBERED] = 0
            self.missing += gone
            self._expected = (self._expected + gone) & 0xFFFF
            ahead -= gone
        return ahead

    def _step(self, now_ms):
        """The next packet in order, from its slot, or given up."""
        slot = self._expected & (self._slots - 1)
        length = self._aside_lengths[slot]
        if length:
            at = slot * self._slot_bytes
            self._aside_lengths[slot] = 0
            self._held -= 1
            self._held_octets -= length
            self._append(self._expected, self._aside_times[slot], self._aside[at : at + length], now_ms)
        else:
            self.missing += 1
            self._came[self._expected % _REMEMBERED] = 0
            self._expected = (self._expected + 1) & 0xFFFF

    def _follow(self, now_ms):
        """What waits aside without a gap before it."""
        while self._held and self._aside_lengths[self._expected & (self._slots - 1)]:
            self._step(now_ms)
        if self._held:
            self._gap_ms = now_ms

    def _give_up(self, now_ms):
        """The gap, and what waited behind it comes."""
        while self._held and not self._aside_lengths[self._expected & (self._slots - 1)]:
            self._step(now_ms)
        self._follow(now_ms)

    def _append(self, sequence, timestamp, payload, now_ms):
        self._came[sequence % _REMEMBERED] = 1
        self._expected = (sequence + 1) & 0xFFFF
        self._advance(sequence, timestamp)
        if not self._count and self.state == PLAYING and now_ms > self._origin_ms + self._last_ms:
            self._starve()
        record = (self._first + self._count) % self._records
        length = len(payload)
        self._lengths[record] = length
        self._sequences[record] = sequence
        self._times[record] = self._last_ms
        self._count += 1
        end = (self._start + self.level) % self.size
        part = min(length, self.size - end)
        if part == length:
            self._ring[end : end + length] = payload
        else:
            self._ring[end:] = payload[:part]
            self._ring[: length - part] = payload[part:]
        self.level += length

    def _advance(self, sequence, timestamp):
        """Media time goes on to this packet's."""
        if self._stamp is not None:
            ticks = ((timestamp - self._stamp + _HALF) & 0xFFFFFFFF) - _HALF
            if self._join is not None and later(sequence, self._join) >= 0:
                self._join = None
                ticks = self._usual
            elif ticks < 0 or ticks > LEAP_MS * _TICKS_PER_MS:
                self.leaps += 1
                ticks = self._usual
            else:
                self._usual = ticks
            self._rest += ticks
            self._last_ms += self._rest // _TICKS_PER_MS
            self._rest %= _TICKS_PER_MS
        self._stamp = timestamp

    # --- out ------------------------------------------------------------------------------------------------------

    def play(self, sink, now_ms):
        """Give the sink what is due, until it takes no more: sink.write(view) says how many octets it took. Returns
        how many that were."""
        self._poll(now_ms)
        total = 0
        while self.state == PLAYING and self._count and self._origin_ms + self._times[self._first] <= now_ms:
            length = self._lengths[self._first] - self._taken
            taken = sink.write(self._ring[self._start : min(self._start + length, self.size)]) or 0
            if not taken:
                break
            total += taken
            self._start = (self._start + taken) % self.size
            self.level -= taken
            self._taken += taken
            if taken == length:
                self._taken = 0
                self._first = (self._first + 1) % self._records
                self._count -= 1
        return total

    def pause(self, now_ms):
        """The clock of what is played stands still."""
        if self.state == PLAYING:
            self.state = PAUSED
            self._paused_ms = now_ms

    def resume(self, now_ms):
        """And goes on."""
        if self.state == PAUSED:
            self.state = PLAYING
            self._origin_ms += now_ms - self._paused_ms

    def _poll(self, now_ms):
        if self._held:
            empty = self.state == PLAYING and not self._count
            if empty or self.ended or now_ms - self._gap_ms >= REORDER_MS:
                self._give_up(now_ms)
        if self.state == FILLING and self._count:
            full = self.free() < self.size // 4
            if full or self.ended or self.level_ms(now_ms) >= self._preroll_ms:
                self.state = PLAYING
                self._origin_ms = now_ms - self._times[self._first]
        elif self.state == PLAYING and not self._count and not self.ended:
            if now_ms - self._origin_ms - self._last_ms >= STARVED_MS:
                self._starve()

    def _starve(self):
        self.underruns += 1
        self.state = FILLING

    def next_timer(self):
        """When `play` wants to be called, or None: when more has come."""
        due_ms = self._gap_ms + REORDER_MS if self._held else None
        if self.state == PLAYING and (self._count or not self.ended):
            at_ms = self._times[self._first] if self._count else self._last_ms + STARVED_MS
            at_ms += self._origin_ms
            due_ms = at_ms if due_ms is None else min(due_ms, at_ms)
        return due_ms

    # --- what there is ----------------------------------------------------------------------------------------------

    @property
    def over(self):
        """Whether all that came has been played and nothing more comes."""
        return self.ended and not self._count and not self._held

    def free(self):
        """Octets that may come more, in packets of PACKET_BYTES at least: what waits aside, and what it waits for, has
        its room already."""
        room = self.size - self.level - self._held_octets
        records = self._records - self._count - self._held
        if self._held:
            holes = later(self._far, self._expected) + 1 - self._held
            room -= holes * self._slot_bytes
            records -= holes
        return max(min(room, records * PACKET_BYTES), 0)

    def level_ms(self, now_ms):
        """Media that are here, in order, in ms, up to the last packet's beginning."""
        if not self._count:
            return 0
        if self.state == FILLING:
            return self._last_ms - self._times[self._first]
        at_ms = self._paused_ms if self.state == PAUSED else now_ms
        return max(self._origin_ms + self._last_ms - at_ms, 0)

    def next_unit(self, now_ms):
        """(sequence number of the packet that is played next, ms until then or None where it is not here), or None
        where nothing has come yet; as the RTCP packet of 3GPP TS 26.234, 6.2.3.2 has it."""
        if self._expected is None:
            return None
        if not self._count:
            return self._expected, None
        sequence = self._sequences[self._first]
        if self.state == FILLING:
            return sequence, 0
        at_ms = self._paused_ms if self.state == PAUSED else now_ms
        return sequence, max(self._origin_ms + self._times[self._first] - at_ms, 0)
