"""Scrambling in one pass, for streams that come from a pipe or a network and may have no end.

The key of a portion needs none of the future, but a little of it is held back: packets wait until the clock reference
behind them tells their time, until the next entitlement message has its place, and until a PMT that has begun is whole.
At the start they wait for the tables and the clock, and where neither comes in time the stream has to be read twice.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from settop.errors import LocalError, RemoteError
from settop.wire.offer import Offer
from settop.wire.transport import NULL_PID, PACKET_BYTES

from headend.ts.cissa import scramble_packets
from headend.ts.growing import GrowingPortions, GrowingTimeline
from headend.ts.io.output import Counts, EditCursor, Splice, put_in_place
from headend.ts.keys import control_word
from headend.ts.merging import Merger
from headend.ts.packets import Packets, header_words, pids_of
from headend.ts.portions import TICKS_PER_MS, Int64s, clock_pid, portions_at
from headend.ts.scrambler import (
    HIGHEST_CA_PID,
    ScrambleResult,
    damage_warnings,
    pes_begun,
    refuse_given_up,
    refuse_scrambled,
    refuse_streams_among_tables,
    refuse_unreadable,
)
from headend.ts.signal.ecm_schedule import REPEAT_MS, EcmSchedule
from headend.ts.signal.psi import Pmt
from headend.ts.signal.psi_reader import PsiReader
from headend.ts.signal.rewrite import Edits, PidRewriter
from headend.ts.signal.roles import STREAM, RoleCursor, RolePlan, RolePlanner
from headend.ts.signal.signalling import announcing
from headend.ts.signal.streams import has_picture_or_sound
from headend.ts.signal.tables import PmtSeen
from headend.ts.survey import PcrSamples, Survey, look_at_headers

HELD_PACKETS = 1 << 18
"""So many packets (49 MB) may wait for tables and clock at the start, or for the next clock reference later."""
START_TICKS = 1000 * TICKS_PER_MS
"""So much programme is waited for until every programme has its PMT; then those that have one are scrambled."""
_AHEAD_TICKS = (REPEAT_MS + 20) * TICKS_PER_MS
_DISTINCT_KEPT = 50_000
_LONGEST_TABLE_PACKETS = 1 << 15  # from a PMT's first packet to its last


class NotInOnePassError(LocalError):
    """The stream does not tell soon enough what it carries, or how time passes: it has to be read twice."""


class Released(NamedTuple):
    """Packets that are ready, shape (n, 188), and their programme time in ticks of 27 MHz since the first PCR, (n,)."""

    packets: Packets
    ticks: Int64s


class _Held:
    """The packets that have not been released, from packet `first` of the stream on; read as a TsFile is."""

    def __init__(self) -> None:
        self.first = 0
        self._room: Packets = np.zeros((1024, PACKET_BYTES), np.uint8)
        self._start = self._end = 0  # rows of the room that are in use

    @property
    def packets(self) -> Packets:
        return self._room[self._start : self._end]

    def add(self, packets: Packets) -> None:
        count = self._end - self._start
        if self._end + len(packets) > len(self._room):
            room = self._room
            if 2 * (count + len(packets)) > len(room):
                room = np.zeros((4 * (count + len(packets)), PACKET_BYTES), np.uint8)
            room[:count] = self.packets  # into itself only where the halves do not overlap
            self._room, self._start, self._end = room, 0, count
        self._room[self._end : self._end + len(packets)] = packets
        self._end += len(packets)

    def take(self, count: int) -> Packets:
        """The first `count` packets, as a copy; they are held no longer."""
        taken = self.packets[:count].copy()
        self._start += count
        self.first += count
        return taken

    def buffer(self, packets: int) -> Packets:
        return np.zeros((packets, PACKET_BYTES), np.uint8)

    def read_at(self, first: int, packets: Packets) -> None:
        packets[:] = self.packets[first - self.first :][: len(packets)]

    @property
    def end(self) -> int:
        return self.first + len(self.packets)


class LiveScrambler:
    """Feed packets as they come, `finish` at the end; both return what is ready. The arguments are `scramble_file`'s;
    `begun` is called when the tables and the clock are known: from there on one pass suffices.

    Raises RemoteError where the stream cannot be scrambled, NotInOnePassError (before anything was released) where
    it has to be read twice.
    """

    def __init__(
        self,
        portion_seconds: float,
        programme_secret: bytes,
        broadcast_id: bytes,
        programme_id: int = 1,
        programme: int | None = None,
        offer: Offer | None = None,
        begun: Callable[[], None] = lambda: None,
    ) -> None:
        control_word(programme_secret, programme_id, broadcast_id, 0)  # refuses wrong arguments
        self._portion_seconds = portion_seconds
        self._secret = programme_secret
        self._broadcast_id = broadcast_id
        self._programme_id = programme_id
        self._programme = programme
        self._offer = offer
        self._begun = begun
        self._held = _Held()
        self._found = Survey()
        self._reader = PsiReader(self._held)
        self._planner = RolePlanner(lambda pmt: programme in (None, pmt.programme))
        self._roles = RolePlan(self._planner.refused)
        self._cursor = RoleCursor(self._roles)
        self._edits = Edits()
        self._rewriters: dict[int, PidRewriter] = {}
        self._merger = Merger()
        self._timeline: GrowingTimeline | None = None
        self._clock_pid = self._clock_programme = NULL_PID
        self._clock_moved = False
        self._moves = 0
        self._counts: Counts = np.zeros(3, np.int64)

    @property
    def held(self) -> Packets:
        """What has not been released: all of the stream, where NotInOnePassError was raised."""
        return self._held.packets

    def feed(self, packets: Packets) -> Released:
        """Take packets, shape (n, 188)."""
        first = self._held.end
        self._held.add(packets)
        words = header_words(packets, first)
        pids = pids_of(words)
        look_at_headers(self._found, first, packets, words, pids)
        refuse_scrambled(self._found)
        self._reader.read(first, packets, pids)
        if self._timeline is None and not self._begin():
            if len(self._held.packets) > HELD_PACKETS:
                raise NotInOnePassError("the stream has not told its tables and its clock in its first 49 MB")
            return self._nothing()
        return self._go_on()

    def finish(self) -> Released:
        """The stream is over: all that is left."""
        if self._timeline is None and not self._begin(at_end=True):
            raise NotInOnePassError("the stream ended before it told its tables and its clock")
        assert self._timeline is not None
        self._take_in(self._timeline)
        for rewriter in self._rewriters.values():
            rewriter.finish()
        refuse_given_up(self._edits)
        end = self._held.end
        self._timeline.end_at(end)
        self._portions.grow(self._timeline.ticks(end - 1))
        released = self._release(end)
        if not self._counts[0]:
            raise RemoteError("nothing was scrambled: no packet of a stream that a PMT names carries anything")
        return released

    def result(self) -> ScrambleResult:
        """What was done, after `finish`."""
        total = self._held.first + self._merger.added
        portions = portions_at(self._merger.first_in_output, total, self._portions.portion_ticks)
        warnings = damage_warnings(self._found)
        if self._moves:
            warnings.append(f"the CA PID moved {self._moves} times: the stream came to use the one that was free")
        return ScrambleResult(
            portions=portions,
            keys=[self._key(portion.index) for portion in portions],
            packets=total,
            scrambled=int(self._counts[0]),
            ecm_inserted=self._schedule.inserted,
            ecm_replacing_null=self._schedule.replaced,
            malformed=self._found.malformed,
            ca_pid=self._ca_pid,
            programme_id=self._programme_id,
            broadcast_id=self._broadcast_id,
            pes_starts=(int(self._counts[1]), int(self._counts[2])),
            warnings=warnings,
        )

    # --- the start ----------------------------------------------------------------------------------------------

    def _begin(self, at_end: bool = False) -> bool:
        """Whether tables and clock are known; then everything is set up."""
        named = self._reader.programmes_in_force()
        if self._programme is not None and self._programme not in named:
            return False
        concerned = named if self._programme is None else [self._programme]
        pmts = {seen.pmt.programme: seen.pmt for seen in reversed(self._reader.pmts)}
        for number in concerned:
            pmt = pmts.get(number)
            pid = None
            if pmt is not None and has_picture_or_sound(pmt):
                pid = clock_pid(self._found, pmt)
            if pid is not None and self._start_clock(pid, at_end or all(one in pmts for one in concerned)):
                self._clock_programme = number
                break
        else:
            return False
        self._reader.stop_looking_back()
        self._begun()
        self._announce(self._free_pid())
        self._schedule = EcmSchedule(self._portions, self._ca_pid, self._programme_id, self._broadcast_id)
        return True

    def _start_clock(self, pid: int, complete: bool) -> bool:
        samples = self._found.pcrs[pid]
        try:
            timeline = GrowingTimeline(samples)
        except RemoteError:
            return False
        if not complete and timeline.reach_ticks < START_TICKS:
            return False
        self._timeline, self._clock_pid = timeline, pid
        self._found.pcrs.clear()
        self._portions = GrowingPortions(timeline, self._portion_seconds)
        return True

    def _free_pid(self) -> int:
        self._found.pids, self._found.named = self._reader.seen_pids(), self._reader.named
        return self._found.free_pid(HIGHEST_CA_PID)

    # --- onward ---------------------------------------------------------------------------------------------------

    def _go_on(self) -> Released:
        timeline = self._timeline
        assert timeline is not None
        self._take_in(timeline)
        self._portions.grow(timeline.reach_ticks)
        end = min(timeline.first_packet_at(timeline.reach_ticks - _AHEAD_TICKS), timeline.reach, self._held.end)
        for rewriter in self._rewriters.values():
            if rewriter.open_since is not None:
                if self._held.end - rewriter.open_since > _LONGEST_TABLE_PACKETS:
                    rewriter.finish()  # the rest of the table does not come
                else:
                    end = min(end, rewriter.open_since)
        if self._held.end - end > HELD_PACKETS:
            raise RemoteError(
                f"packet {self._held.end}: no clock reference in the last {HELD_PACKETS} packets: time stands still"
            )
        return self._release_by_messages(end)

    def _release_by_messages(self, limit: int) -> Released:
        """Packets up to `limit` at most, so that all null packets that may take the next message come at once."""
        pieces = [self._nothing()]
        while True:
            earliest, place = self._schedule.undecided
            end = place + 1 if place < limit else min(limit, earliest)
            if end <= self._held.first:
                return Released(*(np.concatenate(parts) for parts in zip(*pieces, strict=True)))
            pieces.append(self._release(end))

    def _take_in(self, timeline: GrowingTimeline) -> None:
        """What the packets that have come say of tables and time."""
        self._take_tables()
        self._move_ca_pid()
        self._take_clock(timeline)

    def _take_tables(self) -> None:
        reader = self._reader
        changes = []
        for seen in reader.take_tables():
            changes += self._planner.take(seen)
            if isinstance(seen, PmtSeen) and seen.pmt.programme == self._clock_programme:
                self._follow_clock(seen.pmt)
        self._roles.add(changes)
        refuse_streams_among_tables(self._planner.refused, reader.seen_pids(), self._found.starts_pes)
        refuse_unreadable(reader.unreadable, lambda number: self._programme in (None, number))
        for pid, log in reader.logs.items():
            if pid not in self._rewriters:
                self._rewriters[pid] = PidRewriter(lambda section: self._edit(section), self._edits)
            for at, number in zip(log.packet, log.distinct, strict=True):
                if self._roles.role_at(at, pid) != STREAM:
                    self._rewriters[pid].feed(at, reader.distinct[number])
            del log.packet[:], log.distinct[:]
        reader.forget(_DISTINCT_KEPT)
        refuse_given_up(self._edits)

    def _follow_clock(self, pmt: Pmt) -> None:
        pid = pmt.pcr_pid
        if pid not in (self._clock_pid, NULL_PID):
            self._clock_pid, self._clock_moved = pid, True

    def _take_clock(self, timeline: GrowingTimeline) -> None:
        samples = self._found.pcrs.get(self._clock_pid, PcrSamples())
        self._found.pcrs.clear()
        if self._clock_moved and samples.packet:
            samples.discontinuity[0], self._clock_moved = 1, False
        timeline.add(samples)

    def _move_ca_pid(self) -> None:
        """The stream has come to use our PID: another one, told by a further version of the PMTs."""
        if self._reader.seen_pids()[self._ca_pid] or self._reader.named[self._ca_pid]:
            self._moves += 1
            self._announce(self._free_pid())
            self._schedule.move(self._ca_pid)
            for rewriter in self._rewriters.values():
                rewriter.forget()

    def _announce(self, ca_pid: int) -> None:
        self._ca_pid = ca_pid
        programmes = range(1 << 16) if self._programme is None else [self._programme]
        self._edit = announcing(programmes, ca_pid, self._programme_id, self._offer, 1 + self._moves)

    # --- out ------------------------------------------------------------------------------------------------------

    def _nothing(self) -> Released:
        return Released(np.zeros((0, PACKET_BYTES), np.uint8), np.zeros(0, np.int64))

    def _release(self, end: int) -> Released:
        """Packets up to `end`, scrambled, with tables and messages in their places."""
        held, timeline = self._held, self._timeline
        assert timeline is not None
        first, count = held.first, end - held.first
        chunk = held.take(count)
        words = header_words(chunk, first)
        pids = pids_of(words)
        edits = EditCursor(self._edits.taken(end)).take(first, count)
        ecms = self._schedule.plan(first, count, (pids == NULL_PID).tobytes())
        inserted = put_in_place(chunk, self._merger.merge(first, edits, ecms))
        selected = self._cursor.roles(first, pids) == STREAM
        checked, begun = pes_begun(chunk, words, selected)
        scrambled, starts = 0, self._portions.starts
        for portion in range(bisect_right(starts, first) - 1, bisect_left(starts, end)):
            after = starts[portion + 1] if portion + 1 < len(starts) else end
            part = slice(max(starts[portion] - first, 0), min(after - first, count))
            scrambled += scramble_packets(chunk[part], self._key(portion), portion & 1, selected[part])
        self._counts += np.array((scrambled, checked, begun))
        return _spliced(chunk, timeline.between(first, end), inserted)

    def _key(self, portion: int) -> bytes:
        return control_word(self._secret, self._programme_id, self._broadcast_id, portion)


def _spliced(chunk: Packets, ticks: Int64s, splices: list[Splice]) -> Released:
    """`chunk` with the splices; what is inserted is due with the packet behind it."""
    packets, times, done = [], [], 0
    for splice in splices:
        packets.append(chunk[done : splice.row])
        times.append(ticks[done : splice.row])
        new = np.frombuffer(splice.packets, np.uint8).reshape(-1, PACKET_BYTES)
        packets.append(new)
        times.append(np.full(len(new), ticks[min(splice.row, len(ticks) - 1)]))
        done = max(done, splice.row + splice.leaves_out)
    return Released(np.concatenate([*packets, chunk[done:]]), np.concatenate([*times, ticks[done:]]))
