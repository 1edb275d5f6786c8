"""From the tuner's octets to clear packets at the sink: synchronisation, PSI, portions, opening, ring.

A packet is put out only when the sync octet behind it is in its place too, so octets lost on the tuner line cost the
packet that they are missing from and nothing else. What stays scrambled is never put out.
"""

from settop.errors import RemoteError
from settop.player.ring import ByteRing
from settop.ts import packet as ts
from settop.ts.descrambler import Descrambler
from settop.ts.kernels import classify
from settop.ts.psi import TABLE_PAT, TABLE_PMT, SectionReader, unpack_pat, unpack_pmt
from settop.wire.ecm import SECTION_BYTES, TABLE_EVEN, unpack_ecm

FLUSH_MS = 50  # the last packet of a stream has none behind it: it is put out after this long
STALE_MS = 400  # a portion that should have changed, and no ECM: its key goes
EARLY_MS = 150  # the next key opens a packet this long before the announced change at most


class Player:
    """`tuner` has any() and readinto(view); `sink` has write(view) -> octets taken or None. `keyring`: Keyring.

    `events` collects ("broadcast", programme_id, broadcast_id), ("portion", index) and ("lost",); take them by
    `next_event()`. Counters, since start: `packets`, `opened`, `dark`, `damaged`, `resyncs`, `overflow`, `refused`.
    """

    def __init__(self, tuner, sink, keyring, slots=32, ring_bytes=8192):
        self.keyring = keyring
        self.portion = None
        self.programme_id = None
        self.broadcast_id = None
        self.packets = self.opened = self.dark = self.damaged = self.resyncs = self.overflow = self.refused = 0
        self._tuner = tuner
        self._sink = sink
        self._ring = ByteRing(ring_bytes)
        self._descrambler = Descrambler(slots)
        self._source = memoryview(self._descrambler.source)
        self._have = 0  # octets behind IN_OFFSET; the first of them should be a sync octet
        self._table = ts.new_pid_table()
        self._pat = SectionReader()
        self._pmts = {}
        self._pmt_seen = {}
        self._fed_ms = 0
        self._change_ms = None
        self._ciphers = [None, None]  # by parity: even, odd
        self._events = []

    def next_event(self):
        return self._events.pop(0) if self._events else None

    def step(self, now_ms):
        """Handle what the tuner has; returns the number of octets taken (0: nothing to do for now)."""
        if self._ring.level:
            self._ring.drain(self._sink)
        have = self._have
        start = ts.IN_OFFSET + have
        count = min(self._tuner.any(), len(self._source) - start)
        if not count:
            if have >= ts.PACKET_BYTES and now_ms - self._fed_ms >= FLUSH_MS:
                self._handle(have // ts.PACKET_BYTES, now_ms)
            elif self._change_ms is not None and now_ms > self._change_ms + STALE_MS:
                self._lose()
            return 0
        count = self._tuner.readinto(self._source[start : start + count]) or 0
        self._have = have + count
        self._fed_ms = now_ms
        while self._have > ts.PACKET_BYTES:
            self._handle((self._have - 1) // ts.PACKET_BYTES, now_ms)
        return count

    def refresh(self):
        """A key has come or gone: look the running portion's ciphers up again."""
        portion = self.portion
        if portion is None:
            self._ciphers[0] = self._ciphers[1] = None
            return
        self._ciphers[portion & 1] = self.keyring.cipher(portion)
        # The other parity stays shut until the change is due (see _open_early).
        self._ciphers[1 - (portion & 1)] = None

    # --- packets --------------------------------------------------------------------------------------------------

    def _handle(self, count, now_ms):
        """Handle the first `count` packets, as far as they are in step, and move the rest to the front."""
        source = self._descrambler.source
        table = self._table
        slot = 0
        action = classify(source, 0, table)
        while slot < count and action != ts.ACTION_NO_SYNC:
            if slot + 1 < self._descrambler.slots and source[ts.IN_OFFSET + ts.PACKET_BYTES * (slot + 1)] != ts.SYNC:
                # Only octets that are there count: behind the very last packet of a stream nothing is in step.
                if self._have > ts.PACKET_BYTES * (slot + 1):
                    self.damaged += 1
                    break
            self.packets += 1
            if action >= ts.ACTION_OPEN_WHOLE and action < ts.ACTION_DAMAGED:
                cipher = self._ciphers[action & 1]
                if cipher is None:
                    cipher = self._open_early(action & 1, now_ms)
                if cipher is None:
                    self.dark += 1
                elif action < ts.ACTION_OPEN_PART:
                    self._descrambler.open_whole(slot, cipher)
                    self.opened += 1
                else:
                    self._descrambler.open_part(slot, cipher)
                    self.opened += 1
            elif action:
                self._other(slot, action, now_ms)
            slot += 1
            if slot < count:
                action = classify(source, slot, table)
        self._put_out()
        if slot < count:
            self._resync(slot)
        else:
            self._keep(ts.PACKET_BYTES * count)

    def _keep(self, at):
        """Drop the first `at` octets."""
        self._have -= at
        start = ts.IN_OFFSET + at
        self._source[ts.IN_OFFSET : ts.IN_OFFSET + self._have] = bytes(self._source[start : start + self._have])

    def _resync(self, slot):
        """Sync is lost at or behind `slot`: go on from the next octet that a sync octet follows at 188, or may."""
        self.resyncs += 1
        source = self._descrambler.source
        at = ts.PACKET_BYTES * slot + 1
        while at < self._have:
            if source[ts.IN_OFFSET + at] == ts.SYNC:
                behind = at + ts.PACKET_BYTES
                if behind >= self._have or source[ts.IN_OFFSET + behind] == ts.SYNC:
                    break
            at += 1
        self._keep(at)

    def _put_out(self):
        filled = self._descrambler.filled
        if not filled:
            return
        self._descrambler.filled = 0
        view = self._descrambler.output_views[filled]
        taken = 0
        if not self._ring.level:
            taken = self._sink.write(view) or 0
        if taken < len(view) and not self._ring.put(view[taken:]):
            self.overflow += filled

    def _other(self, slot, action, now_ms):
        if action == ts.ACTION_CLEAR:
            # Without a payload there is nothing to scramble (a lone PCR): it goes with its portion.
            if self.portion is not None and self._ciphers[self.portion & 1] is not None:
                self._descrambler.copy(slot)
        elif action == ts.ACTION_DAMAGED:
            self.damaged += 1
        else:
            if action != ts.PID_PASS:
                at = ts.IN_OFFSET + ts.PACKET_BYTES * slot
                try:
                    self._section(self._source[at : at + ts.PACKET_BYTES], action, now_ms)
                except RemoteError:
                    self.refused += 1
            if action != ts.PID_ECM:
                self._descrambler.copy(slot)

    # --- PSI and portions -----------------------------------------------------------------------------------------

    def _section(self, packet, action, now_ms):
        if action == ts.PID_ECM:
            at = ts.payload_offset(packet) + 1
            if at + SECTION_BYTES <= ts.PACKET_BYTES and packet[at] | 1 == TABLE_EVEN | 1:
                self._on_ecm(unpack_ecm(bytes(packet[at : at + SECTION_BYTES])), now_ms)
        elif action == ts.PID_PAT:
            for section in self._pat.feed(packet):
                if section[0] == TABLE_PAT and self._is_new(0, section):
                    self._on_pat(unpack_pat(section))
        else:
            pid = (packet[1] & 0x1F) << 8 | packet[2]
            for section in self._pmts[pid].feed(packet):
                if section[0] == TABLE_PMT and self._is_new(pid, section):
                    self._on_pmt(*unpack_pmt(section)[1:3])

    def _is_new(self, pid, section):
        """A section whose CRC was seen last time is the same one again."""
        key = pid << 16 | section[3] << 8 | section[4] if pid else section[6]
        crc = section[-4:]
        if self._pmt_seen.get(key) == crc:
            return False
        self._pmt_seen[key] = crc
        return True

    def _on_pat(self, programmes):
        for pid in programmes.values():
            if pid not in self._pmts:
                self._pmts[pid] = SectionReader()
            self._table[pid] = ts.PID_PMT

    def _on_pmt(self, pids, ca_pid):
        for pid in pids:
            if self._table[pid] in (ts.PID_DROP, ts.PID_ES) and pid != ts.NULL_PID:
                self._table[pid] = ts.PID_ES
        if ca_pid is not None:
            self._table[ca_pid] = ts.PID_ECM

    def _on_ecm(self, ecm, now_ms):
        self._change_ms = now_ms + ecm.remaining_ms
        if (ecm.programme_id, ecm.broadcast_id) != (self.programme_id, self.broadcast_id):
            self.keyring.wipe()
            self.programme_id = ecm.programme_id
            self.broadcast_id = ecm.broadcast_id
            self._events.append(("broadcast", ecm.programme_id, ecm.broadcast_id))
            self.portion = None
        if ecm.portion != self.portion:
            if self.portion is not None and ecm.portion < self.portion:
                # An old portion again under the same broadcast id: a replay, or a splice. It stays dark.
                self.refused += 1
                return
            self.portion = ecm.portion
            self.keyring.drop_before(ecm.portion)
            self._events.append(("portion", ecm.portion))
            self.refresh()

    def _open_early(self, parity, now_ms):
        """The change is due and its ECM was lost: the next portion's cipher, if that is the parity."""
        if self.portion is None or parity == self.portion & 1 or now_ms < self._change_ms - EARLY_MS:
            return None
        return self.keyring.cipher(self.portion + 1)

    def _lose(self):
        """The running portion is over and nothing said which one followed."""
        self._change_ms = None
        if self.portion is not None:
            self.keyring.drop_before(self.portion + 1)
            self._events.append(("lost",))
            self.portion = None
            self.refresh()
