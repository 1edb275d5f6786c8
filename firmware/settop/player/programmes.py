"""What each PID is, learnt from PAT and PMTs: the table that sorts packets, and where this broadcast's ECMs are.

A stream is opened only where its programme names the CA PID and programme id in use, those of the programme with the
lowest number that has our CA descriptor: one keyring, one broadcast. The PIDs of service information, PAT, PMTs and
ECMs keep their meaning whatever a PMT says, and hostile tables cannot take more memory than the limits below.
"""

from settop.errors import RemoteError
from settop.ts import packet as ts
from settop.ts.psi import TABLE_PAT, TABLE_PMT, SectionReader, is_current, unpack_pat, unpack_pmt
from settop.wire import dark

MAX_PROGRAMMES = 16
MAX_STREAMS = 48  # of one programme
LOWEST_PID = 0x20  # PIDs below are PAT, CAT and service information


class Programmes:
    """`table`: the octet of each PID (settop.ts.packet PID_*). `ca`: (ECM PID, programme id) in use, or None; `offer`:
    the price that is announced with it, or None."""

    def __init__(self):
        self.table = ts.new_pid_table()
        self.ca = None
        self.offer = None
        self._pat = SectionReader()
        self._pat_crc = {}  # CRC by section number, of the PAT in force
        self._pat_version = None
        self._pmt_pids = {}  # by programme number
        self._readers = {}  # by PMT PID
        self._pmts = {}  # (CRC, Pmt) by programme number

    def missing(self):
        """Why the tables lead to no ECM: NO_PAT, NO_PMT or NOT_OURS of settop.wire.dark; CLEAR where they do."""
        if self.ca is not None:
            return dark.CLEAR
        if self._pat_version is None:
            return dark.NO_PAT
        return dark.NOT_OURS if self._pmts and len(self._pmts) == len(self._pmt_pids) else dark.NO_PMT

    def feed_pat(self, packet):
        """Take a packet of PID 0. Raises RemoteError for a table that breaks the rules; the old one then stays."""
        for section in self._pat.feed(packet):
            if section[0] == TABLE_PAT:
                self._on_pat(section)

    def feed_pmt(self, packet):
        """Take a packet of a PMT PID (188 octets). Raises RemoteError as feed_pat."""
        pid = (packet[1] & 0x1F) << 8 | packet[2]
        reader = self._readers.get(pid)
        for section in reader.feed(packet) if reader else ():
            if section[0] == TABLE_PMT:
                self._on_pmt(pid, section)

    def _on_pat(self, section):
        if len(section) >= 12 and self._pat_crc.get(section[6]) == section[-4:]:
            return  # the same again
        programmes = unpack_pat(section)
        if not is_current(section):
            return
        for pid in programmes.values():
            _check_pid(pid, "PMT")
        version = bytes(section[3:6])  # transport stream id and version
        # A PAT in several sections (last_section_number) is the sum of those of one version.
        known = self._pmt_pids if section[7] and version == self._pat_version else {}
        wanted = dict(known)
        wanted.update(programmes)
        if len(wanted) > MAX_PROGRAMMES:
            raise RemoteError("PAT of %d programmes, at most %d are followed" % (len(wanted), MAX_PROGRAMMES))
        if known is not self._pmt_pids:
            self._pat_crc = {}
        elif len(self._pat_crc) == MAX_PROGRAMMES:
            raise RemoteError("PAT of more than %d sections" % MAX_PROGRAMMES)
        self._pat_version = version
        self._pat_crc[section[6]] = section[-4:]
        self._clear()
        for number in list(self._pmts):
            if wanted.get(number) != self._pmt_pids.get(number):
                del self._pmts[number]
        self._pmt_pids = wanted
        self._readers = {pid: self._readers.get(pid) or SectionReader() for pid in wanted.values()}
        self._fill()

    def _on_pmt(self, pid, section):
        if len(section) < 12:
            raise RemoteError("PMT of %d octets, expected 16 or more" % len(section))
        number = section[3] << 8 | section[4]
        if self._pmt_pids.get(number) != pid:
            return  # not announced here: another programme's PID, or an old one's
        known = self._pmts.get(number)
        if known is not None and known[0] == section[-4:]:
            return
        pmt = unpack_pmt(section)
        if not is_current(section):
            return
        if len(pmt.streams) + len(pmt.tables) > MAX_STREAMS:
            raise RemoteError("PMT of more than %d streams" % MAX_STREAMS)
        if pmt.ca is not None:
            _check_pid(pmt.ca[0], "ECM")
        self._clear()
        self._pmts[number] = (section[-4:], pmt)
        self._fill()

    def _clear(self):
        """Forget every PID that a table named."""
        table = self.table
        for pid in self._pmt_pids.values():
            table[pid] = ts.PID_DROP
        for _, pmt in self._pmts.values():
            for pids in (pmt.streams, pmt.tables):
                for pid in pids:
                    if pid >= LOWEST_PID:
                        table[pid] = ts.PID_DROP
        if self.ca is not None:
            table[self.ca[0]] = ts.PID_DROP

    def _fill(self):
        """Enter what the tables name, the stronger meaning last: section, stream, PMT, ECM."""
        table = self.table
        ca = offer = None
        for number in sorted(self._pmts):
            if ca is None:
                ca, offer = self._pmts[number][1].ca, self._pmts[number][1].offer
        self.ca = ca
        self.offer = offer
        if ca is not None:
            chosen = [pmt for _, pmt in self._pmts.values() if pmt.ca == ca]
            for pmt in chosen:
                _enter(table, pmt.tables, ts.PID_PASS)
            for pmt in chosen:
                _enter(table, pmt.streams, ts.PID_ES)
        for pid in self._pmt_pids.values():
            table[pid] = ts.PID_PMT
        if ca is not None:
            table[ca[0]] = ts.PID_ECM


def _enter(table, pids, kind):
    for pid in pids:
        if LOWEST_PID <= pid < ts.NULL_PID:
            table[pid] = kind


def _check_pid(pid, what):
    if not LOWEST_PID <= pid < ts.NULL_PID:
        raise RemoteError("%s on PID 0x%04x, expected 0x0020 to 0x1ffe" % (what, pid))
