"""DVB-CISSA descrambling (ETSI TS 103 127) of packets in slots, with no allocation per packet.

CBC decryption is ECB decryption and one XOR, and only the XOR knows where a packet begins. So the cipher blocks of a
run of packets under one key go through one ECB call, through memoryviews made beforehand, and one kernel pass each
gathers them and puts the packets out.

On a board with a second core a long run is opened in two halves at a time, one on each core. Nothing but the slots and
the descrambler's own buffers is shared: the second core reads the source, the plan and the cipher, and writes its work
buffer and its part of the output; when open_run() returns it is at rest. So a key is never wiped under its hands.
"""

from settop.ts.kernels import pack, reach, unpack
from settop.ts.packet import MAX_RUN, block_views, new_work
from settop.wire.transport import PACKET_BYTES

MIN_SPLIT = 4  # packets of a run: handing over fewer costs more than it saves


class Descrambler:
    """Opens runs of packets in `slots` (settop.ts.slots.Slots). `helper`: a SecondCore, or None to do without."""

    def __init__(self, slots, helper=None):
        self.helper = helper
        self.slots = slots
        self._kit = None
        self._probe = bytearray(16)
        self._ready = None  # the cipher that has been used here before

    def open_run(self, slot, count, cipher):
        """Descramble and put out packets from `slot` on, which is to be opened; `count` packets are sorted.

        The run ends before the first packet that is neither under the same key nor dropped. `cipher`: ECB object of the
        control word. Returns the slot behind it; the slots' `run_packets` is their number.
        """
        if cipher is not self._ready:
            self.make_ready()
            # Its first call makes the key schedule; later ones only read it, which two cores may do at once.
            cipher.decrypt(self._probe, self._probe)
            self._ready = cipher
        source, plan, work, views, rooms = self._kit
        slots = self.slots
        filled = slots.filled
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
        slots.run_packets = packets
        slots.filled = filled + packets
        return end

    def _take_over(self, cipher, span, out):
        """The second core stopped on the way. What it has left undone is done here, and so is all that follows."""
        self.helper = None
        source, plan, work, views, _ = self._kit
        blocks = pack(source, work, plan, span)
        cipher.decrypt(views[blocks + 3 >> 2], views[blocks + 3 >> 2])
        unpack(source, work, out, plan)

    def make_ready(self):
        """Make the buffers and start the second core. The first key does so too, but finds a heap in smaller pieces."""
        if self._kit is not None:
            return
        slots = self.slots
        work = new_work(min(MAX_RUN, slots.count))
        out = memoryview(slots.out)
        rooms = [out[PACKET_BYTES * n :] for n in range(slots.count + 1)]  # behind so many packets put out
        self._kit = (slots.source, slots.plan, work, block_views(work), rooms)
        if self.helper is not None and not self.helper.begin(slots.source, slots.plan):
            self.helper = None
