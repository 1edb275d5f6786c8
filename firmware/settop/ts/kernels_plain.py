"""Plain twins of settop.ts.kernels_viper: the definition of what those do, and what CPython runs."""

from time import sleep

from settop.ts.packet import (
    ACTION_CLEAR,
    ACTION_DAMAGED,
    ACTION_OPEN_PART,
    ACTION_OPEN_WHOLE,
    COUNTER_KNOWN,
    COUNTER_SHIFT,
    IN_OFFSET,
    PID_DROP,
    PID_ES,
    PID_KIND,
    WORK_END,
    WORK_FIRST,
    WORK_HEAD,
    payload_offset,
)
from settop.wire.transport import CISSA_IV, PACKET_BYTES, SYNC


def sort(source, table, plan, span):
    """Say in `plan` what to do with each of the first packets; returns how many are in step | packets lost << 8.

    span: packets to look at | octets present << 8. A packet is in step when its sync octet is in its place, and the
    one behind it too, if that octet is present. plan[slot]: a PID_ or ACTION_ value of settop.ts.packet. Packets lost:
    those that the continuity counters of PIDs not dropped miss (ISO/IEC 13818-1, 2.4.3.3), modulo 16 for each gap.
    """
    count = span & 0xFF
    end = IN_OFFSET + (span >> 8)
    lost = 0
    for slot in range(count):
        at = IN_OFFSET + PACKET_BYTES * slot
        after = at + PACKET_BYTES
        if source[at] != SYNC or (after < end and source[after] != SYNC):
            return slot | lost << 8
        head = source[at : at + 6]
        pid = (head[1] & 0x1F) << 8 | head[2]
        kind = table[pid] & PID_KIND
        if kind and not head[1] & 0x80:
            lost += _count_missing(head, table, pid)
        plan[slot] = _action(head, kind)
    return count | lost << 8


def _count_missing(head, table, pid):
    """Note the packet's counter in its PID's octet; returns how many packets are missing before it."""
    entry = table[pid]
    kind = entry & PID_KIND
    control = head[3]
    if control & 0x20 and head[4] and head[5] & 0x80:
        entry = kind  # discontinuity_indicator: the counter may begin anew
    missing = 0
    if control & 0x10:
        if entry & COUNTER_KNOWN:
            missing = (control - (entry >> COUNTER_SHIFT) - 1) & 0x0F
            if missing == 0x0F:
                missing = 0  # the same packet sent twice
        entry = kind | COUNTER_KNOWN | (control & 0x0F) << COUNTER_SHIFT
    table[pid] = entry
    return missing


def _action(head, kind):
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


def reach(plan, span):
    """How far a run of packets under one key goes; returns the slot behind it | its packets << 8 | middle << 16.

    span: slot of the first packet, which is to be opened | number of sorted packets << 8 | most packets << 16. The run
    takes in packets for the same key and passes over dropped ones; anything else ends it. middle: the slot where its
    second half begins, the smaller one of an odd number.
    """
    first = slot = span & 0xFF
    count = span >> 8 & 0xFF
    most = span >> 16
    key = plan[slot] & 1 | ACTION_OPEN_WHOLE
    packets = 0
    while slot < count:
        if plan[slot] != PID_DROP:
            if packets == most or plan[slot] & ~(ACTION_OPEN_WHOLE ^ ACTION_OPEN_PART) != key:
                break
            packets += 1
        slot += 1
    left = packets + 1 >> 1
    middle = first
    while left:
        if plan[middle] != PID_DROP:
            left -= 1
        middle += 1
    return slot | packets << 8 | middle << 16


def pack(source, work, plan, span):
    """Gather the cipher blocks of a run behind the head of `work`, which keeps the span; returns the number of blocks.

    span: the run's first slot | the slot behind it << 8, as reach() gives it for MAX_RUN packets at most.
    """
    first, end = span & 0xFF, span >> 8
    work[WORK_FIRST] = first
    work[WORK_END] = end
    to = WORK_HEAD
    for slot in range(first, end):
        if plan[slot] != PID_DROP:
            at = IN_OFFSET + PACKET_BYTES * slot
            offset = payload_offset(source[at : at + 5])
            octets = PACKET_BYTES - offset & ~15
            work[to : to + octets] = source[at + offset : at + offset + octets]
            to += octets
    return (to - WORK_HEAD) >> 4


def unpack(source, work, out, plan):
    """Write the packets of pack()'s run to `out`, one behind the other; its blocks in `work` are ECB-decrypted.

    Header with TSC cleared, adaptation field, each decrypted block XOR its preceding cipher block (CBC), the residue
    behind the last whole block as it came.
    """
    done = WORK_HEAD
    to = 0
    for slot in range(work[WORK_FIRST], work[WORK_END]):
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


def await_octet(octets, limit):
    """Wait until the first octet is not 0, `limit` looks at most; returns it."""
    while limit and not octets[0]:
        limit -= 1
        sleep(0)  # lets other threads run where they share one interpreter
    return octets[0]


def copy_packet(source, out, slot, to):
    """Input slot `slot` to output slot `to`, as it is."""
    at = IN_OFFSET + PACKET_BYTES * slot
    out[PACKET_BYTES * to : PACKET_BYTES * (to + 1)] = source[at : at + PACKET_BYTES]
