"""MPEG-TS packets (ISO/IEC 13818-1, 2.4.3) in fixed slots, and what the tuner should do with each.

Input slots lie behind 16 octets that hold the CISSA initialisation vector, so that a packet's first cipher block has
its predecessor at a fixed place: slot i starts at IN_OFFSET + 188 * i. Output slots start at 188 * m.
"""

from settop.wire.transport import CISSA_IV, LOWEST_FREE_PID, PACKET_BYTES, SDT_PID

PIDS = 0x2000

IN_OFFSET = len(CISSA_IV)

# What a PID is, the low bits of its octet in a table of PIDS. Above them sort() keeps the PID's continuity counter.
PID_KIND = 0x07
COUNTER_KNOWN = 0x08
COUNTER_SHIFT = 4
PID_DROP = 0
PID_PASS = 1
PID_ES = 2
PID_ECM = 3
PID_PAT = 4
PID_PMT = 5
PID_SDT = 6
PID_OTHER_PMT = 7  # of a service that the viewer has not chosen: read and not put out

# What sort() makes of a packet: the PID's own value, or for an elementary stream one of these.
ACTION_CLEAR = 2  # not scrambled
ACTION_OPEN_WHOLE = 8  # scrambled, payload of 184 octets; + 1 for an odd key
ACTION_OPEN_PART = 10  # scrambled, behind an adaptation field; + 1 for an odd key
ACTION_DAMAGED = 14  # transport error, reserved TSC or an impossible adaptation field

MAX_SLOTS = 32
MAX_RUN = 16  # packets that one core opens in one go
# A core's work buffer: which slots its run is made of, then the run's cipher blocks.
WORK_FIRST = 0
WORK_END = 1
WORK_HEAD = 4
VIEW_SHIFT = 2  # there is a view for every fourth number of blocks: a run's cipher call may take in up to 3 more


def new_input(slots):
    """A zeroed input buffer for `slots` packets with the initialisation vector in front."""
    buffer = bytearray(IN_OFFSET + PACKET_BYTES * slots)
    buffer[:IN_OFFSET] = CISSA_IV
    return buffer


def new_work(packets):
    """A work buffer for runs of so many packets, a whole number of its views."""
    return bytearray(WORK_HEAD + 16 * (11 * packets + 3 & ~3))


def block_views(work):
    """Views of a work buffer's first blocks; [(blocks + 3) >> VIEW_SHIFT] holds so many, or a few more."""
    view = memoryview(work)
    step = 16 << VIEW_SHIFT
    return [view[WORK_HEAD : WORK_HEAD + step * n] for n in range((len(work) - WORK_HEAD) // step + 1)]


def new_pid_table():
    """PAT and the PIDs of service information pass, everything else is dropped until a PMT names it."""
    table = bytearray(PIDS)
    for pid in range(LOWEST_FREE_PID):
        table[pid] = unnamed(pid)
    return table


def unnamed(pid):
    """What a PID is that no table names."""
    if pid >= LOWEST_FREE_PID:
        return PID_DROP
    return PID_SDT if pid == SDT_PID else PID_PASS if pid else PID_PAT


def payload_offset(packet):
    """Offset of the payload in a packet; 188 where there is none or the adaptation field is impossible."""
    control = packet[3] & 0x30
    if control == 0x10:
        return 4
    if control == 0x30 and packet[4] < 183:
        return 5 + packet[4]
    return PACKET_BYTES
