"""A scrambled file read again: is anything of an announced programme clear in it?"""

import os
from collections import Counter

import numpy as np
from settop.wire.transport import PACKET_BYTES

from headend.ts.packets import HAS_PAYLOAD, IS_DAMAGED, TsFile, header_words, payload_offsets, pids_of
from headend.ts.signal.roles import STREAM, RoleCursor, plan_roles
from headend.ts.signal.signalling import ca_pid_of
from headend.ts.survey import survey


def exposed_packets(path: str | os.PathLike[str]) -> Counter[int]:
    """By PID, the packets with a payload that came out clear though a PMT in force announces their stream as scrambled.

    A file without any programme of ours has none. Raises RemoteError where it is no transport stream, OSError.
    """
    exposed: Counter[int] = Counter()
    with TsFile(path) as source:
        cursor = RoleCursor(plan_roles(survey(source), lambda pmt: ca_pid_of(pmt) is not None))
        for first, chunk in source.chunks():
            words = header_words(chunk, first)
            pids = pids_of(words)
            clear = (cursor.roles(first, pids) == STREAM) & (words & (0x80 | IS_DAMAGED | HAS_PAYLOAD) == HAS_PAYLOAD)
            rows = np.flatnonzero(clear)
            rows = rows[payload_offsets(chunk[rows], words[rows]) < PACKET_BYTES]
            exposed.update(pids[rows].tolist())
    return exposed
