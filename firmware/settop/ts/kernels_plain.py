"""Plain twins of settop.ts.kernels_viper: the definition of what those do, and what CPython runs."""

from settop.ts.packet import (
    ACTION_CLEAR,
    ACTION_DAMAGED,
    ACTION_NO_SYNC,
    ACTION_OPEN_PART,
    ACTION_OPEN_WHOLE,
    IN_OFFSET,
    PACKET_BYTES,
    PID_ES,
    SYNC,
)


def classify(source, slot, table):
    """What to do with the packet in input slot `slot`: a PID_ or ACTION_ value of settop.ts.packet."""
    at = IN_OFFSET + PACKET_BYTES * slot
    if source[at] != SYNC:
        return ACTION_NO_SYNC
    high = source[at + 1]
    kind = table[(high & 0x1F) << 8 | source[at + 2]]
    if high & 0x80:
        return ACTION_DAMAGED
    if kind != PID_ES:
        return kind
    control = source[at + 3]
    tsc = control >> 6
    if tsc == 0:
        return ACTION_CLEAR
    if tsc == 1:
        return ACTION_DAMAGED
    if control & 0x30 == 0x10:
        return ACTION_OPEN_WHOLE | tsc & 1
    if control & 0x30 == 0x30 and source[at + 4] < 183:
        return ACTION_OPEN_PART | tsc & 1
    return ACTION_DAMAGED


def copy_packet(source, out, slot, to):
    """Input slot `slot` to output slot `to`, as it is."""
    at = IN_OFFSET + PACKET_BYTES * slot
    out[PACKET_BYTES * to : PACKET_BYTES * (to + 1)] = source[at : at + PACKET_BYTES]


def open_whole(source, out, slot, to):
    """Finish CBC where the 176 octets behind the header were ECB-decrypted from slot to slot.

    Header with TSC cleared, each decrypted block XOR its preceding cipher block, last 8 octets as they came.
    """
    at = IN_OFFSET + PACKET_BYTES * slot
    to *= PACKET_BYTES
    out[to : to + 4] = source[at : at + 4]
    out[to + 3] &= 0x3F
    chain = bytes(source[:IN_OFFSET]) + bytes(source[at + 4 : at + 164])
    _xor(out, to + 4, chain)
    out[to + 180 : to + 188] = source[at + 180 : at + 188]


def gather(source, at, octets, scratch):
    """`octets` bytes from source[at:] to the start of `scratch`, which is word-aligned."""
    scratch[:octets] = source[at : at + octets]


def scatter(source, out, where, scratch):
    """Finish CBC for a packet behind an adaptation field. `where` = slot | to << 8 | payload offset << 16.

    scratch[0:176] holds the cipher blocks, scratch[176:352] their ECB decryption. The rest is copied, TSC cleared.
    """
    slot = where & 0xFF
    to = (where >> 8 & 0xFF) * PACKET_BYTES
    offset = where >> 16
    copy_packet(source, out, slot, to // PACKET_BYTES)
    out[to + 3] &= 0x3F
    octets = PACKET_BYTES - offset & ~15
    out[to + offset : to + offset + octets] = scratch[176 : 176 + octets]
    chain = bytes(source[:IN_OFFSET]) + bytes(scratch[: octets - 16])
    _xor(out, to + offset, chain[:octets])


def _xor(out, at, chain):
    size = len(chain)
    both = int.from_bytes(out[at : at + size], "little") ^ int.from_bytes(chain, "little")
    out[at : at + size] = both.to_bytes(size, "little")
