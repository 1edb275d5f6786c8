"""Packets in slots on their way from the tuner to the sink: what comes in, what is to be done with each, what goes out.

Only what may be put out reaches the output, so it is compact. Nothing is allocated per packet.
"""

from settop.errors import LocalError
from settop.ts.kernels import copy_packet, reach, sort
from settop.ts.packet import MAX_SLOTS, new_input
from settop.wire.transport import PACKET_BYTES


class Slots:
    """Slots for `count` packets, 1 to 32. Fill `source`, sort, open or copy, take output(filled), reset `filled`.

    `plan[slot]`: what is to be done with that packet, after `sort`. `filled`: packets put out. `run_packets`: those of
    the last run. `lost`: packets that are missing by their continuity counters, since start.
    """

    def __init__(self, count=MAX_SLOTS):
        if not 1 <= count <= MAX_SLOTS:
            raise LocalError("%d packet slots, expected 1 to %d" % (count, MAX_SLOTS))
        self.count = count
        self.source = new_input(count)
        self.out = bytearray(PACKET_BYTES * count)
        self.plan = bytearray(count)
        self.filled = 0
        self.run_packets = 0
        self.lost = 0
        self._out_view = memoryview(self.out)

    def output(self, count):
        """View of the first `count` packets put out. One for each number made beforehand would be half a kilobyte."""
        return self._out_view[: PACKET_BYTES * count]

    def sort(self, table, count, have):
        """Plan the first `count` packets by the PID `table`, `have` octets are there. Returns how many are in step."""
        sorted_and_lost = sort(self.source, table, self.plan, count | have << 8)
        self.lost += sorted_and_lost >> 8
        return sorted_and_lost & 0xFF

    def copy(self, slot):
        """Put the packet out as it is."""
        copy_packet(self.source, self.out, slot, self.filled)
        self.filled += 1

    def pass_over(self, slot, count):
        """Leave dark the run of packets from `slot` on that one key would open; `count` packets are sorted. Returns the
        slot behind it; `run_packets` is their number."""
        reached = reach(self.plan, slot | count << 8 | MAX_SLOTS << 16)
        self.run_packets = reached >> 8 & 0xFF
        return reached & 0xFF
