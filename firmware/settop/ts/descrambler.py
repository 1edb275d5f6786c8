"""DVB-CISSA descrambling (ETSI TS 103 127) of packets in slots, with no allocation per packet.

CBC decryption is ECB decryption and one XOR, and only the XOR knows where a packet begins. So the cipher blocks of a
run of packets under one key go through one ECB call, through memoryviews made beforehand, and one kernel pass each
gathers them and puts the packets out. Only what may be put out reaches the output, so it is compact.
"""

from settop.errors import LocalError
from settop.ts.kernels import copy_packet, pack, sort, unpack
from settop.ts.packet import MAX_RUN, MAX_SLOTS, PACKET_BYTES, PLAN_BYTES, PLAN_END, PLAN_PACKETS, new_input

_BLOCKS = 11  # of a packet without adaptation field


class Descrambler:
    """Slots for `slots` packets, 1 to 32. Fill `source`, sort, open or copy, take output_views[filled], reset `filled`.

    `plan[slot]`: what is to be done with that packet, after `sort`. `filled`: packets put out.
    """

    def __init__(self, slots=MAX_SLOTS):
        if not 1 <= slots <= MAX_SLOTS:
            raise LocalError("%d packet slots, expected 1 to %d" % (slots, MAX_SLOTS))
        self.slots = slots
        self.source = new_input(slots)
        self.out = bytearray(PACKET_BYTES * slots)
        self.plan = bytearray(PLAN_BYTES)
        self.filled = 0
        out = memoryview(self.out)
        # output_views[n]: the first n packets put out; _free_views[n]: the room behind them.
        self.output_views = [out[: PACKET_BYTES * n] for n in range(slots + 1)]
        self._free_views = [out[PACKET_BYTES * n :] for n in range(slots + 1)]
        self._work = bytearray(16 * _BLOCKS * MAX_RUN)
        work = memoryview(self._work)
        self._block_views = [work[: 16 * n] for n in range(_BLOCKS * MAX_RUN + 1)]

    def sort(self, table, count, have):
        """Plan the first `count` packets by the PID `table`, `have` octets are there. Returns how many are in step."""
        return sort(self.source, table, self.plan, count | have << 8)

    def copy(self, slot):
        """Put the packet out as it is."""
        copy_packet(self.source, self.out, slot, self.filled)
        self.filled += 1

    def open_run(self, slot, count, cipher):
        """Descramble and put out packets from `slot` on, which is to be opened; `count` packets are sorted.

        The run ends before the first packet that is neither under the same key nor dropped. `cipher`: ECB object of the
        control word, or None to pass over the run. Returns the slot behind it; plan[PLAN_PACKETS] is their number.
        """
        plan = self.plan
        work = self._work
        blocks = pack(self.source, work, plan, slot | count << 8)
        if cipher is not None:
            if blocks:
                view = self._block_views[blocks]
                cipher.decrypt(view, view)
            unpack(self.source, work, self._free_views[self.filled], plan)
            self.filled += plan[PLAN_PACKETS]
        return plan[PLAN_END]
