"""Where the packets of a file are: of 188 octets one behind the other, or with something between them.

M2TS puts a time stamp of 4 octets before each packet; modulators and recorders put 16 or 20 octets of Reed-Solomon
parity behind it (204: EN 300 421, 4.4.2; 208: ATSC A/53-2). Recordings begin and end anywhere, and lose octets on the
way. A packet counts where another follows in step, as the terminal has it: octets lost cost the packet that they are
missing from.
"""

import os
from bisect import bisect_right

import numpy as np
import numpy.typing as npt
from settop.errors import RemoteError
from settop.wire.transport import PACKET_BYTES, SYNC

TIME_STAMP_BYTES = 4
STRIDES = (PACKET_BYTES, 192, 204, 208)
_PROBE_PACKETS = 512
_BLOCK_PACKETS = 32  # octets lost within a probe shift what follows: each block may be in a step of its own
_LEAST_SHARE = 0.5
_GARBAGE_BYTES = 16 << 20  # how far the first packet is looked for
_WINDOW_BYTES = 1 << 18
_IN_STEP = 5  # packets in a row that make a beginning
_JUDGED_PACKETS = 64
_NEAR_PACKETS = 8
_AHEAD_PACKETS = 2048

Octets = npt.NDArray[np.uint8]


class Layout:
    """The packets of an open file between octets `begin` and `end`.

    `packets` is their number and `runs` where stretches of packets in step begin: (first packet, octet). What lies
    behind what was looked at so far is taken to be in step; `mend` corrects that. Raises RemoteError for an empty
    file and for one that is no transport stream, OSError.
    """

    def __init__(self, handle: int, begin: int, end: int) -> None:
        self._handle = handle
        self._begin = begin
        self._end = end
        if begin >= end:
            raise RemoteError("the input is empty; expected an MPEG transport stream of 188-byte packets")
        self.stride = PACKET_BYTES
        start: int | None = begin
        head = self._read(begin, PACKET_BYTES * _PROBE_PACKETS)
        if (head[:4] == SYNC).all() or not (head[::PACKET_BYTES] == SYNC).all():
            self.stride, start = self._find_stride()
            start = begin + self.lead if self._begins_at(begin + self.lead) else self._next_run(start)
        if start is None or start + PACKET_BYTES > end:
            raise _no_stream()
        self.runs: list[tuple[int, int]] = [(0, start)]
        self._first_start = start
        self.damaged_bytes = 0
        self.damaged_places: list[int] = []  # octets of the file
        self._count()

    @property
    def plain(self) -> bool:
        """Whether it is one packet behind the other, without a gap."""
        return self.stride == PACKET_BYTES and len(self.runs) == 1

    @property
    def lead(self) -> int:
        """Octets that belong to a packet and precede it."""
        return TIME_STAMP_BYTES if self.stride == 192 else 0

    def place(self, packet: int) -> tuple[int, int]:
        """(octet of a packet, how many packets are in step from it on)."""
        row = bisect_right(self.runs, (packet, self._end)) - 1
        first, start = self.runs[row]
        end = self.runs[row + 1][0] if row + 1 < len(self.runs) else self.packets
        return start + (packet - first) * self.stride, end - packet

    def is_packet(self, packet: int) -> bool:
        """Whether there is a sync octet where `packet` should begin; also true behind the last packet."""
        return packet >= self.packets or self._in_sync(self.place(packet)[0])

    def mend(self, packet: int) -> None:
        """`packet` is not where it should be: find those that follow."""
        while True:
            first, start = self.runs[-1]
            expected = start + (packet - first) * self.stride
            follows = self._resume(expected, has_before=packet > first)
            if follows is None:  # nothing but damage up to the end
                self._note(expected, self._end - expected)
                self._end = expected - self.lead
                self._count()
                self._tail = 0
                return
            if (follows - expected) % self.stride:
                # Out of step: octets are missing from the packet before, or something was put behind it.
                expected -= self.stride * (packet > first)
                packet -= packet > first
            self._note(expected, follows - expected)
            if packet == first:
                self.runs.pop()
            self.runs.append((packet, follows))
            self._count()
            ahead = self._read(follows, _AHEAD_PACKETS * self.stride)[:: self.stride]
            lost = np.flatnonzero(ahead != SYNC)
            if not lost.size or packet + int(lost[0]) >= self.packets:
                return
            packet += int(lost[0])

    def notes(self) -> list[str]:
        """What was left out, in words; nothing of a plain file."""
        said = []
        around = self.stride - PACKET_BYTES
        if around:
            what = "a time stamp" if self.lead else "parity"
            said.append(f"{self.stride}-byte packets: {around} bytes of {what} each dropped")
        skipped = self._first_start - self.lead - self._begin
        if skipped > 0:
            said.append(f"first {skipped} bytes skipped: they precede the first packet")
        if self.damaged_places:
            count = len(self.damaged_places)
            where = f"at byte {self.damaged_places[0]}" if count == 1 else f"at {count} places"
            first = "" if count == 1 else f", the first at byte {self.damaged_places[0]}"
            said.append(f"{self.damaged_bytes} damaged bytes skipped {where}{first}")
        if self._tail > 0:
            said.append(f"last {self._tail} bytes dropped: the last packet is incomplete")
        return said

    def _note(self, at: int, count: int) -> None:
        self.damaged_bytes += count
        self.damaged_places.append(at)

    def _count(self) -> None:
        first, start = self.runs[-1]
        more = max((self._end - start - PACKET_BYTES) // self.stride + 1, 0)
        self.packets = first + more
        self._tail = self._end - start - more * self.stride

    def _read(self, start: int, count: int) -> Octets:
        """Octets of the file, fewer at its end."""
        wanted = max(min(count, self._end - start), 0)
        parts = []
        while wanted and (part := os.pread(self._handle, wanted, start)):
            parts.append(part)
            start, wanted = start + len(part), wanted - len(part)
        return np.frombuffer(b"".join(parts), np.uint8)

    def _in_sync(self, start: int) -> bool:
        return bool((self._read(start, 1) == SYNC).all())

    def _begins_at(self, start: int) -> bool:
        head = self._read(start, self.stride + 1)
        return len(head) > self.stride and head[self.stride] == SYNC and bool(_sound(head[:4].reshape(4, 1))[0])

    def _find_stride(self) -> tuple[int, int]:
        """(distance of packets, octet from which they are to be found): the distance that fits a long probe best."""
        probe = _PROBE_PACKETS * max(STRIDES)
        for start in range(self._begin, min(self._end, self._begin + _GARBAGE_BYTES), probe):
            hits = self._read(start, probe) == SYNC
            share, stride = max((_share_in_step(hits, stride), -stride) for stride in STRIDES)
            if share >= _LEAST_SHARE:
                # Those before it, too few for a probe that begins with other things, are packets as well.
                return -stride, max(start - probe, self._begin)
        raise _no_stream()

    def _next_run(self, start: int) -> int | None:
        """The octet from `start` on where packets in step begin, None where none do."""
        reach = (_IN_STEP - 1) * self.stride
        while start + PACKET_BYTES <= self._end:
            data = self._read(start, _WINDOW_BYTES + reach)
            count = min(_WINDOW_BYTES, len(data) - PACKET_BYTES + 1)
            hits = np.ones(_WINDOW_BYTES + reach, np.bool_)  # what would lie behind the end cannot be out of step
            hits[: len(data)] = data == SYNC
            found = hits[:count].copy()
            for step in range(self.stride, reach + 1, self.stride):
                found &= hits[step : step + count]
            found[max(len(data) - self.stride, 0) :] = False  # one packet alone proves nothing
            at = np.flatnonzero(found)
            if at.size:
                near = at[at < at[0] + self.stride]
                merit, best = max((self._merit(start + row), -row) for row in near.tolist())
                if merit > 0:
                    return self._first_sound(start - best)
                start += self._behind_pattern(data, int(at[0]))
            else:
                start += count
        return None

    def _behind_pattern(self, data: Octets, row: int) -> int:
        """From where to go on when what begins at `row` repeats 0x47 but has no header of a packet."""
        other = np.flatnonzero(data[row:] != SYNC)
        alike = int(other[0]) if other.size else len(data) - row
        if alike > self.stride:
            return row + alike - 4  # a packet's header may begin with some of them
        return row + (_JUDGED_PACKETS - 1) * self.stride

    def _resume(self, expected: int, has_before: bool) -> int | None:
        """Where packets go on when there is none at `expected`."""
        near = self._read(expected, (_NEAR_PACKETS + 1) * self.stride)[:: self.stride] == SYNC
        if near.size > 1 and np.count_nonzero(near[1:]) > (near.size - 1) // 2:
            return expected + int(near.argmax()) * self.stride  # in step all the same
        return self._next_run(expected + 1 - self.stride * has_before)

    def _headers(self, start: int) -> Octets:
        data = self._read(start, _JUDGED_PACKETS * self.stride)
        rows = (len(data) - 4) // self.stride + 1
        return np.stack([data[column :: self.stride][:rows] for column in range(4)])

    def _merit(self, start: int) -> float:
        """How much what begins at `start` looks like packets, 0 to 2: of several steps that fit the best is taken."""
        head = self._headers(start).astype(np.int64)
        sound = _sound(head)
        pids = head[1] << 8 & 0x1F00 | head[2]
        steps = right = 0
        for pid in set(pids[sound].tolist()) - {0x1FFF}:
            mine = sound & (pids == pid)
            counters, payload = head[3][mine] & 15, head[3][mine] >> 4 & 1
            step = np.diff(counters) % 16
            steps += len(step)
            right += int(np.count_nonzero((step == payload[1:]) | (step == 0)))
        return float(sound.mean()) + (right / steps if steps else 0.0)

    def _first_sound(self, start: int) -> int:
        """A run may reach back into other things that happen to have a sync octet there: leave them out."""
        sound = _sound(self._headers(start))
        return start + int(sound.argmax()) * self.stride


def _sound(head: npt.NDArray[np.generic]) -> npt.NDArray[np.bool_]:
    """Which headers (shape (4, n)) use no value that ISO/IEC 13818-1, 2.4.3.3 reserves."""
    result: npt.NDArray[np.bool_] = (head[0] == SYNC) & (head[3] & 0x30 != 0) & (head[3] & 0xC0 != 0x40)
    return result


def _share_in_step(hits: npt.NDArray[np.bool_], stride: int) -> float:
    """The share of packets that are in step in the best case, each block of them in its own."""
    rows = len(hits) // stride
    block = min(rows, _BLOCK_PACKETS)
    if block < 3:
        return 0.0
    blocks = rows // block
    counts = hits[: blocks * block * stride].reshape(blocks, block, stride).sum(axis=1)
    return float(counts.max(axis=1).sum()) / (blocks * block)


def _no_stream() -> RemoteError:
    return RemoteError("the input is no MPEG transport stream: no sync byte 0x47 every 188, 192, 204 or 208 bytes")
