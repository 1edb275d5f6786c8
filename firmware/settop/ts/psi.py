"""PAT and PMT as far as a terminal needs them (ISO/IEC 13818-1, 2.4.4): which PIDs are what, and where the ECMs are."""

from settop.errors import RemoteError
from settop.ts.packet import payload_offset
from settop.wire.crc import crc32_mpeg2
from settop.wire.ecm import CA_DESCRIPTOR_TAG, unpack_ca_descriptor

TABLE_PAT = 0x00
TABLE_PMT = 0x02
MAX_SECTION_BYTES = 1024


class SectionReader:
    """Sections of one PID, put together from packets. Memory is bounded; a damaged or interrupted one is dropped."""

    def __init__(self):
        self.dropped = 0
        self._part = None
        self._next_cc = None

    def feed(self, packet):
        """List of whole sections (bytes, CRC not yet checked) that end in this packet (188 octets)."""
        at = payload_offset(packet)
        if at >= 188:
            return []
        counter = packet[3] & 0x0F
        if self._next_cc is not None and counter != self._next_cc:
            if counter == self._next_cc - 1 & 0x0F:
                return []  # a duplicate packet (2.4.3.3)
            self._drop()
        self._next_cc = counter + 1 & 0x0F
        done = []
        if packet[1] & 0x40:
            pointer = packet[at]
            at += 1
            if at + pointer > 188:
                self._drop()
                return []
            if self._part is not None:
                self._part.extend(packet[at : at + pointer])
                self._finish(done)
                self._drop()
            at += pointer
            while at < 188 and packet[at] != 0xFF:
                self._part = bytearray(packet[at:188])
                size = self._size()
                if size is None or size > len(self._part):
                    break
                at += size
                self._finish(done)
        elif self._part is not None:
            self._part.extend(packet[at:188])
            self._finish(done)
        return done

    def _size(self):
        part = self._part
        return 3 + ((part[1] & 0x0F) << 8 | part[2]) if len(part) >= 3 else None

    def _finish(self, done):
        size = self._size()
        if size is None:
            return
        if size > MAX_SECTION_BYTES:
            self._drop()
        elif len(self._part) >= size:
            done.append(bytes(self._part[:size]))
            self._part = None

    def _drop(self):
        if self._part is not None:
            self.dropped += 1
        self._part = None


def _body(section, table):
    """Checks the long-form section and returns the index of its CRC."""
    if len(section) < 12 or section[0] != table or not section[1] & 0x80:
        raise RemoteError("not a section of table 0x%02x" % table)
    if crc32_mpeg2(section) != 0:
        raise RemoteError("section of table 0x%02x with a wrong CRC" % table)
    return len(section) - 4


def unpack_pat(section):
    """{programme number: PMT PID}. Raises RemoteError."""
    end = _body(section, TABLE_PAT)
    programmes = {}
    for at in range(8, end - 3, 4):
        number = section[at] << 8 | section[at + 1]
        if number:
            programmes[number] = (section[at + 2] & 0x1F) << 8 | section[at + 3]
    return programmes


def unpack_pmt(section):
    """(programme number, PIDs of its streams and PCR, CA PID or None, programme id of the CA descriptor or None).

    Raises RemoteError, also where a length leads out of the section.
    """
    end = _body(section, TABLE_PMT)
    number = section[3] << 8 | section[4]
    pids = {(section[8] & 0x1F) << 8 | section[9]}
    at = 12
    limit = at + ((section[10] & 0x0F) << 8 | section[11])
    ca = _find_ca(section, at, limit, end)
    at = limit
    while at < end:
        if at + 5 > end:
            raise RemoteError("PMT stream entry leads out of its section")
        pids.add((section[at + 1] & 0x1F) << 8 | section[at + 2])
        limit = at + 5 + ((section[at + 3] & 0x0F) << 8 | section[at + 4])
        ca = _find_ca(section, at + 5, limit, end) or ca
        at = limit
    return number, pids, ca[0] if ca else None, ca[1] if ca else None


def _find_ca(section, at, limit, end):
    if limit > end:
        raise RemoteError("PMT descriptors lead out of their section")
    found = None
    while at + 2 <= limit:
        size = 2 + section[at + 1]
        if at + size > limit:
            raise RemoteError("PMT descriptor leads out of its loop")
        if section[at] == CA_DESCRIPTOR_TAG:
            found = unpack_ca_descriptor(section[at : at + size]) or found
        at += size
    return found
