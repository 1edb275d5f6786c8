"""DVB-CISSA descrambling (ETSI TS 103 127) of packets in slots, with no allocation per packet.

Per packet: one ECB call from input slot to output slot through memoryviews made beforehand, and one kernel pass that
does the XOR of CBC. Only what may be put out reaches the output, so it is compact: no second copy.
"""

from settop.ts.kernels import copy_packet, gather, open_whole, scatter
from settop.ts.packet import IN_OFFSET, PACKET_BYTES, new_input

_BLOCKS = 11


class Descrambler:
    """Slots for `slots` packets. Fill `source` (input), call the methods, take `out` up to `filled` packets."""

    def __init__(self, slots=32):
        self.slots = slots
        self.source = new_input(slots)
        self.out = bytearray(PACKET_BYTES * slots)
        self.filled = 0
        source = memoryview(self.source)
        out = memoryview(self.out)
        # input_views[n]: room for n packets; output_views[n]: the first n packets put out.
        self.input_views = [source[IN_OFFSET : IN_OFFSET + PACKET_BYTES * n] for n in range(slots + 1)]
        self.output_views = [out[: PACKET_BYTES * n] for n in range(slots + 1)]
        self._cipher_in = [source[at + 4 : at + 180] for at in range(IN_OFFSET, len(self.source), PACKET_BYTES)]
        self._cipher_out = [out[at + 4 : at + 180] for at in range(0, len(self.out), PACKET_BYTES)]
        self._scratch = bytearray(2 * 16 * _BLOCKS)
        scratch = memoryview(self._scratch)
        self._part_in = [scratch[: 16 * n] for n in range(_BLOCKS + 1)]
        self._part_out = [scratch[176 : 176 + 16 * n] for n in range(_BLOCKS + 1)]

    def copy(self, slot):
        """Put the packet out as it is."""
        copy_packet(self.source, self.out, slot, self.filled)
        self.filled += 1

    def open_whole(self, slot, cipher):
        """Descramble a packet without adaptation field and put it out. `cipher`: ECB object of the control word."""
        to = self.filled
        cipher.decrypt(self._cipher_in[slot], self._cipher_out[to])
        open_whole(self.source, self.out, slot, to)
        self.filled = to + 1

    def open_part(self, slot, cipher):
        """The same behind an adaptation field of any length."""
        at = IN_OFFSET + PACKET_BYTES * slot
        offset = 5 + self.source[at + 4]
        octets = PACKET_BYTES - offset & ~15
        if octets:
            gather(self.source, at + offset, octets, self._scratch)
            cipher.decrypt(self._part_in[octets >> 4], self._part_out[octets >> 4])
        scatter(self.source, self.out, slot | self.filled << 8 | offset << 16, self._scratch)
        self.filled += 1
