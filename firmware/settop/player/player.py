"""From the tuner's octets to clear packets at the sink: synchronisation, portions, opening, ring.

A packet is put out only when the sync octet behind it is in its place too: octets lost on the tuner line cost the
packet that they are missing from, and the one before it where its sync octet is among them. (Of 256 packets cut short
one has such an octet behind it by chance.) What is scrambled and was not opened is never put out.
"""

from settop.errors import LocalError, RemoteError
from settop.player.darkness import Starts
from settop.player.programmes import Programmes
from settop.ring import ByteRing
from settop.ts import packet as ts
from settop.ts.slots import Slots
from settop.wire.dark import NOT_OURS
from settop.wire.transport import LOWEST_FREE_PID, NULL_PID, PACKET_BYTES, SYNC

FLUSH_MS = 50  # the last packet of a stream has none behind it: it is put out after this long
SLOTS = 25  # the last waits for the sync octet behind it; 24 make two halves for two cores
RING_BYTES = 8192
STALL_MS = 100  # steps further apart leave packets behind that are not late by the broadcaster's doing
MAX_EVENTS = 64  # more than one step can bring about


class Player:
    """`tuner` has any() and readinto(view); `sink` has write(view) -> octets taken or None.

    next_event() gives what openers tell (settop.player.opener) and ("left_out", text), of what the memory had no room
    for, in their order; take them after each step, only the latest MAX_EVENTS are kept. `opener`: whose programme it
    is, or None. `programmes`: what PAT and PMTs say. Raises LocalError for a ring under one batch of packets.

    Counters, since start, in packets: `packets` in step, `opened`, `dark` (no key), `damaged`, `overflow` (opened, and
    the sink did not take them), `refused` (tables and messages that broke the rules, clear payload in a scrambled
    stream), `lost` (never came, by the continuity counters); `resyncs` counts losses of step. `starts`: whether what
    was opened looks like it.
    """

    def __init__(self, tuner, sink, slots=SLOTS, ring_bytes=RING_BYTES):
        if slots < 2 or ring_bytes < PACKET_BYTES * slots:
            raise LocalError(
                "%d slots and a ring of %d octets, expected 2 slots or more and a ring of %d octets for each"
                % (slots, ring_bytes, PACKET_BYTES)
            )
        self.packets = self.opened = self.dark = self.damaged = self.resyncs = self.overflow = self.refused = 0
        self._tuner = tuner
        self._sink = sink
        self._ring_bytes = ring_bytes
        self._ring = None  # made when an opener expects keys, or when the sink first takes less than all
        self._slots = Slots(slots)
        self._source = memoryview(self._slots.source)
        self._openers = []
        self.opener = None
        self.programmes = Programmes(self._recognise)
        self.starts = Starts()
        self._have = 0  # octets behind IN_OFFSET; the first of them should be a sync octet
        self._fed_ms = 0
        self._step_ms = 0
        self._events = []
        self.sender = None

    def add_opener(self, opener):
        """A service has come that opens programmes of its own."""
        opener.attach(self, self._slots)
        self._openers.append(opener)
        if len(self._openers) == 1:
            self.opener = opener

    @property
    def portion(self):
        """The index of the portion on air, None where that is not known."""
        return None if self.opener is None else self.opener.portion

    @property
    def lost(self):
        return self._slots.lost

    @property
    def offer(self):
        """The price that is announced on air (settop.wire.offer), or None."""
        return self.programmes.offer

    def missing(self):
        """What of tables, messages and keys is missing: a cause of settop.wire.dark, CLEAR where nothing is."""
        return self.programmes.missing() or (NOT_OURS if self.opener is None else self.opener.missing())

    def next_event(self):
        """The oldest event not yet taken, or None; `sender` is the opener that told it, None for the player's own."""
        if not self._events:
            return None
        self.sender, event = self._events.pop(0)
        return event

    def tell(self, event, opener=None):
        """For openers: what the service that brought them is to hear."""
        if len(self._events) == MAX_EVENTS:
            self._events.pop(0)
        self._events.append((opener, event))

    def make_ring(self):
        """For openers: keys will come, and the sink will soon have much to take. It wants one large piece of memory."""
        if self._ring is None:
            self._ring = ByteRing(self._ring_bytes)

    def step(self, now_ms):
        """Handle what the tuner has; returns the number of octets taken (0: nothing to do for now)."""
        ring = self._ring
        if ring is not None and ring.level:
            ring.drain(self._sink)
        if now_ms - self._step_ms > STALL_MS:
            for opener in self._openers:
                opener.stall(now_ms - self._step_ms)
        self._step_ms = now_ms
        have = self._have
        start = ts.IN_OFFSET + have
        count = min(self._tuner.any(), len(self._source) - start)
        if count:
            count = self._tuner.readinto(self._source[start : start + count]) or 0
        if not count:
            if have >= PACKET_BYTES and now_ms - self._fed_ms >= FLUSH_MS:
                self._handle(have // PACKET_BYTES, now_ms)
            for opener in self._openers:
                opener.look(now_ms, False)
            return 0
        for opener in self._openers:
            opener.look(now_ms, True)
        self._have = have + count
        self._fed_ms = now_ms
        while self._have > PACKET_BYTES:
            self._handle((self._have - 1) // PACKET_BYTES, now_ms)
        return count

    def tune(self, service):
        """Put out the streams of this service (its number, 1 to 65535) alone; None: of the lowest one of ours, and of
        all that share its messages."""
        self.programmes.tune(service)
        self._choose_opener(True)
        if self.opener is not None:
            self.opener.tune(self.programmes.ca)

    def _recognise(self, descriptor):
        """For the tables: the first opener's word, with it behind. No message has a PID that is PSI's own."""
        for opener in self._openers:
            found = opener.recognise(descriptor)
            if found is not None and LOWEST_FREE_PID <= found[0][0] < NULL_PID:
                return found[0] + (opener,), found[1]
        return None

    def _choose_opener(self, chosen):
        ca = self.programmes.ca
        if ca is not None and ca[-1] is not self.opener:
            self.opener.leave(chosen)
            self.opener = ca[-1]

    # --- packets --------------------------------------------------------------------------------------------------

    def _handle(self, count, now_ms):
        """Handle the first `count` packets, as far as they are in step and up to a table that changes what the others
        are, and move the rest to the front."""
        slots = self._slots
        programmes = self.programmes
        plan = slots.plan
        programmes.changed = False
        in_step = slots.sort(programmes.table, count, self._have)
        slot = 0
        while slot < in_step:
            action = plan[slot]
            if ts.ACTION_OPEN_WHOLE <= action < ts.ACTION_DAMAGED:
                before = slots.filled
                slot = self.opener.open_run(slot, in_step, action & 1, now_ms)
                if slots.filled == before:
                    self.dark += slots.run_packets
                else:
                    self.opened += slots.run_packets
                    if self.starts.left:
                        self.starts.judge(slots.out, slots.filled, slots.run_packets)
            else:
                if action:
                    self._not_opened(slot, action, now_ms)
                slot += 1
                if programmes.changed:
                    self._forget(slot, in_step)  # what follows has another meaning now: it is sorted again
                    break
        self.packets += slot
        if slots.filled:
            self._put_out()
        if slot == in_step < count:
            self._resync(PACKET_BYTES * slot)
        else:
            self._keep(PACKET_BYTES * slot)

    def _forget(self, slot, end):
        """Forget the counters of packets that are going to be sorted once more: they are no gap."""
        source = self._slots.source
        table = self.programmes.table
        for at in range(ts.IN_OFFSET + PACKET_BYTES * slot, ts.IN_OFFSET + PACKET_BYTES * end, PACKET_BYTES):
            table[(source[at + 1] & 0x1F) << 8 | source[at + 2]] &= ts.PID_KIND

    def _keep(self, at):
        """Drop the first `at` octets."""
        self._have -= at
        start = ts.IN_OFFSET + at
        self._source[ts.IN_OFFSET : ts.IN_OFFSET + self._have] = bytes(self._source[start : start + self._have])

    def _resync(self, at):
        """Step is lost at octet `at`: go on from the next sync octet behind it that has another 188 on, or may have."""
        self.resyncs += 1
        source = self._slots.source
        if source[ts.IN_OFFSET + at] == SYNC:
            self.damaged += 1
        at += 1
        while at < self._have:
            if source[ts.IN_OFFSET + at] == SYNC:
                behind = at + PACKET_BYTES
                if behind >= self._have or source[ts.IN_OFFSET + behind] == SYNC:
                    break
            at += 1
        self._keep(at)

    def _put_out(self):
        filled = self._slots.filled
        self._slots.filled = 0
        view = self._slots.output(filled)
        ring = self._ring
        taken = 0
        if ring is None or not ring.level:
            taken = self._sink.write(view) or 0
            if taken == len(view):
                return
            if ring is None:
                ring = self._ring = ByteRing(self._ring_bytes)
        if not ring.put(view[taken:]):
            # The ring was not empty, so nothing of this has gone out yet: only whole packets do.
            fit = ring.room() // PACKET_BYTES
            ring.put(self._slots.output(fit))
            self.overflow += filled - fit

    def _not_opened(self, slot, action, now_ms):
        """A packet that is not to be opened: tables, ECMs, what is clear on air, what is damaged."""
        source = self._slots.source
        at = ts.IN_OFFSET + PACKET_BYTES * slot
        if action == ts.ACTION_DAMAGED:
            self.damaged += 1
        elif action == ts.ACTION_CLEAR:
            # Without a payload there is nothing to scramble (a lone PCR): it goes with its portion. A payload that
            # claims to be clear may be a scrambled one with a damaged header.
            if not source[at + 3] & 0x20 or source[at + 4] != 183:
                self.refused += 1
            elif self.opener.holds_key():
                self._slots.copy(slot)
        elif source[at + 3] & 0xC0:
            self.damaged += 1  # tables are never scrambled
        else:
            try:
                self._table(self._source[at : at + PACKET_BYTES], action, now_ms)
            except RemoteError:
                self.refused += 1
            if action not in (ts.PID_ECM, ts.PID_OTHER_PMT):
                self._slots.copy(slot)

    def _table(self, packet, action, now_ms):
        if action == ts.PID_ECM:
            try:
                self.opener.on_message(packet, now_ms)
            except RemoteError:
                raise
            except Exception:  # one system's mistake is not to stop the others
                raise RemoteError("a message that its opener fails on")
        elif action != ts.PID_PASS:
            programmes = self.programmes
            ca = programmes.ca
            try:
                if action == ts.PID_PAT:
                    programmes.feed_pat(packet)
                elif action == ts.PID_SDT:
                    programmes.feed_sdt(packet)
                else:
                    programmes.feed_pmt(packet)
            finally:
                if programmes.ca != ca:
                    self._choose_opener(False)
                    self.opener.take_up(programmes.ca)  # without an opener there is no `ca`
                text = programmes.left_out()
                if text is not None:
                    self.tell(("left_out", text))
