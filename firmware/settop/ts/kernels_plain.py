"""Plain twins of settop.ts.kernels_viper: the definition of what those do, and what CPython runs."""

from settop.ts.packet import (
    ACTION_CLEAR,
    ACTION_DAMAGED,
    ACTION_OPEN_PART,
    ACTION_OPEN_WHOLE,
    CISSA_IV,
    IN_OFFSET,
    MAX_RUN,
    PACKET_BYTES,
    PID_DROP,
    PID_ES,
    PLAN_END,
    PLAN_FIRST,
    PLAN_PACKETS,
    SYNC,
    payload_offset,
)


def sort(source, table, plan, span):
    """Say in `plan` what to do with each of the first packets; returns how many of them are in step.

    span: packets to look at | octets present << 8. A packet is in step when its sync octet is in its place, and the
    one behind it too, if that octet is present. plan[slot]: a PID_ or ACTION_ value of settop.ts.packet.
    """
    count = span & 0xFF
    end = IN_OFFSET + (span >> 8)
    for slot in range(count):
        at = IN_OFFSET + PACKET_BYTES * slot
        after = at + PACKET_BYTES
        if source[at] != SYNC or (after < end and source[after] != SYNC):
            return slot
        plan[slot] = _action(source[at : at + 5], table)
    return count


def _action(head, table):
    kind = table[(head[1] & 0x1F) << 8 | head[2]]
    if head[1] & 0x80:
        return ACTION_DAMAGED
    if kind != PID_ES:
        return kind
    control = head[3]
    tsc = control >> 6
    if tsc == 0:
        return ACTION_CLEAR
    if tsc == 1:
        return ACTION_DAMAGED
    if control & 0x30 == 0x10:
        return ACTION_OPEN_WHOLE | tsc & 1
    if control & 0x30 == 0x30 and head[4] < 183:
        return ACTION_OPEN_PART | tsc & 1
    return ACTION_DAMAGED


def pack(source, work, plan, span):
    """Gather the cipher blocks of a run of packets at the start of `work`; returns the number of blocks.

    span: slot of the first packet, which is to be opened | number of sorted packets << 8. The run takes in packets for
    the same key, MAX_RUN at most, and passes over dropped ones; anything else ends it. The plan's tail describes it.
    """
    slot = plan[PLAN_FIRST] = span & 0xFF
    key = plan[slot] & 1 | ACTION_OPEN_WHOLE
    packets = to = 0
    while slot < span >> 8:
        if plan[slot] != PID_DROP:
            if packets == MAX_RUN or plan[slot] & ~(ACTION_OPEN_WHOLE ^ ACTION_OPEN_PART) != key:
                break
            packets += 1
            at = IN_OFFSET + PACKET_BYTES * slot
            offset = payload_offset(source[at : at + 5])
            octets = PACKET_BYTES - offset & ~15
            work[to : to + octets] = source[at + offset : at + offset + octets]
            to += octets
        slot += 1
    plan[PLAN_END] = slot
    plan[PLAN_PACKETS] = packets
    return to >> 4


def unpack(source, work, out, plan):
    """Write the last run's packets to `out`, one behind the other, where pack()'s blocks in `work` are ECB-decrypted.

    Header with TSC cleared, adaptation field, each decrypted block XOR its preceding cipher block (CBC), the residue
    behind the last whole block as it came.
    """
    done = to = 0
    for slot in range(plan[PLAN_FIRST], plan[PLAN_END]):
        if plan[slot] == PID_DROP:
            continue
        at = IN_OFFSET + PACKET_BYTES * slot
        packet = bytes(source[at : at + PACKET_BYTES])
        offset = payload_offset(packet)
        octets = PACKET_BYTES - offset & ~15
        chain = (CISSA_IV + packet[offset:])[:octets]
        clear = int.from_bytes(work[done : done + octets], "little") ^ int.from_bytes(chain, "little")
        out[to : to + PACKET_BYTES] = packet
        out[to + 3] &= 0x3F
        out[to + offset : to + offset + octets] = clear.to_bytes(octets, "little")
        done += octets
        to += PACKET_BYTES


def copy_packet(source, out, slot, to):
    """Input slot `slot` to output slot `to`, as it is."""
    at = IN_OFFSET + PACKET_BYTES * slot
    out[PACKET_BYTES * to : PACKET_BYTES * (to + 1)] = source[at : at + PACKET_BYTES]
