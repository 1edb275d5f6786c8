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
from settop.ts.descrambler import Descrambler
from settop.wire.dark import CLEAR, NO_ECM
from settop.wire.ecm import SECTION_BYTES, unpack_ecm
from settop.wire.ids import NO_PORTION
from settop.wire.transport import PACKET_BYTES, SYNC

FLUSH_MS = 50  # the last packet of a stream has none behind it: it is put out after this long
# Of short portions at most three quarters and one quarter.
STALE_MS = 400  # a portion that should have changed, and no ECM: its key goes
SLOTS = 25  # the last waits for the sync octet behind it; 24 make two halves for two cores
RING_BYTES = 8192
STALL_MS = 100  # steps further apart leave packets behind that are not late by the broadcaster's doing
EARLY_MS = 150  # the next key opens a packet this long before the announced change at most
# An ECM may be spliced in or replayed. One that is neither of the running portion nor of the next shuts the keys until
# an expected one comes; so many of the same claim in a row are believed.
CLAIMS_AHEAD = 2  # another broadcast, or a portion further ahead
CLAIMS_BACK = 20  # a portion that is over: 2 s of nothing else
# The first ECM of a portion fixes when it ends. One that moves that by more (half of a short portion), or that
# announces the next portion so much too soon, was not sent by the broadcaster in this place.
SLACK_MS = 1500
MAX_REMAINING_MS = 3600000  # no portion is longer
MAX_EVENTS = 64  # more than one step can bring about


