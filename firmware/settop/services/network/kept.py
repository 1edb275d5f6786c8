"""What the network keeps from one start to the next: a record of the service "network" (settop.services.face).

    time    version u8 = 1, seconds since 1970 u64: the last time that somebody authenticated

A board without a clock knows no better time than that, and refuses what had expired by then (settop.net.tls).
"""

import struct

from settop.errors import RemoteError, RingcastError

FLOOR_S = 1793491200  # 1 November 2026: this firmware is younger
AUTHORITY = "authority.der"  # on the board's file system: the certificate of whom https believes, in DER
MAX_AUTHORITY_OCTETS = 4096
STEP_S = 86400  # it is stored when it has moved so far: flash wears
_LATEST_S = 253402300799  # the end of the year 9999, behind which no certificate can say a date
_VERSION = 1
_FORMAT = ">BQ"


class KeptTime:
    """`now_s`: what is known to have been, seconds since 1970. What is wrong is told by report(event, text)."""

    def __init__(self, records, report):
        self._records = records
        self._report = report
        self.now_s = FLOOR_S
        try:
            data = records.load("time")
            if data is not None:
                self.now_s = max(FLOOR_S, _unpack(data))
        except (RingcastError, OSError, MemoryError) as error:
            report("error", "the time that was known cannot be read (%s): an older certificate may pass" % error)
        self._stored_s = self.now_s

    def keep(self, now_s):
        """It is so late. Stored at most once in STEP_S of this count."""
        self.now_s = max(self.now_s, now_s)
        if self.now_s < self._stored_s + STEP_S:
            return
        self._store()

    def forget(self):
        """Back to the day of the firmware, where a server has led astray."""
        self.now_s = FLOOR_S
        self._store()

    def _store(self):
        self._stored_s = self.now_s  # whether it can be stored or not: a flash that refuses is not asked in every turn
        try:
            self._records.store("time", struct.pack(_FORMAT, _VERSION, self.now_s))
        except (RingcastError, OSError, MemoryError) as error:
            self._report("error", "the time that is known now cannot be stored: %s" % error)


def _unpack(data):
    if len(data) != struct.calcsize(_FORMAT) or data[0] != _VERSION:
        raise RemoteError("%d bytes of an unknown version" % len(data))
    now_s = struct.unpack(_FORMAT, data)[1]
    if now_s > _LATEST_S:
        raise RemoteError("a time behind all dates")
    return now_s


def trust(board, now_s, report):
    """A settop.net.tls.Trust in the authority whose certificate is on the board, or None where there is none, or it is
    damaged, which is told."""
    from settop.keystore.files import SlotFiles

    try:
        data = (getattr(board, "FILES", None) or SlotFiles()).read(AUTHORITY, MAX_AUTHORITY_OCTETS + 1)
        if data is None:
            return None
        if len(data) > MAX_AUTHORITY_OCTETS:
            raise RemoteError("more than %d octets" % MAX_AUTHORITY_OCTETS)
        from settop.net.board_clock import set_clock
        from settop.net.tls import Trust

        return Trust(bytes(data), now_s, set_clock=set_clock)
    except (RingcastError, OSError, MemoryError) as error:
        report("error", "%s is of no use, so there is no https: %s" % (AUTHORITY, error))
        return None
