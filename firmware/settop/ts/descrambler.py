"""DVB-CISSA descrambling (ETSI TS 103 127) of packets in slots, with no allocation per packet.

CBC decryption is ECB decryption and one XOR, and only the XOR knows where a packet begins. So the cipher blocks of a
run of packets under one key go through one ECB call, through memoryviews made beforehand, and one kernel pass each
gathers them and puts the packets out. Only what may be put out reaches the output, so it is compact.

On a board with a second core a long run is opened in two halves at a time, one on each core. Nothing but the opener's
own buffers is shared: the second core reads the source, the plan and the cipher, and writes its work buffer and its
part of the output; when open_run() returns it is at rest. So a key is never wiped under its hands.
"""

from settop.errors import LocalError
from settop.ts.kernels import copy_packet, pack, reach, sort, unpack
from settop.ts.packet import (
    MAX_RUN,
    MAX_SLOTS,
    WORK_BYTES,
    block_views,
    new_input,
)
from settop.wire.transport import PACKET_BYTES

MIN_SPLIT = 4  # packets of a run: handing over fewer costs more than it saves


class Descrambler:
    """Slots for `slots` packets, 1 to 32. Fill `source`, sort, open or copy, take output_views[filled], reset `filled`.

    `plan[slot]`: what is to be done with that packet, after `sort`. `filled`: packets put out. `run_packets`: those of
    the last run. `lost`: packets that are missing by their continuity counters, since start. `helper`: a SecondCore
    (settop.ts.second_core), or None to do all the work here.
    """

    def __init__(self, slots=MAX_SLOTS, helper=None):
        if not 1 <= slots <= MAX_SLOTS:
            raise LocalError("%d packet slots, expected 1 to %d" % (slots, MAX_SLOTS))
        self.slots = slots
        self.source = new_input(slots)
        self.out = bytearray(PACKET_BYTES * slots)
        self.plan = bytearray(slots)
        self.filled = 0
        self.run_packets = 0
        self.lost = 0
        self.helper = helper
        out = memoryview(self.out)
        # output_views[n]: the first n packets put out.
        self.output_views = [out[: PACKET_BYTES * n] for n in range(slots + 1)]
        self._kit = None
        self._probe = None
        self._known = ()  # the cipher that has been used here before; none is not known either

    def sort(self, table, count, have):
        """Plan the first `count` packets by the PID `table`, `have` octets are there. Returns how many are in step."""
        sorted_and_lost = sort(self.source, table, self.plan, count | have << 8)
        self.lost += sorted_and_lost >> 8
        return sorted_and_lost & 0xFF

    def copy(self, slot):
        """Put the packet out as it is."""
        copy_packet(self.source, self.out, slot, self.filled)
        self.filled += 1

    def open_run(self, slot, count, cipher):
        """Descramble and put out packets from `slot` on, which is to be opened; `count` packets are sorted.

        The run ends before the first packet that is neither under the same key nor dropped. `cipher`: ECB object of the
        control word, or None to pass over the run. Returns the slot behind it; `run_packets` is their number.
        """
        if cipher is not self._known:
            if cipher is None:
                reached = reach(self.plan, slot | count << 8 | MAX_SLOTS << 16)
                self.run_packets = reached >> 8 & 0xFF
                return reached & 0xFF
            self._adopt(cipher)
        source, plan, work, views, rooms = self._kit
        filled = self.filled
        helper = self.helper
        span = slot | count << 8
        if helper is None:
            reached = reach(plan, span | MAX_RUN << 16)
            packets = reached >> 8 & 0xFF
            end = reached & 0xFF
            blocks = pack(source, work, plan, slot | end << 8)
        else:
            reached = reach(plan, span | 2 * MAX_RUN << 16)
            packets = reached >> 8 & 0xFF
            if packets < MIN_SPLIT:
                end = reached & 0xFF
                helper = None
            else:
                end = reached >> 16
                handed = end | (reached & 0xFF) << 8
                room = rooms[filled + (packets + 1 >> 1)]
                helper.start(cipher, handed, room)
            blocks = pack(source, work, plan, slot | end << 8)
        if blocks:
            view = views[blocks + 3 >> 2]
            cipher.decrypt(view, view)
        unpack(source, work, rooms[filled], plan)
        if helper is not None:
            end = handed >> 8
            if not helper.finish():
                self._take_over(cipher, handed, room)
        self.run_packets = packets
        self.filled = filled + packets
        return end

    def _take_over(self, cipher, span, out):
        """The second core stopped on the way. What it has left undone is done here, and so is all that follows."""
        self.helper = None
        source, plan, work, views, _ = self._kit
        blocks = pack(source, work, plan, span)
        cipher.decrypt(views[blocks + 3 >> 2], views[blocks + 3 >> 2])
        unpack(source, work, out, plan)

    def _adopt(self, cipher):
        """First use of a cipher, with what is made only when there is one."""
        if self._kit is None:
            work = bytearray(WORK_BYTES)
            out = memoryview(self.out)
            rooms = [out[PACKET_BYTES * n :] for n in range(self.slots + 1)]  # behind so many packets put out
            self._kit = (self.source, self.plan, work, block_views(work), rooms)
            self._probe = bytearray(16)
            if self.helper is not None and not self.helper.begin(self.source, self.plan):
                self.helper = None
        # Its first call makes the key schedule; after that decryption only reads it, which two cores may do at once.
        cipher.decrypt(self._probe, self._probe)
        self._known = cipher