class Player:
    """`tuner` has any() and readinto(view); `sink` has write(view) -> octets taken or None. `keyring`: Keyring.

    next_event() gives ("broadcast", programme_id, broadcast_id), ("portion", index), ("lost",) and ("left_out", text),
    of what the memory had no room for, in their order; take them after each step, only the latest MAX_EVENTS are kept.
    `programmes`: what PAT and PMTs say. Counters, since start, in packets: `packets` in step,
    `opened`, `dark` (no key), `damaged`, `overflow` (opened, and the sink did not take them), `refused` (tables and
    ECMs that broke the rules, clear payload in a scrambled stream), `lost` (never came, by the continuity counters);
    `resyncs` counts losses of step. `portion`: the index on air, None before the first ECM and when lost. `helper`: a
    SecondCore that shares in the opening, or None. `starts`: whether what was opened looks like it. Raises LocalError
    for a ring under one batch of packets.
    """

    def __init__(self, tuner, sink, keyring, slots=SLOTS, ring_bytes=RING_BYTES, helper=None):
        if slots < 2 or ring_bytes < PACKET_BYTES * slots:
            raise LocalError(
                "%d slots and a ring of %d octets, expected 2 slots or more and a ring of %d octets for each"
                % (slots, ring_bytes, PACKET_BYTES)
            )
        self.keyring = keyring
        self.portion = None
        self.programme_id = None
        self.broadcast_id = None
        self.packets = self.opened = self.dark = self.damaged = self.resyncs = self.overflow = self.refused = 0
        self._tuner = tuner
        self._sink = sink
        self._ring_bytes = ring_bytes
        self._ring = None  # made with the first key, or when the sink first takes less than all
        self._descrambler = Descrambler(slots, helper)
        self._source = memoryview(self._descrambler.source)
        self.programmes = Programmes()
        self.starts = Starts()
        self._have = 0  # octets behind IN_OFFSET; the first of them should be a sync octet
        self._fed_ms = 0
        self._step_ms = 0
        self._stalled_ms = 0  # since the last ECM
        self._change_ms = None  # when the running portion ends, as announced
        self._stale_ms = STALE_MS
        self._early_ms = EARLY_MS
        self._slack_ms = SLACK_MS
        self._turned = False  # packets of the next portion have come: those of this parity are not the running one's
        self._floor = 0  # portions below are over
        self._ecm_ca = None  # (ECM PID, programme id) of the last ECM that was believed
        self._claim = None  # what the last unexpected ECM said (keys are shut then), and how many in a row said so
        self._claims = 0
        self._ciphers = [None, None]  # by parity: even, odd
        self._events = []

    @property
    def lost(self):
        return self._descrambler.lost

    @property
    def offer(self):
        """The price that is announced on air (settop.wire.offer), or None."""
        return self.programmes.offer

    def missing(self):
        """What of tables and ECMs is missing: a cause of settop.wire.dark, CLEAR where nothing is."""
        cause = self.programmes.missing()
        return cause or (NO_ECM if self.portion is None or self._claim is not None else CLEAR)

    def next_event(self):
        """The oldest event not yet taken, or None."""
        return self._events.pop(0) if self._events else None

    def step(self, now_ms):
        """Handle what the tuner has; returns the number of octets taken (0: nothing to do for now)."""
        ring = self._ring
        if ring is not None and ring.level:
            ring.drain(self._sink)
        if now_ms - self._step_ms > STALL_MS:
            self._stalled_ms += now_ms - self._step_ms
        self._step_ms = now_ms
        have = self._have
        start = ts.IN_OFFSET + have
        count = min(self._tuner.any(), len(self._source) - start)
        if count:
            count = self._tuner.readinto(self._source[start : start + count]) or 0
        if not count:
            if have >= PACKET_BYTES and now_ms - self._fed_ms >= FLUSH_MS:
                self._handle(have // PACKET_BYTES, now_ms)
            self._check_stale(now_ms)
            return 0
        self._check_stale(now_ms - self._stalled_ms)
        self._have = have + count
        self._fed_ms = now_ms
        while self._have > PACKET_BYTES:
            self._handle((self._have - 1) // PACKET_BYTES, now_ms)
        return count

    def tune(self, service):
        """Put out the streams of this service (its number, 1 to 65535) alone; None: of the lowest one of ours, and of
        all that share its ECMs. Another programme's keys are wiped, and its first ECM is believed."""
        self.programmes.tune(service)
        if self.programmes.ca in (None, self._ecm_ca):
            return
        self.keyring.wipe()
        self.programme_id = self.broadcast_id = self._change_ms = self._ecm_ca = None
        self._claim = ()
        self._claims = self._floor = self._stalled_ms = 0
        if self.portion is not None:
            self.portion = None
            self._event(("lost",))
        self.refresh()

    def refresh(self):
        """A key has come or gone: look the running portion's cipher up again."""
        portion = self.portion
        self._ciphers[0] = self._ciphers[1] = None
        if portion is not None and self._claim is None and not self._turned:
            # The other parity stays shut until the change is due (see _cipher).
            self._ciphers[portion & 1] = self.keyring.cipher(portion)
        if self._ring is None and self.keyring.held():
            self._ring = ByteRing(self._ring_bytes)

    # --- packets --------------------------------------------------------------------------------------------------

    def _handle(self, count, now_ms):
        """Handle the first `count` packets, as far as they are in step and up to a table that changes what the others
        are, and move the rest to the front."""
        descrambler = self._descrambler
        programmes = self.programmes
        plan = descrambler.plan
        programmes.changed = False
        in_step = descrambler.sort(programmes.table, count, self._have)
        slot = 0
        while slot < in_step:
            action = plan[slot]
            if ts.ACTION_OPEN_WHOLE <= action < ts.ACTION_DAMAGED:
                cipher = self._cipher(action & 1, now_ms)
                slot = descrambler.open_run(slot, in_step, cipher)
                if cipher is None:
                    self.dark += descrambler.run_packets
                else:
                    self.opened += descrambler.run_packets
                    if self.starts.left:
                        self.starts.judge(descrambler.out, descrambler.filled, descrambler.run_packets)
            else:
                if action:
                    self._other(slot, action, now_ms)
                slot += 1
                if programmes.changed:
                    self._forget(slot, in_step)  # what follows has another meaning now: it is sorted again
                    break
        self.packets += slot
        if descrambler.filled:
            self._put_out()
        if slot == in_step < count:
            self._resync(PACKET_BYTES * slot)
        else:
            self._keep(PACKET_BYTES * slot)

    def _forget(self, slot, end):
        """Forget the counters of packets that are going to be sorted once more: they are no gap."""
        source = self._descrambler.source
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
        source = self._descrambler.source
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
        filled = self._descrambler.filled
        self._descrambler.filled = 0
        view = self._descrambler.output_views[filled]
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
            ring.put(self._descrambler.output_views[fit])
            self.overflow += filled - fit

    def _other(self, slot, action, now_ms):
        """A packet that is not to be opened: tables, ECMs, what is clear on air, what is damaged."""
        source = self._descrambler.source
        at = ts.IN_OFFSET + PACKET_BYTES * slot
        if action == ts.ACTION_DAMAGED:
            self.damaged += 1
        elif action == ts.ACTION_CLEAR:
            # Without a payload there is nothing to scramble (a lone PCR): it goes with its portion. A payload that
            # claims to be clear may be a scrambled one with a damaged header.
            if not source[at + 3] & 0x20 or source[at + 4] != 183:
                self.refused += 1
            elif self.portion is not None and self._ciphers[self.portion & 1] is not None:
                self._descrambler.copy(slot)
        elif source[at + 3] & 0xC0:
            self.damaged += 1  # tables are never scrambled
        else:
            try:
                self._table(self._source[at : at + PACKET_BYTES], action, now_ms)
            except RemoteError:
                self.refused += 1
            if action not in (ts.PID_ECM, ts.PID_OTHER_PMT):
                self._descrambler.copy(slot)

    def _table(self, packet, action, now_ms):
        if action == ts.PID_ECM:
            at = ts.payload_offset(packet)
            # The section lies whole in one packet, at its start.
            if packet[1] & 0x40 and at + 1 + SECTION_BYTES <= PACKET_BYTES and packet[at] == 0:
                self._on_ecm(unpack_ecm(packet[at + 1 : at + 1 + SECTION_BYTES]), now_ms)
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
                if programmes.ca != ca and programmes.ca not in (None, self._ecm_ca):
                    # Other streams under other keys: shut until an ECM says which.
                    self._claim = ()
                    self.refresh()
                text = programmes.left_out()
                if text is not None:
                    self._event(("left_out", text))

    # --- portions and their keys ----------------------------------------------------------------------------------

    def _on_ecm(self, ecm, now_ms):
        ca = self.programmes.ca
        if ca is None or ecm.programme_id != ca[1]:
            raise RemoteError("ECM of another programme than the PMT names")
        if ecm.portion == NO_PORTION or ecm.remaining_ms > MAX_REMAINING_MS:
            raise RemoteError("ECM of an impossible portion or length")
        same = ecm.broadcast_id == self.broadcast_id and ecm.programme_id == self.programme_id
        if same:
            ahead = ecm.portion - self._floor
            if self.portion is None or self._change_ms is None:
                expected = ahead >= 0
            else:
                # How much sooner (below zero) or later than fixed the running portion would end.
                shift_ms = now_ms - self._stalled_ms - self._change_ms + (0 if ahead == 1 else ecm.remaining_ms)
                if ahead == 0 and not -self._slack_ms <= shift_ms <= self._slack_ms + self._stalled_ms:
                    raise RemoteError("ECM moves the end of its portion")
                expected = ahead == 0 or (ahead == 1 and shift_ms >= -self._slack_ms - self._stalled_ms)
        else:
            expected = self.broadcast_id is None
        if not expected:
            claim = (ecm.programme_id, ecm.broadcast_id, ecm.portion)
            self._claims = self._claims + 1 if claim == self._claim else 1
            self._claim = claim
            if self._claims < (CLAIMS_BACK if same and ecm.portion < self._floor else CLAIMS_AHEAD):
                self.refresh()
                raise RemoteError("ECM of an unexpected portion or broadcast")
        if self._change_ms is None or ecm.portion != self.portion or not same:
            self._change_ms = now_ms + ecm.remaining_ms
        self._stalled_ms = 0
        self._ecm_ca = ca
        if not same:
            self.keyring.wipe()
            self.programme_id = ecm.programme_id
            self.broadcast_id = ecm.broadcast_id
            self.portion = None
            self._event(("broadcast", ecm.programme_id, ecm.broadcast_id))
        if ecm.portion != self.portion or self._claim is not None:
            self._claim = None
            self.keyring.drop_before(ecm.portion)
            if ecm.portion != self.portion:
                self.portion = self._floor = ecm.portion
                self._turned = False
                self._stale_ms = min(STALE_MS, max(EARLY_MS, ecm.remaining_ms * 3 // 4))
                self._early_ms = min(EARLY_MS, ecm.remaining_ms // 4)
                self._slack_ms = min(SLACK_MS, max(EARLY_MS, ecm.remaining_ms // 2))
                self._event(("portion", ecm.portion))
            self.refresh()

    def _cipher(self, parity, now_ms):
        """ECB object for packets of this parity, or None: they stay dark."""
        cipher = self._ciphers[parity]
        if cipher is not None or self.portion is None or parity == self.portion & 1 or self._claim is not None:
            return cipher
        if now_ms < self._change_ms - self._early_ms:
            return None
        # The next portion's first packets, and its ECM was lost. The old parity's next are those of the portion after.
        self._turned = True
        self._ciphers[self.portion & 1] = None
        return self.keyring.cipher(self.portion + 1)

    def _check_stale(self, now_ms):
        """The running portion is over and nothing said which one followed: its key goes."""
        if self._change_ms is None or now_ms <= self._change_ms + self._stale_ms:
            return
        self._change_ms = None
        if self.portion is not None:
            self._floor = self.portion + 1
            self.keyring.drop_before(self._floor)
            self.portion = None
            self._event(("lost",))
            self.refresh()

    def _event(self, event):
        if len(self._events) == MAX_EVENTS:
            self._events.pop(0)
        self._events.append(event)
