"""What tests ask of settop.player.programmes, and how they feed it; runs on MicroPython too."""

import small_stream as air
from settop.player.programmes import Programmes
from settop.services.call.opener import recognise
from settop.ts import packet as ts


def feed(programmes, pid, section, counter=0):
    for one in air.section_packets(pid, section, counter):
        if pid:
            programmes.feed_pmt(one)
        else:
            programmes.feed_pat(one)


def named(programmes):
    """{PID: kind} of all that tables have named."""
    return {pid: kind for pid, kind in enumerate(programmes.table) if pid >= 0x20 and kind}


def base_is_whole(programmes):
    """PAT, CAT and what else lies below 0x10 are what they always are, and so are null packets."""
    table = programmes.table
    return bytes(table[:0x10]) == bytes(ts.new_pid_table()[:0x10]) and table[ts.NULL_PID] == ts.PID_DROP


def pairs(programmes):
    """[(service, PMT PID), ...] that are followed."""
    out = []
    held = programmes._pairs
    for at in range(0, len(held), 4):
        out.append((held[at] << 8 | held[at + 1], held[at + 2] << 8 | held[at + 3]))
    return out


def kind(programmes, pid):
    return programmes.table[pid] & ts.PID_KIND


def tuned(*pmts):
    """One PAT for the PMTs ((number, section), ...) on PIDs 0x1000 + number, and the PMTs."""
    programmes = Programmes(recognise)
    feed(programmes, 0, air.pat([(number, 0x1000 + number) for number, _ in pmts]))
    for number, section in pmts:
        feed(programmes, 0x1000 + number, section)
    return programmes
